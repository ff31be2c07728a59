//! Runs `explain`: prints the actions that a request is, the decision and its reasons. Nothing is resolved and nothing is sent.

mod recorded;

use std::io::Read;

use bytes::Bytes;

use super::Context;
use super::args::Explain;
use super::failure::{Exit, Failure, Outcome};
use super::workspace::{Pins, StoreView, Workspace};
use crate::model::header_value;
use crate::model::show::escape;
use crate::simulate::explain::{ExplainedAnswer, Explanation, Question, explain};
use crate::vault::Keyring;

/// The longest body read, in bytes.
const MAX_BODY: u64 = 16 * 1024 * 1024;

pub(super) async fn run(context: &Context, args: &Explain) -> Outcome {
    let (Some(url), Some(name)) = (&args.url, &args.agent) else {
        return recorded::run(context, &args.method);
    };
    let headers = headers(&args.headers)?;
    let body = body(args.body.as_deref())?;
    let question = Question::parse(&args.method, url, &headers, body)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let workspace = Workspace::load(context)?;
    // Without a store the files alone answer.
    let view = StoreView::read_if_there(&workspace.config().store_url).await?;
    let agents = workspace.agents(view.as_ref());
    let agent = agents
        .iter()
        .find(|agent| agent.name.as_str() == name)
        .ok_or_else(|| {
            Failure::failed(
                "unknown_agent",
                format!("there is no agent `{}`", escape(name)),
            )
            .help("list them: `tollgate agent list`")
        })?;
    let snapshot = workspace.snapshot(view.as_ref())?;
    let stored = view.as_ref().map_or(&[][..], |view| &view.credentials);
    let keyring = Keyring::default();
    keyring.replace(workspace.credentials(snapshot.catalog(), stored, &Pins::new())?);
    let explanation = explain(
        &snapshot,
        &keyring,
        agent,
        &context.process.clock,
        &question,
    );
    if context.output.is_json() {
        context.output.document(&explanation)?;
    } else {
        print(context, &explanation)?;
    }
    Ok(Exit::Done)
}

fn print(context: &Context, explanation: &Explanation) -> Result<(), Failure> {
    let mut lines = vec![format!("decision   {}", explanation.decision)];
    let mut add = |name: &str, text: Option<&str>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            lines.push(format!("{name:<10} {}", escape(text)));
        }
    };
    add("code", explanation.code);
    add("detail", explanation.detail.as_deref());
    add("suggest", explanation.suggest.as_deref());
    add("connector", explanation.connector.as_deref());
    for action in &explanation.actions {
        let special = if action.special {
            ", must be named"
        } else {
            ""
        };
        add(
            "action",
            Some(&format!("{} (risk {}{special})", action.name, action.risk)),
        );
        add("", action.summary.as_deref());
        for (name, value) in &action.params {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            add("", Some(&format!("{name} = {value}")));
        }
    }
    add("by", Some(&explanation.by.join(", ")));
    add("credential", explanation.credential.as_deref());
    for failure in &explanation.failures {
        add("failed", Some(failure));
    }
    add("sent", explanation.sent.as_deref());
    add("not sent", Some(&explanation.dropped_headers.join(", ")));
    add("answer", explanation.answer.as_ref().map(answer).as_deref());
    context.output.line(&lines.join("\n"))
}

fn answer(answer: &ExplainedAnswer) -> String {
    let places = answer.response_secrets.join(", ");
    if answer.masked {
        format!("with a placeholder in place of the credential at {places}")
    } else {
        format!(
            "with the credential at {places}, which the agent may have (`response_secrets: pass`)"
        )
    }
}

fn headers(written: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let split = |header: &String| {
        let (name, value) = header.split_once(':').ok_or_else(|| {
            Failure::usage(format!(
                "`{}` is not a header: it is `Name: value`",
                escape(header)
            ))
        })?;
        // Not more: what servers read differently must reach the judgement.
        Ok((
            header_value::trim(name).to_owned(),
            header_value::trim(value).to_owned(),
        ))
    };
    written.iter().map(split).collect()
}

fn body(written: Option<&str>) -> Result<Bytes, Failure> {
    let Some(written) = written else {
        return Ok(Bytes::new());
    };
    let Some(file) = written.strip_prefix('@') else {
        return Ok(Bytes::copy_from_slice(written.as_bytes()));
    };
    let failed = |error: std::io::Error| {
        Failure::failed(
            "input",
            format!("`{}` cannot be read: {error}", escape(file)),
        )
    };
    let mut bytes = Vec::new();
    let read = match file {
        "-" => std::io::stdin()
            .lock()
            .take(MAX_BODY + 1)
            .read_to_end(&mut bytes),
        path => std::fs::File::open(path)
            .map_err(failed)?
            .take(MAX_BODY + 1)
            .read_to_end(&mut bytes),
    };
    let read = read.map_err(failed)?;
    if u64::try_from(read).is_ok_and(|read| read > MAX_BODY) {
        return Err(Failure::failed(
            "input",
            format!("the body is over {MAX_BODY} bytes"),
        ));
    }
    Ok(bytes.into())
}
