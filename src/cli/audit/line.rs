//! Shows records of the journal as rows of a table: time, agent, decision, action, what happened.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::journal::{Decided, Finished, Kind, Line, RecordedAction, Started};

/// Heads of the columns.
pub(super) const HEADS: [&str; 7] = [
    "TIME", "REQUEST", "AGENT", "DECISION", "RESULT", "ACTION", "DETAIL",
];

/// Least widths of the columns, for rows that are printed before those that follow are known.
pub(super) const WIDTHS: [usize; 7] = [27, 26, 12, 16, 18, 32, 0];

/// The cells of one row.
pub(super) type Row = [String; 7];

/// Returns the rows of records, oldest first: one an exchange, where its end is among them.
pub(super) fn rows(lines: &[Line]) -> Vec<Row> {
    let ends: BTreeMap<String, Finished<'_>> = lines
        .iter()
        .filter_map(Line::finished)
        .map(|finished| (finished.request_id.to_string(), finished))
        .collect();
    let begun: BTreeSet<String> = lines
        .iter()
        .filter_map(Line::decided)
        .map(|decided| decided.request_id.to_string())
        .collect();
    let shown = lines.iter().filter(|line| {
        let finished = line.finished();
        finished.is_none_or(|finished| !begun.contains(&*finished.request_id))
    });
    shown.map(|line| row(line, &ends)).collect()
}

/// Returns the row of one record by itself.
pub(super) fn alone(line: &Line) -> Row {
    row(line, &BTreeMap::new())
}

fn row(line: &Line, ends: &BTreeMap<String, Finished<'_>>) -> Row {
    let mut cells = Row::default();
    let Some(front) = line.front() else {
        cells[6] = "(unreadable)".to_owned();
        return cells;
    };
    match front.kind {
        Kind::Decided => {
            if let Some(record) = line.decided() {
                let end = ends.get(&*record.request_id);
                cells = decided(&record, end);
            }
        }
        Kind::Finished => {
            if let Some(record) = line.finished() {
                cells = finished(&record);
            }
        }
        Kind::Started => cells = started(line),
        Kind::Changed | Kind::Summary | Kind::Checkpoint => cells = changed(line),
    }
    cells[0] = front.time.to_owned();
    cells
}

fn decided(decided: &Decided<'_>, end: Option<&Finished<'_>>) -> Row {
    let result = if decided.code.is_empty() {
        end.map(ended).unwrap_or_default()
    } else {
        decided.code.to_string()
    };
    let target = format!("{} {}{}", decided.method, decided.host, decided.path);
    let mut detail = vec![target.trim().to_owned()];
    let mut add = |name: &str, text: &str| {
        if !text.is_empty() {
            detail.push(format!("{name}={text}"));
        }
    };
    add("by", &decided.by.join(","));
    add("failed", &decided.failures.join(","));
    if let Some(approval) = &decided.approval {
        add("answered_by", &approval.by);
    }
    add("credential", &decided.credential);
    [
        String::new(),
        decided.request_id.to_string(),
        decided.agent.to_string(),
        decided.decision.to_string(),
        result,
        described(decided),
        detail.join(" "),
    ]
}

/// Returns how an exchange ended: `200 in 12 ms`.
fn ended(finished: &Finished<'_>) -> String {
    let status = finished.status.map(|status| status.to_string());
    let words = [
        status.as_deref().unwrap_or(&finished.outcome),
        &finished.code,
    ];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    format!("{} in {} ms", words.join(" "), finished.duration_ms)
}

fn finished(finished: &Finished<'_>) -> Row {
    [
        String::new(),
        finished.request_id.to_string(),
        finished.agent.to_string(),
        "finished".to_owned(),
        ended(finished),
        String::new(),
        finished.outcome.to_string(),
    ]
}

fn started(line: &Line) -> Row {
    let mut cells = Row::default();
    cells[3] = "started".to_owned();
    let started: Option<Started<'_>> = serde_json::from_slice(line.as_bytes()).ok();
    if let Some(started) = started {
        let lost = started.lost.map_or_else(String::new, |lost| {
            format!("numbers {} to {} are lost", lost.from, lost.to)
        });
        cells[4] = started.version.to_string();
        cells[6] = lost;
    }
    cells
}

/// What was done, to what, by whom; or how often something happened.
fn changed(line: &Line) -> Row {
    let mut cells = Row::default();
    if let Some(summary) = line.summary() {
        let whose = if summary.agent.is_empty() {
            summary.source
        } else {
            summary.agent
        };
        cells[2] = whose.to_string();
        cells[3] = "summary".to_owned();
        cells[4] = format!("{} times", summary.refusals);
        cells[5] = summary.what.to_string();
    } else if let Some(changed) = line.changed() {
        let by = (!changed.operator.is_empty()).then(|| format!(" by {}", changed.operator));
        cells[2] = changed.agent.to_string();
        cells[3] = "changed".to_owned();
        cells[5] = changed.what.to_string();
        cells[6] = format!("{}{}", changed.subject, by.unwrap_or_default());
    }
    cells
}

/// What the request did, or may have done where it was refused before that could be told.
fn described(decided: &Decided<'_>) -> String {
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
