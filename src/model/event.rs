//! Events: what is kept of an exchange. Never a secret, never a body.

use serde::Serialize;
use serde_json::Value as Json;

/// Largest event, in bytes of canonical JSON.
pub const MAX_EVENT: usize = 16 * 1024;

/// Largest parameter that is recorded as it is, in bytes; a longer one is recorded as length and hash.
pub const MAX_PARAM: usize = 1024;

/// Which record of an exchange this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Written before anything leaves; the only record of a refusal.
    Decided,
    /// Written when the request's state drops, whatever happened.
    Finished,
    /// Something an operator did, or the gateway itself.
    Changed,
}

impl EventKind {
    /// Returns the name as stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Finished => "finished",
            Self::Changed => "changed",
        }
    }
}

/// One record. The columns are for finding it; `body` is what counts and is stored as canonical JSON text.
#[derive(Debug, Clone)]
pub struct Event {
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
    /// The whole record, including the above. A JSON object.
    pub body: Json,
}
