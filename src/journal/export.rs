//! Records in the forms of other tools: JSON lines as they are, CSV for spreadsheets, OCSF for security data lakes.

use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::read::Line;

/// Formats that records are exported in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The lines as they are.
    Jsonl,
    /// RFC 4180, one record a line, the first line names the columns.
    Csv,
    /// OCSF 1.3, class 6003 API Activity.
    Ocsf,
}

/// Columns of CSV: name, and pointer into the record.
const COLUMNS: [(&str, &str); 18] = [
    ("seq", "/seq"),
    ("time", "/time"),
    ("kind", "/kind"),
    ("request_id", "/request_id"),
    ("agent", "/agent"),
    ("connector", "/connector"),
    ("decision", "/decision"),
    ("code", "/code"),
    ("method", "/method"),
    ("host", "/host"),
    ("path", "/path"),
    ("credential", "/credential"),
    ("outcome", "/outcome"),
    ("status", "/status"),
    ("duration_ms", "/duration_ms"),
    ("what", "/what"),
    ("operator", "/operator"),
    ("subject", "/subject"),
];

/// What a spreadsheet takes for a formula at the beginning of a cell.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Returns a record in a form, without LF; `None` where it does not read.
#[must_use]
pub fn export(line: &Line, format: Format) -> Option<String> {
    let text = std::str::from_utf8(line.as_bytes()).ok()?;
    match format {
        Format::Jsonl => Some(text.to_owned()),
        Format::Csv => Some(csv(&serde_json::from_str(text).ok()?)),
        Format::Ocsf => Some(ocsf(&serde_json::from_str(text).ok()?).to_string()),
    }
}

impl Format {
    /// Returns what stands in front of the records.
    #[must_use]
    pub fn head(self) -> Option<String> {
        let names = COLUMNS.iter().map(|(name, _)| *name);
        let names: Vec<&str> = names.chain(["actions", "by"]).collect();
        (self == Self::Csv).then(|| names.join(","))
    }
}

fn csv(record: &Json) -> String {
    let names = |pointer: &str, key: Option<&str>| {
        let items = record.pointer(pointer).and_then(Json::as_array);
        let items = items.into_iter().flatten();
        let texts = items.filter_map(|item| key.map_or(Some(item), |key| item.get(key)));
        texts.map(cell).collect::<Vec<_>>().join(" ")
    };
    let mut cells: Vec<String> = COLUMNS
        .iter()
        .map(|(_, pointer)| record.pointer(pointer).map(cell).unwrap_or_default())
        .collect();
    cells.push(names("/actions", Some("name")));
    cells.push(names("/by", None));
    let quoted: Vec<String> = cells.iter().map(|text| quoted(text)).collect();
    quoted.join(",")
}

fn cell(value: &Json) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn quoted(text: &str) -> String {
    let harmless = if text.starts_with(FORMULA) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if harmless.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", harmless.replace('"', "\"\""))
    } else {
        harmless
    }
}

/// Writes an API Activity event, <https://schema.ocsf.io/1.3.0/classes/api_activity>.
fn ocsf(record: &Json) -> Json {
    let text = |key: &str| record.get(key).and_then(Json::as_str).unwrap_or_default();
    let time = OffsetDateTime::parse(text("time"), &Rfc3339);
    let millis = time.map_or(0, |time| time.unix_timestamp_nanos() / 1_000_000);
    let activity = match text("method") {
        "POST" => 1,
        "GET" | "HEAD" | "OPTIONS" => 2,
        "PUT" | "PATCH" => 3,
        "DELETE" => 4,
        _ => 99,
    };
    let actions = record.get("actions").and_then(Json::as_array);
    let risks = actions.into_iter().flatten();
    let severity = risks
        .filter_map(|action| action.get("risk").and_then(Json::as_str))
        .map(|risk| match risk {
            "medium" => 3,
            "high" => 4,
            "critical" => 5,
            _ => 1,
        })
        .max()
        .unwrap_or(1);
    let operation = record.pointer("/actions/0/name").and_then(Json::as_str);
    let is_denied = !text("code").is_empty();
    let mut unmapped = record.as_object().cloned().unwrap_or_else(Map::new);
    unmapped.remove("time");
    json!({
        "class_uid": 6003, "category_uid": 6, "type_uid": 600_300 + activity, "activity_id": activity,
        "time": i64::try_from(millis).unwrap_or(0), "severity_id": severity,
        "status_id": if is_denied { 2 } else { 1 }, "status_code": text("code"),
        "metadata": { "version": "1.3.0", "uid": text("request_id"), "sequence": record.get("seq"),
            "product": { "name": "Tollgate", "version": env!("CARGO_PKG_VERSION") } },
        "actor": { "user": { "name": text("agent"), "type_id": 3 } },
        "api": { "operation": operation.unwrap_or(text("what")), "service": { "name": text("connector") } },
        "http_request": { "http_method": text("method"), "url": { "hostname": text("host"), "path": record.get("path") } },
        "src_endpoint": { "ip": text("peer") },
        "unmapped": unmapped,
    })
}
