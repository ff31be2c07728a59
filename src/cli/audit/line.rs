//! Prints one record of the journal as a line: time, agent, decision, action, what happened.

use serde_json::Value as Json;

use crate::model::show::escape;
use crate::store::StoredEvent;

/// Returns the line; everything in it is escaped.
pub(super) fn of(event: &StoredEvent) -> String {
    let body: Json = serde_json::from_str(&event.body).unwrap_or(Json::Null);
    let text = |pointer: &str| {
        body.pointer(pointer)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let number = |pointer: &str| {
        body.pointer(pointer)
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let mut words = vec![event.time.clone(), event.request_id.clone()];
    if !event.agent.is_empty() {
        words.push(event.agent.clone());
    }
    match event.kind.as_str() {
        "decided" => {
            words.push(event.decision.clone());
            words.push(understood(&body));
            words.push(format!(
                "{} {}{}",
                text("/method"),
                text("/host"),
                text("/path")
            ));
            if !event.code.is_empty() {
                words.push(format!("code={}", event.code));
            }
            if let Some(by) = list(&body, "/by") {
                words.push(format!("by={by}"));
            }
            if let Some(failures) = list(&body, "/failures") {
                words.push(format!("failed={failures}"));
            }
            if let Some(operator) = body.pointer("/approval/by").and_then(Json::as_str) {
                words.push(format!("answered_by={operator}"));
            }
            if let Some(credential) = body.pointer("/credential").and_then(Json::as_str) {
                words.push(format!("credential={credential}"));
            }
        }
        "finished" => {
            words.push("finished".to_owned());
            words.push(text("/outcome"));
            words.push(number("/status"));
            words.push(text("/code"));
            words.push(format!("{} ms", number("/duration_ms")));
        }
        _ => {
            words.push(event.kind.clone());
            words.extend(changed(&body));
        }
    }
    let words: Vec<_> = words
        .iter()
        .filter(|word| !word.is_empty())
        .map(|word| escape(word))
        .collect();
    words.join("  ")
}

/// What was done, to what, by whom; or how often something happened.
fn changed(body: &Json) -> Vec<String> {
    let text = |key: &str| body.get(key).and_then(Json::as_str).map(str::to_owned);
    let by = text("operator").map(|operator| format!("by {operator}"));
    let times = body
        .get("refusals")
        .map(|refusals| format!("{refusals} times"));
    [text("what"), text("subject"), by, times]
        .into_iter()
        .flatten()
        .collect()
}

/// What the request did, or may have done where it was refused before that could be told.
fn understood(body: &Json) -> String {
    let candidates = || list(body, "/candidates").map(|names| format!("(one of {names})"));
    actions(body)
        .or_else(candidates)
        .unwrap_or_else(|| "(not understood)".to_owned())
}

/// Names and parameters: `jira.issue.delete(issue_key=OPS-7)`.
fn actions(body: &Json) -> Option<String> {
    let actions = body.pointer("/actions")?.as_array()?;
    let shown = actions.iter().map(|action| {
        let name = action.get("name").and_then(Json::as_str).unwrap_or("?");
        let params = action
            .get("params")
            .and_then(Json::as_object)
            .map(|params| {
                params
                    .iter()
                    .map(|(name, set)| format!("{name}={}", shown(set)))
                    .collect::<Vec<_>>()
                    .join(", ")
            });
        format!("{name}({})", params.unwrap_or_default())
    });
    Some(shown.collect::<Vec<_>>().join(" + ")).filter(|text| !text.is_empty())
}

/// Returns a recorded value for a person: what was not recorded as it is shows as its length or the start of its hash.
pub(in crate::cli) fn shown(value: &Json) -> String {
    let hash = |key: &str| {
        let hash = value.get(key)?.as_str()?;
        Some(hash.chars().take(12).collect::<String>())
    };
    if let Some(hash) = hash("hmac") {
        return format!("(secret {hash})");
    }
    if let (Some(bytes), Some(hash)) = (value.get("bytes"), hash("sha256")) {
        return format!("({bytes} bytes, sha256 {hash})");
    }
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn list(body: &Json, pointer: &str) -> Option<String> {
    let items = body.pointer(pointer)?.as_array()?;
    let texts: Vec<&str> = items.iter().filter_map(Json::as_str).collect();
    Some(texts.join(",")).filter(|text| !text.is_empty())
}
