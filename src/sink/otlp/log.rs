//! Writes a record of the journal as a log record: its line as the body, so that the chain can be verified where logs are kept.

use std::time::SystemTime;

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::attribute::Attributes;
use super::value::{ids, nanos};
use crate::journal::{Kind, Line};

/// `INFO` and `WARN` of the logs data model.
const INFO: (u8, &str) = (9, "INFO");
const WARN: (u8, &str) = (13, "WARN");

/// Returns a log record; `None` where the line does not read.
pub(super) fn record(line: &Line, seen: SystemTime) -> Option<Json> {
    let front = line.front()?;
    let body = std::str::from_utf8(line.as_bytes()).ok()?;
    let mut attributes = Attributes::default();
    attributes.number("tollgate.seq", front.seq);
    let mut severity = INFO;
    let mut request_id = String::new();
    match front.kind {
        Kind::Decided => {
            let decided = line.decided()?;
            if !decided.code.is_empty() {
                severity = WARN;
            }
            request_id = decided.request_id.clone().into_owned();
            attributes.decided(&decided);
        }
        Kind::Finished => {
            let finished = line.finished()?;
            request_id = finished.request_id.clone().into_owned();
            attributes.text("tollgate.request_id", &finished.request_id);
            attributes.text("gen_ai.agent.name", &finished.agent);
            attributes.text("gen_ai.tool.name", &finished.action);
            attributes.text("tollgate.connector", &finished.connector);
            attributes.text("tollgate.outcome", &finished.outcome);
            if let Some(status) = finished.status {
                attributes.number("http.response.status_code", status.into());
            }
        }
        Kind::Changed => {
            let changed = line.changed()?;
            attributes.text("tollgate.change", &changed.what);
            attributes.text("tollgate.operator", &changed.operator);
        }
        Kind::Summary => {
            let summary = line.summary()?;
            severity = WARN;
            attributes.text("gen_ai.agent.name", &summary.agent);
            attributes.number("tollgate.refusals", summary.refusals);
        }
        Kind::Started | Kind::Checkpoint => {}
    }
    let mut record = json!({
        "timeUnixNano": nanos(front.time).to_string(),
        "observedTimeUnixNano": OffsetDateTime::from(seen).unix_timestamp_nanos().to_string(),
        "severityNumber": severity.0,
        "severityText": severity.1,
        "eventName": format!("tollgate.{}", front.kind.as_str()),
        "body": { "stringValue": body },
        "attributes": attributes.into_json(),
    });
    if let (Some((trace, span)), Some(fields)) = (ids(&request_id), record.as_object_mut()) {
        fields.insert("traceId".to_owned(), trace.into());
        fields.insert("spanId".to_owned(), span.into());
    }
    Some(record)
}
