//! Runs `explain REQUEST_ID`: prints what the journal holds of one request, from its actions to its end.

use serde_json::{Value as Json, json};

use crate::admin::service::records::RequestRecords;
use crate::cli::Context;
use crate::cli::api::Api;
use crate::cli::audit::line::shown;
use crate::cli::audit::{directory, document, newest};
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::journal::{Decided, Finished, Line, Query};
use crate::model::show::escape;

/// Records of one request: there are two.
const MOST: usize = 16;

pub(super) async fn run(context: &Context, request_id: &str) -> Outcome {
    if request_id.parse::<ulid::Ulid>().is_err() {
        let shown = escape(request_id);
        return Err(
            Failure::usage(format!("`{shown}` is not the id of a request"))
                .help("give one, as in `Tollgate-Request-Id`; or a method, a URL and `--agent`"),
        );
    }
    if let Some(api) = Api::remote(context)? {
        let path = format!("/api/v1/records/{request_id}");
        let found: RequestRecords = api.get(path).await?;
        return elsewhere(context, &found);
    }
    let query = Query {
        request_id: Some(request_id.to_owned()),
        ..Query::default()
    };
    let lines = newest(&directory(context)?, query, MOST)?;
    let Some(decided) = lines.iter().find(|line| line.decided().is_some()) else {
        return Err(Failure::failed(
            "unknown_request",
            format!("the journal has no request `{request_id}`"),
        ));
    };
    let finished = lines.iter().find(|line| line.finished().is_some());
    if context.output.is_json() {
        let whole = |line: Option<&Line>| line.map_or(Json::Null, document);
        context.output.document(&json!({
            "request_id": request_id, "decided": document(decided), "finished": whole(finished),
        }))?;
    } else {
        let time = decided.front().map_or("", |front| front.time);
        let record = decided.decided().unwrap_or_default();
        let lines = told(time, &record, finished.and_then(Line::finished).as_ref());
        context.output.line(&lines.join("\n"))?;
    }
    Ok(Exit::Done)
}

/// Prints what the gateway of `--server` knows of a request.
fn elsewhere(context: &Context, found: &RequestRecords) -> Outcome {
    if context.output.is_json() {
        context.output.document(found)?;
        return Ok(Exit::Done);
    }
    let text = |record: &Json| Line::of(record.to_string().as_bytes());
    let (decided, finished) = (text(&found.decided), text(&found.finished));
    let time = decided.front().map_or("", |front| front.time);
    let record = decided.decided().unwrap_or_default();
    let lines = told(time, &record, finished.finished().as_ref());
    context.output.line(&lines.join("\n"))?;
    Ok(Exit::Done)
}

fn told(time: &str, decided: &Decided<'_>, finished: Option<&Finished<'_>>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |name: &str, text: &str| {
        if !text.is_empty() {
            lines.push(format!("{name:<10} {}", escape(text)));
        }
    };
    add("decision", &decided.decision);
    add("code", &decided.code);
    add("time", time);
    add("agent", &decided.agent);
    let target = format!("{} {}{}", decided.method, decided.host, decided.path);
    add("request", target.trim());
    for action in decided.actions() {
        add("action", &format!("{} (risk {})", action.name, action.risk));
        for (name, value) in &action.params {
            add("", &format!("{name} = {}", shown(value)));
        }
    }
    add("by", &decided.by.join(", "));
    add("failed", &decided.failures.join(", "));
    add("credential", &decided.credential);
    match finished {
        Some(finished) => {
            let status = finished.status.map(|status| status.to_string());
            let ended = [
                finished.outcome.as_ref(),
                status.as_deref().unwrap_or_default(),
                &finished.code,
                &finished.failure,
            ];
            let ended: Vec<&str> = ended.into_iter().filter(|word| !word.is_empty()).collect();
            let took = finished.duration_ms;
            add("finished", &format!("{} after {took} ms", ended.join(" ")));
            for (name, value) in &finished.answer() {
                add("", &format!("{name} = {}", shown(value)));
            }
        }
        // A refusal has one record; what was allowed and has no second one may have taken effect.
        None if decided.decision == "allow" => add("finished", "not recorded: outcome unknown"),
        None => {}
    }
    lines
}
