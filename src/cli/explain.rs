//! Runs `explain`: prints the actions that a request is, the decision and its reasons. Nothing is resolved and nothing is sent.

mod recorded;
mod shown;

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::Context;
use super::api::Api;
use super::args::Explain;
use super::failure::{Exit, Failure, Outcome};
use super::workspace::{Pins, Workspace, read_if_there};
use crate::admin::Asked;
use crate::model::header_value;
use crate::model::show::escape;
use crate::simulate::explain::{Question, explain};
use crate::vault::Keyring;

/// The longest body read, in bytes.
const MAX_BODY: u64 = 16 * 1024 * 1024;

pub(super) async fn run(context: &Context, args: &Explain) -> Outcome {
    let Some(url) = &args.url else {
        return recorded::run(context, &args.method).await;
    };
    let name = &args.agent;
    let headers = headers(&args.headers)?;
    let body = body(args.body.as_deref())?;
    let question = Question::parse(&args.method, url, &headers, body)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let explanation = match Api::running(context).await? {
        Some(api) => {
            let asked = Asked {
                agent: name.clone(),
                method: args.method.clone(),
                url: url.clone(),
                headers,
                body: None,
                body_base64: Some(STANDARD.encode(&question.body)),
            };
            api.post("/api/v1/explain", &asked).await?
        }
        None => by_files(context, name, &question).await?,
    };
    if context.output.is_json() {
        context.output.document(&explanation)?;
    } else {
        context
            .output
            .line(&shown::lines(&explanation).join("\n"))?;
    }
    Ok(Exit::Done)
}

/// Explains by the files, and the store where there is one.
async fn by_files(context: &Context, name: &str, question: &Question) -> Result<Json, Failure> {
    let workspace = Workspace::load(context)?;
    // Without a store the files alone answer.
    let view = read_if_there(&workspace.config().store_url).await?;
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
    let clock = &context.process.clock;
    Ok(json!(explain(&snapshot, &keyring, agent, clock, question)))
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
