//! Shows what the recorded week would have been under a rule that is being written: which requests would be decided otherwise.

use axum::http::Method;
use serde_json::Value as Json;

use super::document::Document as _;
use super::refused::Refused;
use super::show::Mark;
use super::visitor::Visitor;

/// Groups of requests that are shown.
const SHOWN: usize = 50;

/// What a replay has found.
pub(super) struct ReplayPanel {
    pub(super) records: u64,
    pub(super) skipped: u64,
    /// Records whose decision is not that of today's rules.
    pub(super) otherwise: u64,
    pub(super) changes: Vec<ReplayedRow>,
    pub(super) more: usize,
}

/// Requests alike that would be decided otherwise.
pub(super) struct ReplayedRow {
    pub(super) agent: String,
    pub(super) actions: String,
    pub(super) was: Mark,
    pub(super) now: Mark,
    pub(super) count: u64,
    /// Id of the newest of them.
    pub(super) example: String,
}

impl ReplayPanel {
    /// Decides recorded requests again with candidates of `/api/v1/replay` beside everything else that is in effect.
    pub(super) async fn of(visitor: &Visitor, candidates: &Json) -> Result<Self, Refused> {
        let found = visitor
            .client
            .send(Method::POST, "/api/v1/replay", candidates)
            .await?;
        let changes = found.list("changes");
        Ok(Self {
            records: found.number("records"),
            skipped: found.number("skipped"),
            otherwise: found.number("recorded_otherwise"),
            changes: changes.iter().take(SHOWN).map(ReplayedRow::of).collect(),
            more: changes.len().saturating_sub(SHOWN),
        })
    }
}

impl ReplayedRow {
    fn of(change: &Json) -> Self {
        let example = change.get("example");
        Self {
            agent: change.text("agent"),
            actions: change.text("actions"),
            was: Mark::decision(&change.text("was")),
            now: Mark::decision(&change.text("now")),
            count: change.number("count"),
            example: example
                .map(|example| example.text("request_id"))
                .unwrap_or_default(),
        }
    }
}
