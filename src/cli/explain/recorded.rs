//! Runs `explain REQUEST_ID`: prints what the journal holds of one request, from its actions to its end.

use serde_json::{Value as Json, json};

use crate::cli::Context;
use crate::cli::audit::line::shown;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::workspace::Workspace;
use crate::model::show::escape;
use crate::store::EventFilter;

pub(super) async fn run(context: &Context, request_id: &str) -> Outcome {
    if request_id.parse::<ulid::Ulid>().is_err() {
        let shown = escape(request_id);
        return Err(
            Failure::usage(format!("`{shown}` is not the id of a request"))
                .help("give one, as in `Tollgate-Request-Id`; or a method, a URL and `--agent`"),
        );
    }
    let store = Workspace::load(context)?.open_store().await?;
    let filter = EventFilter {
        request_id: Some(request_id.to_owned()),
        ..EventFilter::default()
    };
    let records: Vec<Json> = store
        .events(&filter)
        .await?
        .iter()
        .filter_map(|event| serde_json::from_str(&event.body).ok())
        .collect();
    let of_kind = |kind: &str| {
        records
            .iter()
            .find(|record| record.get("kind").and_then(Json::as_str) == Some(kind))
    };
    let Some(decided) = of_kind("decided") else {
        return Err(Failure::failed(
            "unknown_request",
            format!("the journal has no request `{request_id}`"),
        ));
    };
    let finished = of_kind("finished");
    if context.output.is_json() {
        context.output.document(
            &json!({ "request_id": request_id, "decided": decided, "finished": finished }),
        )?;
    } else {
        context.output.line(&told(decided, finished).join("\n"))?;
    }
    Ok(Exit::Done)
}

fn told(decided: &Json, finished: Option<&Json>) -> Vec<String> {
    let text = |record: &Json, key: &str| record.get(key).map(shown).unwrap_or_default();
    let mut lines = Vec::new();
    let mut add = |name: &str, text: &str| {
        if !text.is_empty() {
            lines.push(format!("{name:<10} {}", escape(text)));
        }
    };
    add("decision", &text(decided, "decision"));
    add("code", &text(decided, "code"));
    add("time", &text(decided, "time"));
    add("agent", &text(decided, "agent"));
    let target = format!("{}{}", text(decided, "host"), text(decided, "path"));
    add(
        "request",
        format!("{} {target}", text(decided, "method")).trim(),
    );
    let actions = decided.get("actions").and_then(Json::as_array);
    for action in actions.into_iter().flatten() {
        let risk = text(action, "risk");
        add("action", &format!("{} (risk {risk})", text(action, "name")));
        let params = action.get("params").and_then(Json::as_object);
        for (name, value) in params.into_iter().flatten() {
            add("", &format!("{name} = {}", shown(value)));
        }
    }
    let list = |key: &str| {
        let items = decided.get(key).and_then(Json::as_array);
        let items: Vec<String> = items.into_iter().flatten().map(shown).collect();
        items.join(", ")
    };
    add("by", &list("by"));
    add("failed", &list("failures"));
    add("credential", &text(decided, "credential"));
    match finished {
        Some(finished) => {
            let ended = ["outcome", "status", "code", "failure"]
                .map(|key| text(finished, key))
                .into_iter()
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join(" ");
            let took = text(finished, "duration_ms");
            add("finished", &format!("{ended} after {took} ms"));
            let answer = finished.get("answer").and_then(Json::as_object);
            for (name, value) in answer.into_iter().flatten() {
                add("", &format!("{name} = {}", shown(value)));
            }
        }
        // A refusal has one record; what was allowed and has no second one may have taken effect.
        None if text(decided, "decision") == "allow" => {
            add("finished", "not recorded: outcome unknown")
        }
        None => {}
    }
    lines
}
