//! Defines what a replay finds: requests alike whose decision would be another one, and how many there are.

use serde::Serialize;

use crate::policy::Decision;

/// Requests alike whose decision would be another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayedChange {
    /// Name of the agent.
    pub agent: String,
    /// The actions of the request, joined by commas.
    pub actions: String,
    /// As it was recorded, or where there is a baseline, as the baseline decides.
    pub was: Decision,
    /// As it would be.
    pub now: Decision,
    /// How many requests are alike.
    pub count: u64,
    /// The newest of them.
    pub example: Example,
}

/// A request as the journal has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Example {
    /// ULID of the request.
    pub request_id: String,
    /// When it was judged, RFC 3339.
    pub time: String,
    /// Method and target, as in `POST api.test:443/items`.
    pub request: String,
    /// Permissions and policies that would decide.
    pub by: Vec<String>,
}

/// What a replay found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Records that were decided again.
    pub records: u64,
    /// Records that no permission or policy decides, such as those of unknown hosts.
    pub skipped: u64,
    /// Records whose decision is not that of the baseline, because rules have changed since; absent without a baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_otherwise: Option<u64>,
    /// Changes, the most frequent first.
    pub changes: Vec<ReplayedChange>,
}

impl Replayed {
    /// Returns how many requests would go that did not.
    #[must_use]
    pub fn newly_allowed(&self) -> u64 {
        let newly = |change: &&ReplayedChange| change.now == Decision::Allow;
        self.changes
            .iter()
            .filter(newly)
            .map(|change| change.count)
            .sum()
    }
}
