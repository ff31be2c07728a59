//! Writes an exchange as a span: a tool call of an agent, and an HTTP request of a client. A refusal is a span too, which ends where it was judged.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::attribute::Attributes;
use super::value::{ids, nanos};
use crate::journal::{Decided, Finished, Kind, Line, Query, Reader};

/// Exchanges whose first record is remembered until the second; older ones are looked up in the journal.
const OPEN: usize = 4_096;

/// Numbers of `SPAN_KIND_CLIENT` and `STATUS_CODE_ERROR`.
const CLIENT: u8 = 3;
const ERROR: u8 = 2;

/// What is known of exchanges that have not ended.
pub(super) struct Spans {
    directory: PathBuf,
    open: HashMap<String, Line>,
    order: VecDeque<String>,
}

impl Spans {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            open: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Returns the span that a record ends, if it ends one.
    pub(super) fn of(&mut self, line: &Line) -> Option<Json> {
        let front = line.front()?;
        match front.kind {
            Kind::Decided => {
                let decided = line.decided()?;
                if decided.decision != "allow" {
                    return refused(&decided, nanos(front.time));
                }
                self.remember(decided.request_id.clone().into_owned(), line);
                None
            }
            Kind::Finished => {
                let finished = line.finished()?;
                let begun = self.begun(&finished.request_id);
                let decided = begun.as_ref().and_then(Line::decided);
                ended(decided.as_ref(), &finished, nanos(front.time))
            }
            Kind::Started | Kind::Changed | Kind::Checkpoint | Kind::Summary => None,
        }
    }

    fn remember(&mut self, id: String, line: &Line) {
        if self.order.len() >= OPEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.open.remove(&oldest);
        }
        self.order.push_back(id.clone());
        self.open.insert(id, line.clone());
    }

    /// Returns the `decided` of a request: remembered, or from the files after a restart or a repetition.
    fn begun(&mut self, id: &str) -> Option<Line> {
        if let Some(line) = self.open.get(id) {
            return Some(line.clone());
        }
        let query = Query {
            kinds: vec![Kind::Decided],
            request_id: Some(id.to_owned()),
            ..Query::default()
        };
        Reader::open(&self.directory, query).ok()?.next()?.ok()
    }
}

fn refused(decided: &Decided<'_>, end: i128) -> Option<Json> {
    let mut attributes = Attributes::default();
    attributes.decided(decided);
    attributes.text("error.type", &decided.code);
    let took = i128::from(decided.judged_us.unwrap_or(0)) * 1_000;
    let status = json!({ "code": ERROR, "message": decided.code });
    span(
        &decided.request_id,
        &name(decided),
        (end - took, end),
        (attributes, status),
    )
}

fn ended(decided: Option<&Decided<'_>>, finished: &Finished<'_>, end: i128) -> Option<Json> {
    let mut attributes = Attributes::default();
    if let Some(decided) = decided {
        attributes.decided(decided);
    }
    if let Some(status) = finished.status {
        attributes.number("http.response.status_code", status.into());
    }
    attributes.number("http.response.body.size", finished.response_bytes);
    attributes.text("tollgate.outcome", &finished.outcome);
    let problem = match finished.status {
        Some(status) if status < 400 && finished.outcome == "answered" => String::new(),
        // Error type of the HTTP conventions: the status as text.
        Some(status) if finished.outcome == "answered" => status.to_string(),
        _ if !finished.code.is_empty() => finished.code.to_string(),
        _ if !finished.failure.is_empty() => finished.failure.to_string(),
        _ => finished.outcome.to_string(),
    };
    attributes.text("error.type", &problem);
    let status = if problem.is_empty() {
        json!({})
    } else {
        json!({ "code": ERROR, "message": problem })
    };
    let took = i128::from(finished.duration_ms) * 1_000_000;
    let name = decided.map_or_else(|| format!("execute_tool {}", finished.action), name);
    span(
        &finished.request_id,
        &name,
        (end - took, end),
        (attributes, status),
    )
}

/// Name of a span that executes a tool, by the conventions for generative AI.
fn name(decided: &Decided<'_>) -> String {
    let actions = decided.actions();
    let named = actions.first().map(|action| action.name.as_str());
    let candidate = decided.candidates.first().map(AsRef::as_ref);
    match named.or(candidate) {
        Some(action) => format!("execute_tool {action}"),
        None => "execute_tool".to_owned(),
    }
}

fn span(
    request_id: &str,
    name: &str,
    (start, end): (i128, i128),
    (attributes, status): (Attributes, Json),
) -> Option<Json> {
    let (trace, span) = ids(request_id)?;
    Some(json!({
        "traceId": trace,
        "spanId": span,
        "name": name,
        "kind": CLIENT,
        "startTimeUnixNano": start.to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": attributes.into_json(),
        "status": status,
    }))
}
