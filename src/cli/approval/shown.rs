//! Shows a request that waits for an answer, or has one, and how far it has come.

use serde_json::Value as Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::model::show::escape;

/// Returns until when requests alike pass, where that is not over.
pub(super) fn active_until<'a>(context: &Context, approval: &'a Json) -> Option<&'a str> {
    let until = approval
        .get("until")
        .or_else(|| approval.pointer("/answer/until"));
    let until = until.and_then(Json::as_str)?;
    let end = OffsetDateTime::parse(until, &Rfc3339).ok()?;
    (context.process.clock.utc() < end).then_some(until)
}

/// Returns how far it has come, in a word or two.
pub(super) fn state(context: &Context, approval: &Json) -> String {
    let text = |pointer: &str| approval.pointer(pointer).and_then(Json::as_str);
    if active_until(context, approval).is_some() {
        "active".to_owned()
    } else if text("/answer/ended_by").or(text("/ended_by")).is_some() {
        "ended".to_owned()
    } else {
        text("/status").unwrap_or_default().to_owned()
    }
}

/// Returns what the end of its time means.
fn ends(context: &Context, approval: &Json) -> String {
    let text = |pointer: &str| approval.pointer(pointer).and_then(Json::as_str);
    let expires = text("/expires_at").unwrap_or_default();
    let (label, end) = match (text("/status").unwrap_or_default(), text("/answer/until")) {
        (_, Some(until)) if active_until(context, approval).is_some() => ("passes until", until),
        (_, Some(until)) => ("passed until", until),
        ("pending", None) => ("answerable until", expires),
        ("approved", None) => ("passes once until", expires),
        ("denied", None) => ("refused without asking until", expires),
        ("expired", None) => ("expired at", expires),
        (_, None) => return String::new(),
    };
    format!(", {label} {}", escape(end))
}

/// Prints all of one.
pub(super) fn print(context: &Context, approval: &Json) -> Result<(), Failure> {
    let field = |key: &str| approval.get(key).map_or_else(|| "-".to_owned(), shown);
    let mut lines = vec![
        format!(
            "approval {} is {}",
            field("id"),
            escape(&state(context, approval))
        ),
        format!("  agent        {}", field("agent")),
        format!(
            "  request      {} {}{}",
            field("method"),
            field("host"),
            field("target")
        ),
        format!("  credential   {}", field("credential")),
        format!(
            "  body         {} bytes, SHA-256 {}",
            field("body_bytes"),
            field("body_sha256")
        ),
        format!("  asked by     {}", list_of(approval, "by")),
        format!("  reason       {}", field("reason")),
        format!(
            "  asked at     {}{}",
            field("opened_at"),
            ends(context, approval)
        ),
        format!("  waiting      {}", field("waiting")),
    ];
    if let Some(answer) = approval.get("answer") {
        let part = |key: &str| answer.get(key).map(shown).unwrap_or_default();
        lines.push(format!(
            "  answer       {} by {} at {}",
            part("verdict"),
            part("by"),
            part("at")
        ));
        if answer.get("ended_by").is_some() {
            let (by, at) = (part("ended_by"), part("until"));
            lines.push(format!(
                "  ended        by {by} at {at}; requests alike ask again"
            ));
        }
    }
    lines.extend(asked(approval));
    lines.extend(sent(approval));
    context.output.line(&lines.join("\n"))
}

/// Returns a value as text that cannot move a cursor.
fn shown(value: &Json) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    escape(&text).into_owned()
}

/// Names each action with its risk and parameters.
fn asked(approval: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    let actions = approval.get("actions").and_then(Json::as_array);
    for action in actions.into_iter().flatten() {
        let part = |key: &str| action.get(key).map(shown).unwrap_or_default();
        lines.push(format!(
            "  action       {} ({})",
            part("name"),
            part("risk")
        ));
        let params = action.get("params").and_then(Json::as_object);
        for (name, value) in params.into_iter().flatten() {
            lines.push(format!("    {} = {}", escape(name), shown(value)));
        }
    }
    lines
}

/// Headers and body as they would be sent, and what to do where a list does not show them.
fn sent(approval: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    let headers = approval.get("headers").and_then(Json::as_array);
    for header in headers.into_iter().flatten() {
        let part = |at: usize| header.get(at).and_then(Json::as_str).unwrap_or_default();
        lines.push(format!(
            "  header       {}: {}",
            escape(part(0)),
            escape(part(1))
        ));
    }
    if let Some(body) = approval.get("body").and_then(Json::as_str) {
        lines.push("  sends".to_owned());
        lines.extend(body.split('\n').map(|line| format!("    {}", escape(line))));
    }
    let partial = approval.get("partial").and_then(Json::as_array);
    if partial.is_some_and(|partial| !partial.is_empty()) {
        lines.push(format!("  partial      {}", list_of(approval, "partial")));
        let text = |key: &str| approval.get(key).and_then(Json::as_str).unwrap_or_default();
        if text("status") == "pending" {
            lines.push(format!(
                "  to approve   tollgate approval approve {} --opened {}",
                escape(text("id")),
                escape(text("fingerprint"))
            ));
        }
    }
    lines
}

/// The names of all actions.
pub(super) fn actions(approval: &Json) -> String {
    let actions = approval.get("actions").and_then(Json::as_array);
    let names: Vec<&str> = actions
        .into_iter()
        .flatten()
        .filter_map(|action| action.get("name").and_then(Json::as_str))
        .collect();
    names.join(" + ")
}

fn list_of(approval: &Json, key: &str) -> String {
    let items = approval.get(key).and_then(Json::as_array);
    let texts: Vec<&str> = items
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    escape(&texts.join(", ")).into_owned()
}
