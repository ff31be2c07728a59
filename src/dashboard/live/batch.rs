//! Renders records that came together as one message for all pages.

use std::sync::Arc;

use axum::response::sse::Event;
use serde_json::{Value as Json, json};

use crate::dashboard::App;
use crate::dashboard::document::{Document as _, visible};
use crate::dashboard::record::{Done, Row};

/// Rows in one message; of more, the newest are sent.
const MOST_ROWS: usize = 60;

/// Records that came together, as a page gets them.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    /// Number of the record before the first.
    pub(super) behind: u64,
    pub(super) last: u64,
    data: Arc<str>,
}

impl Batch {
    /// Renders records; `None` where there are none.
    pub(super) fn of(records: &[Json], behind: u64, app: &App) -> Option<Self> {
        let last = records.last()?.number("seq");
        let now = app.shared.setup.clock.utc();
        let mut rows: Vec<Row> = records
            .iter()
            .filter_map(|record| Row::of(record, now))
            .collect();
        let skipped = rows.len().saturating_sub(MOST_ROWS);
        rows.drain(..skipped);
        let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
        let done = records.iter().filter_map(Done::of);
        let done =
            done.map(|done| json!({ "id": done.id, "status": done.status, "took": done.took }));
        let done: Vec<Json> = done.collect();
        let data = json!({ "rows": rows, "done": done, "skipped": skipped, "last": last });
        Some(Self {
            behind,
            last,
            data: data.to_string().into(),
        })
    }

    /// Returns the message for one page.
    pub(super) fn event(&self) -> Event {
        let event = Event::default().event("records");
        event.id(self.last.to_string()).data(&*self.data)
    }
}

/// Takes the whole events out of a stream of server-sent events; an unfinished one stays.
pub(super) fn take_records(text: &mut Vec<u8>) -> Vec<Json> {
    let Some(end) = text.windows(2).rposition(|pair| pair == b"\n\n") else {
        return Vec::new();
    };
    let whole: Vec<u8> = text.drain(..end + 2).collect();
    let lines = whole.split(|byte| *byte == b'\n');
    let data = lines.filter_map(|line| line.strip_prefix(b"data:"));
    data.filter_map(|data| serde_json::from_slice(data).ok())
        .map(visible)
        .collect()
}
