//! Prints one record of the journal as a line: time, agent, decision, action, what happened.

use serde_json::Value as Json;

use crate::journal::{Decided, Finished, Kind, Line, RecordedAction, Started};
use crate::model::show::escape;

/// Returns the line; everything in it is escaped.
pub(super) fn of(line: &Line) -> String {
    let Some(front) = line.front() else {
        return "(unreadable)".to_owned();
    };
    let mut words = vec![front.time.to_owned()];
    match front.kind {
        Kind::Decided => words.extend(line.decided().as_ref().map(decided).unwrap_or_default()),
        Kind::Finished => words.extend(line.finished().as_ref().map(finished).unwrap_or_default()),
        Kind::Started => words.extend(started(line)),
        Kind::Changed | Kind::Summary | Kind::Checkpoint => {
            words.push(front.kind.as_str().to_owned());
            words.extend(changed(line));
        }
    }
    let words: Vec<_> = words
        .iter()
        .filter(|word| !word.is_empty())
        .map(|word| escape(word))
        .collect();
    words.join("  ")
}

fn decided(decided: &Decided<'_>) -> Vec<String> {
    let mut words = vec![
        decided.request_id.to_string(),
        decided.agent.to_string(),
        decided.decision.to_string(),
        understood(decided),
        format!("{} {}{}", decided.method, decided.host, decided.path)
            .trim()
            .to_owned(),
    ];
    let mut add = |name: &str, text: &str| {
        if !text.is_empty() {
            words.push(format!("{name}={text}"));
        }
    };
    add("code", &decided.code);
    add("by", &decided.by.join(","));
    add("failed", &decided.failures.join(","));
    if let Some(approval) = &decided.approval {
        add("answered_by", &approval.by);
    }
    add("credential", &decided.credential);
    words
}

fn finished(finished: &Finished<'_>) -> Vec<String> {
    vec![
        finished.request_id.to_string(),
        finished.agent.to_string(),
        "finished".to_owned(),
        finished.outcome.to_string(),
        finished
            .status
            .map(|status| status.to_string())
            .unwrap_or_default(),
        finished.code.to_string(),
        format!("{} ms", finished.duration_ms),
    ]
}

fn started(line: &Line) -> Vec<String> {
    let started: Option<Started<'_>> = serde_json::from_slice(line.as_bytes()).ok();
    let mut words = vec!["started".to_owned()];
    if let Some(started) = started {
        words.push(started.version.to_string());
        words.extend(
            started
                .lost
                .map(|lost| format!("numbers {} to {} are lost", lost.from, lost.to)),
        );
    }
    words
}

/// What was done, to what, by whom; or how often something happened.
fn changed(line: &Line) -> Vec<String> {
    if let Some(summary) = line.summary() {
        let whose = if summary.agent.is_empty() {
            summary.source
        } else {
            summary.agent
        };
        return vec![
            summary.what.to_string(),
            whose.to_string(),
            format!("{} times", summary.refusals),
        ];
    }
    let Some(changed) = line.changed() else {
        return Vec::new();
    };
    let by = (!changed.operator.is_empty()).then(|| format!("by {}", changed.operator));
    let mut words = vec![changed.what.to_string(), changed.subject.to_string()];
    words.extend(by);
    words
}

/// What the request did, or may have done where it was refused before that could be told.
fn understood(decided: &Decided<'_>) -> String {
    let actions: Vec<String> = decided.actions().iter().map(action).collect();
    if !actions.is_empty() {
        return actions.join(" + ");
    }
    if decided.candidates.is_empty() {
        return "(not understood)".to_owned();
    }
    format!("(one of {})", decided.candidates.join(","))
}

/// Name and parameters: `jira.issue.delete(issue_key=OPS-7)`.
fn action(action: &RecordedAction) -> String {
    let params: Vec<String> = action
        .params
        .iter()
        .map(|(name, value)| format!("{name}={}", shown(value)))
        .collect();
    format!("{}({})", action.name, params.join(", "))
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
