//! Reads a record of the journal as a row of the table of activity.

use askama::Template;
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::dashboard::document::Document as _;
use crate::dashboard::show::{Mark, When, brief, highest};

/// A row of the table.
#[derive(Debug, Clone, Template)]
#[template(path = "row.html")]
pub(in crate::dashboard) struct Row {
    /// Request id; empty for what is not a request.
    pub(in crate::dashboard) id: String,
    when: When,
    agent: String,
    mark: Mark,
    risk: Option<Mark>,
    what: String,
    detail: String,
    code: String,
    status: String,
    took: String,
}

/// How a request ended, for the row that is there already.
#[derive(Debug, Clone)]
pub(in crate::dashboard) struct Done {
    pub(in crate::dashboard) id: String,
    pub(in crate::dashboard) status: String,
    pub(in crate::dashboard) took: String,
}

impl Row {
    /// Reads a record; `None` for the end of a request.
    pub(in crate::dashboard) fn of(record: &Json, now: OffsetDateTime) -> Option<Self> {
        let when = When::of(&record.text("time"), now);
        let row = match record.text("kind").as_str() {
            "decided" => Self::decided(record, when),
            "finished" => return None,
            "changed" => Self {
                agent: record.text("operator"),
                mark: Mark::decision("changed"),
                what: record.text("what"),
                detail: brief(&record.text("subject")),
                ..Self::empty(when)
            },
            "summary" => Self {
                agent: record.text("agent"),
                mark: Mark::decision("summed up"),
                what: record.text("what"),
                detail: format!("{} refusals", record.number("refusals")),
                ..Self::empty(when)
            },
            kind => Self {
                mark: Mark::decision(kind),
                what: format!("gateway {kind}"),
                detail: record.text("version"),
                ..Self::empty(when)
            },
        };
        Some(row)
    }

    fn decided(record: &Json, when: When) -> Self {
        let risks: Vec<String> = record
            .list("actions")
            .iter()
            .map(|action| action.text("risk"))
            .collect();
        let risk = highest(risks.iter().map(String::as_str));
        Self {
            id: record.text("request_id"),
            agent: record.text("agent"),
            mark: Mark::decision(&record.text("decision")),
            risk: Some(risk).filter(|risk| !risk.is_empty()).map(Mark::risk),
            what: asked(record),
            detail: brief(&target(record)),
            code: record.text("code"),
            ..Self::empty(when)
        }
    }

    fn empty(when: When) -> Self {
        Self {
            id: String::new(),
            when,
            agent: String::new(),
            mark: Mark::decision(""),
            risk: None,
            what: String::new(),
            detail: String::new(),
            code: String::new(),
            status: String::new(),
            took: String::new(),
        }
    }

    /// Adds how the request ended.
    pub(in crate::dashboard) fn finish(&mut self, done: &Done) {
        self.status.clone_from(&done.status);
        self.took.clone_from(&done.took);
    }
}

impl Done {
    /// Reads the end of a request; `None` for any other record.
    pub(in crate::dashboard) fn of(record: &Json) -> Option<Self> {
        if record.text("kind") != "finished" {
            return None;
        }
        let status = match record.text("status") {
            status if status.is_empty() => record.text("outcome"),
            status => status,
        };
        Some(Self {
            id: record.text("request_id"),
            status,
            took: format!("{} ms", record.number("duration_ms")),
        })
    }
}

/// Returns what a request asks for: its actions, or what they may have been, or nothing that is known.
pub(in crate::dashboard) fn asked(record: &Json) -> String {
    let actions = record.list("actions");
    let first = actions.first().map(|action| action.text("name"));
    match (first, actions.len()) {
        (Some(name), 1) => name,
        (Some(name), count) => format!("{name} and {} more", count - 1),
        (None, _) => match record.words("candidates").first() {
            Some(name) => format!("perhaps {name}"),
            None => target(record),
        },
    }
}

fn target(record: &Json) -> String {
    format!(
        "{} {}{}",
        record.text("method"),
        record.text("host"),
        record.text("path")
    )
}
