//! Shows what agents ask for, newest first. Every filter is in the address, and the table goes on by itself.

use std::collections::HashMap;

use askama::Template;
use axum::response::Response;
use serde_json::Value as Json;
use time::OffsetDateTime;

use super::document::Document as _;
use super::fields::Fields;
use super::frame::Frame;
use super::record::{Done, Row};
use super::refused::Refused;
use super::show::html;
use super::visitor::Visitor;

/// The filters, as `/api/v1/records` has them.
pub(super) const FILTERS: [&str; 9] = [
    "agent",
    "connector",
    "action",
    "decision",
    "code",
    "risk",
    "since",
    "until",
    "text",
];

/// Records that are read for a page. A request has two.
const RECORDS: usize = 200;

#[derive(Template)]
#[template(path = "activity.html")]
struct ActivityPage {
    frame: Frame,
    filters: Vec<Filter>,
    query: String,
    is_filtered: bool,
    is_first: bool,
    newest: u64,
    rows: Vec<Row>,
    older: String,
}

/// A filter and its value.
struct Filter {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
    /// What it can be; empty where that is free.
    choices: &'static [(&'static str, &'static str)],
}

/// Shows a page of the table.
pub(super) async fn page(visitor: Visitor, fields: Fields) -> Result<Response, Refused> {
    let mut frame = Frame::of(&visitor, "activity", "Activity").await?;
    let query = fields.query(&FILTERS);
    let cursor = fields.query(&["cursor"]);
    // Before the records, so that the table goes on at most too early. A filter may match none of the newest.
    let newest = visitor.client.newest().await?;
    let path = format!("/api/v1/records?limit={RECORDS}&{query}&{cursor}");
    let path = path.trim_end_matches('&').replace("&&", "&");
    let list = match visitor.client.get(&path).await {
        Ok(list) => list,
        // A filter that cannot be read is told beside the filters, which stay as they were written.
        Err(refused) if refused.status().is_client_error() => {
            frame.problems = refused.lines();
            Json::Null
        }
        Err(refused) => return Err(refused),
    };
    let records = list.list("records");
    let older = match list.text("next") {
        next if next.is_empty() => String::new(),
        next => format!("/activity?{query}&cursor={next}"),
    };
    Ok(html(&ActivityPage {
        frame,
        filters: filters(&fields),
        is_filtered: !query.is_empty(),
        is_first: cursor.is_empty(),
        newest: records
            .first()
            .map_or(newest, |record| record.number("seq").max(newest)),
        rows: rows(records, visitor.app.shared.setup.clock.utc()),
        older,
        query,
    }))
}

/// Joins the records of each request.
pub(super) fn rows(records: &[Json], now: OffsetDateTime) -> Vec<Row> {
    let ends = records.iter().filter_map(Done::of);
    let ends: HashMap<String, Done> = ends.map(|done| (done.id.clone(), done)).collect();
    let rows = records.iter().filter_map(|record| {
        let mut row = Row::of(record, now)?;
        if let Some(done) = ends.get(&row.id) {
            row.finish(done);
        }
        Some(row)
    });
    rows.collect()
}

fn filters(fields: &Fields) -> Vec<Filter> {
    const DECISIONS: &[(&str, &str)] = &[
        ("", "any"),
        ("allow", "✓ allowed"),
        ("require_approval", "? asked"),
        ("deny", "✕ denied"),
    ];
    const RISKS: &[(&str, &str)] = &[
        ("", "any"),
        ("low", "○ low"),
        ("medium", "◐ medium"),
        ("high", "● high"),
        ("critical", "◆ critical"),
    ];
    let filter = |name, label, hint, choices| Filter {
        value: fields.text(name).to_owned(),
        name,
        label,
        hint,
        choices,
    };
    vec![
        filter("agent", "Agent", "ci", &[]),
        filter("connector", "Connector", "github", &[]),
        filter("action", "Action", "github.issue.*", &[]),
        filter("decision", "Decision", "", DECISIONS),
        filter("risk", "Risk", "", RISKS),
        filter("code", "Code", "no_permission", &[]),
        filter("since", "Since", "2h, 7d or a time", &[]),
        filter("until", "Until", "1h or a time", &[]),
        filter("text", "Text", "anywhere in the record", &[]),
    ]
}
