//! Holds one secret that lies elsewhere: as last read, and as it was before.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::read::ReadAt;
use crate::model::credential::CredentialId;
use crate::model::secret::Secret;

/// How long a secret that was replaced may still work, so that answers are searched for it.
const PAST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Most replaced secrets of one origin that are kept; the oldest is forgotten first.
const MAX_PAST: usize = 8;

/// A secret that lies elsewhere.
#[derive(Default)]
pub(super) struct Held {
    /// `None` until it was read once.
    pub(super) value: Option<Result<Secret, String>>,
    pub(super) past: VecDeque<(Secret, Instant)>,
    pub(super) read_at: ReadAt,
    pub(super) is_reading: bool,
    /// Credentials that are opened by it. Without any it is not read any more.
    pub(super) users: BTreeSet<CredentialId>,
}

/// What those were told that asked for a secret before it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// That it is being read.
    Unread,
    /// They wait until it is read.
    Nothing,
}

impl Held {
    /// Replaces the value; returns the credentials for which it is another one.
    pub(super) fn take(
        &mut self,
        value: Result<Secret, String>,
        told: Told,
    ) -> BTreeSet<CredentialId> {
        let has_changed = match (&self.value, &value) {
            (Some(Ok(before)), Ok(now)) => before.expose() != now.expose(),
            (Some(Err(_)), Err(_)) => false,
            (None, _) => told == Told::Unread,
            (Some(_), _) => true,
        };
        let before = self.value.replace(value);
        if !has_changed {
            return BTreeSet::new();
        }
        if let Some(Ok(before)) = before {
            self.remember(before, Instant::now());
        }
        self.users.clone()
    }

    /// Returns whether there is a value that ends some time, and later than now.
    pub(super) fn holds(&self, now: Instant) -> bool {
        matches!(self.value, Some(Ok(_))) && self.read_at.end.is_some_and(|end| now < end)
    }

    /// Returns whether there is a value that is too old.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        matches!(self.value, Some(Ok(_))) && self.read_at.end.is_some_and(|end| end <= now)
    }

    pub(super) fn remember(&mut self, secret: Secret, since: Instant) {
        self.past.push_front((secret, since));
        self.past.truncate(MAX_PAST);
    }

    /// Forgets what was replaced long ago.
    pub(super) fn forget_past(&mut self, now: Instant) {
        self.past
            .retain(|(_, since)| now.duration_since(*since) < PAST);
    }
}
