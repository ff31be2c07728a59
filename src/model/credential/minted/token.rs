//! Defines what was minted from a credential: when it is renewed, and when it is not sent any more.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use crate::model::credential::WrittenHeaders;
use crate::model::secret::Secret;

/// Longest time before its end at which a token is renewed.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// Longest time before its end at which a token is not sent any more: clocks differ, and a request is on its way for a while.
const SKEW: Duration = Duration::from_secs(5);

/// What was minted from a credential: its fields are put on beside the credential's own.
pub struct MintedToken {
    fields: BTreeMap<String, Secret>,
    renew_at: Option<SystemTime>,
    end: Option<SystemTime>,
    headers: OnceLock<WrittenHeaders>,
}

// === impl MintedToken ===

impl MintedToken {
    /// Makes a token of its fields and its lifetime; `None` where nobody says how long it lives.
    #[must_use]
    pub fn new(
        fields: BTreeMap<String, Secret>,
        now: SystemTime,
        lifetime: Option<Duration>,
    ) -> Self {
        let end = lifetime.and_then(|lifetime| {
            let skew = SKEW.min(lifetime / 10);
            now.checked_add(lifetime.saturating_sub(skew))
        });
        let renew_at = lifetime.and_then(|lifetime| {
            let ahead = AHEAD.min(lifetime / 5);
            now.checked_add(lifetime.saturating_sub(ahead))
        });
        Self {
            fields,
            renew_at,
            end,
            headers: OnceLock::new(),
        }
    }

    /// Returns the fields that are put on.
    #[must_use]
    pub fn fields(&self) -> &BTreeMap<String, Secret> {
        &self.fields
    }

    /// Returns the headers that it was written into.
    #[must_use]
    pub fn headers(&self) -> Option<&WrittenHeaders> {
        self.headers.get()
    }

    /// Keeps the headers that it was written into; the first ones stay.
    pub fn keep(&self, headers: WrittenHeaders) {
        let _ = self.headers.set(headers);
    }

    pub(super) fn is_usable(&self, now: SystemTime) -> bool {
        self.end.is_none_or(|end| now < end)
    }

    pub(super) fn is_due(&self, now: SystemTime) -> bool {
        self.renew_at.is_some_and(|due| now >= due)
    }
}

impl fmt::Debug for MintedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MintedToken(..)")
    }
}
