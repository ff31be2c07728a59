//! Events on their way in and out of the store: columns to find them by, and the text that counts.

use time::OffsetDateTime;

use crate::model::event::{Event, EventKind};

/// An event as it is written. `body` is canonical JSON text when it comes from the journal.
#[derive(Debug, Clone)]
pub struct EventLine {
    /// ULID.
    pub id: String,
    /// Which record.
    pub kind: EventKind,
    /// RFC 3339 with milliseconds, UTC.
    pub time: String,
    /// ULID of the exchange; empty for `changed`.
    pub request_id: String,
    /// Name of the agent, or empty.
    pub agent: String,
    /// First action's full name, or empty.
    pub action: String,
    /// `allow`, `deny`, `require_approval`, or empty.
    pub decision: String,
    /// The refusal's code, or empty.
    pub code: String,
    /// JSON text of the whole record.
    pub body: String,
}

/// An event as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Position in the journal, from 1; grows, may have gaps.
    pub seq: i64,
    /// ULID.
    pub id: String,
    /// `decided`, `finished` or `changed`.
    pub kind: String,
    /// RFC 3339 with milliseconds, UTC.
    pub time: String,
    /// ULID of the exchange; empty for `changed`.
    pub request_id: String,
    /// Name of the agent, or empty.
    pub agent: String,
    /// First action's full name, or empty.
    pub action: String,
    /// `allow`, `deny`, `require_approval`, or empty.
    pub decision: String,
    /// The refusal's code, or empty.
    pub code: String,
    /// The record's JSON text, exactly as written.
    pub body: String,
}

/// Which events to list; what is absent does not narrow.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Exact name.
    pub agent: Option<String>,
    /// Glob: `*` matches any characters, nothing else is special.
    pub action: Option<String>,
    /// Exact.
    pub decision: Option<String>,
    /// Exact.
    pub code: Option<String>,
    /// Which record.
    pub kind: Option<EventKind>,
    /// Exact.
    pub request_id: Option<String>,
    /// Not before, to the millisecond.
    pub since: Option<OffsetDateTime>,
    /// Before this, to the millisecond.
    pub until: Option<OffsetDateTime>,
    /// Only later ones in the journal.
    pub after_seq: Option<i64>,
    /// At most so many; `None` for all.
    pub limit: Option<u32>,
    /// By sequence number.
    pub order: EventOrder,
}

/// In which order events are listed, and so which ones a limit keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EventOrder {
    /// As they were written.
    #[default]
    OldestFirst,
    /// The latest on top.
    NewestFirst,
}

impl EventLine {
    /// Takes over the columns of an event with the text of its body.
    #[must_use]
    pub fn new(event: Event, body: String) -> Self {
        let Event {
            id,
            kind,
            time,
            request_id,
            agent,
            action,
            decision,
            code,
            body: _,
        } = event;
        let time = padded(time);
        Self {
            id,
            kind,
            time,
            request_id,
            agent,
            action,
            decision,
            code,
            body,
        }
    }

    /// Copies an event, its body written with the keys in the order they have.
    pub(super) fn as_it_stands(event: &Event) -> Self {
        let body = event.body.to_string();
        Self::new(event.clone(), body)
    }
}

/// Writes out all three digits of the milliseconds, so that text order is time order; RFC 3339 may leave zeros away.
fn padded(time: String) -> String {
    let Some(rest) = time.strip_suffix('Z') else {
        return time;
    };
    match rest.split_once('.') {
        Some((second, fraction)) if fraction.len() < 3 => format!("{second}.{fraction:0<3}Z"),
        Some(_) => time,
        None => format!("{rest}.000Z"),
    }
}
