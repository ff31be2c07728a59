//! Keeps secrets that lie elsewhere, as last read: files, the output of commands. What cannot be read opens nothing.
//!
//! INVARIANT: an origin comes out of an authenticated row, so no connector or policy file and no agent can name one. While a gateway
//! serves, threads read, one for each origin: no request and no other origin waits for a slow one.

mod read;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::model::credential::{CredentialId, SecretOrigin};
use crate::model::secret::Secret;
use read::{ReadAt, Reading, read, stamp};

/// How long a secret that was replaced may still work, so that answers are searched for it.
const PAST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Most replaced secrets of one origin that are kept; the oldest is forgotten first.
const MAX_PAST: usize = 8;

/// Why an origin gives no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoValue {
    /// It is being read for the first time.
    Unread,
    /// It cannot be read; says why, without any of it.
    Unreadable(String),
}

/// The secrets of origins, as last read. Cheap to clone; clones share what was read.
#[derive(Clone, Default)]
pub struct Origins(Arc<Shared>);

#[derive(Default)]
struct Shared {
    known: Mutex<HashMap<SecretOrigin, Held>>,
    /// Whether threads read; else the caller waits.
    in_background: AtomicBool,
    /// Credentials whose secrets are others than they were told.
    changed: Mutex<BTreeSet<CredentialId>>,
    news: Notify,
    refreshing: Mutex<()>,
    reads: watch::Sender<u64>,
}

/// A secret that lies elsewhere.
#[derive(Default)]
struct Held {
    /// `None` until it was read once.
    value: Option<Result<Secret, String>>,
    past: VecDeque<(Secret, Instant)>,
    read_at: ReadAt,
    is_reading: bool,
    /// Credentials that are opened by it. Without any it is not read any more.
    users: BTreeSet<CredentialId>,
}

impl Origins {
    /// Lets threads read from now on, so that opening a credential never waits: one whose secret was not read yet does not open.
    pub fn read_in_background(&self) {
        self.0.in_background.store(true, Ordering::Release);
    }

    /// Returns the secret of an origin for a credential, read now where it was not read yet.
    ///
    /// # Errors
    /// `Unread` where a thread has yet to read it; `Unreadable` where it cannot be.
    pub(super) fn value(
        &self,
        origin: &SecretOrigin,
        user: &CredentialId,
    ) -> Result<Secret, NoValue> {
        {
            let mut known = self.0.known.lock();
            let held = known.entry(origin.clone()).or_default();
            if !held.users.contains(user) {
                held.users.insert(user.clone());
            }
            if let Some(value) = &held.value {
                return value.clone().map_err(NoValue::Unreadable);
            }
            if held.is_reading {
                return Err(NoValue::Unread);
            }
            held.is_reading = true;
        }
        self.begin(origin.clone());
        let known = self.0.known.lock();
        let value = known.get(origin).and_then(|held| held.value.clone());
        let value = value.ok_or(NoValue::Unread)?;
        value.map_err(NoValue::Unreadable)
    }

    /// Returns what is known of an origin: the secret as last read, then those before it. Reads nothing.
    pub(super) fn known(&self, origin: &SecretOrigin) -> Vec<Secret> {
        let known = self.0.known.lock();
        let Some(held) = known.get(origin) else {
            return Vec::new();
        };
        let now = held.value.iter().filter_map(|value| value.as_ref().ok());
        let past = held.past.iter().map(|(secret, _)| secret);
        now.chain(past).cloned().collect()
    }

    /// Reads again what has changed or expired, and forgets secrets that were replaced long ago. Blocks while it looks at files;
    /// returns at once where another call is at it.
    pub fn refresh(&self) {
        let Some(_turn) = self.0.refreshing.try_lock() else {
            return;
        };
        let now = Instant::now();
        // Not looked at under the lock, which requests need: a file of a network may hang.
        for (origin, read_at) in self.looked_at(now) {
            let is_stale = match &origin {
                SecretOrigin::File(path) => stamp(path) != read_at.stamp,
                SecretOrigin::Command { .. } => read_at.due.is_none_or(|due| due <= now),
            };
            if is_stale && self.mark(&origin) {
                self.begin(origin);
            }
        }
    }

    /// Returns what may have to be read again, with what was noted when it was read.
    fn looked_at(&self, now: Instant) -> Vec<(SecretOrigin, ReadAt)> {
        let mut looked_at = Vec::new();
        self.0.known.lock().retain(|origin, held| {
            held.past
                .retain(|(_, since)| now.duration_since(*since) < PAST);
            if held.users.is_empty() {
                return held.is_reading || !held.past.is_empty();
            }
            if !held.is_reading && held.value.is_some() {
                looked_at.push((origin.clone(), held.read_at.clone()));
            }
            true
        });
        looked_at
    }

    /// Marks an origin as being read; returns whether it was not before.
    fn mark(&self, origin: &SecretOrigin) -> bool {
        let mut known = self.0.known.lock();
        let held = known.get_mut(origin).filter(|held| !held.is_reading);
        held.map(|held| held.is_reading = true).is_some()
    }

    /// Stops reading for credentials that are not there any more. Their secrets are still known, to be searched for.
    pub fn retain(&self, is_there: impl Fn(&CredentialId) -> bool) {
        let now = Instant::now();
        for held in self.0.known.lock().values_mut() {
            held.users.retain(&is_there);
            if held.users.is_empty()
                && let Some(Ok(secret)) = held.value.take()
            {
                held.remember(secret, now);
            }
        }
    }

    /// Returns the credentials whose secrets have changed since it was last asked.
    #[must_use]
    pub fn take_changed(&self) -> BTreeSet<CredentialId> {
        std::mem::take(&mut *self.0.changed.lock())
    }

    /// Waits until [`Origins::take_changed`] has something to return. Safe to drop and to call again.
    pub async fn changed(&self) {
        self.0.news.notified().await;
    }

    /// Waits until all secrets were read once, at most so long.
    pub async fn settled(&self, limit: Duration) {
        let mut reads = self.0.reads.subscribe();
        let is_unread = |held: &Held| held.value.is_none() && held.is_reading;
        let all_read = reads.wait_for(|_| !self.0.known.lock().values().any(is_unread));
        let _ = tokio::time::timeout(limit, all_read).await;
    }

    /// Reads an origin that is marked as being read.
    fn begin(&self, origin: SecretOrigin) {
        let shared = Arc::clone(&self.0);
        if self.0.in_background.load(Ordering::Acquire) {
            std::thread::spawn(move || shared.keep(origin, Told::Unread));
        } else {
            shared.keep(origin, Told::Nothing);
        }
    }
}

/// What those were told that asked for a secret before it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// That it is being read.
    Unread,
    /// They wait until it is read.
    Nothing,
}

impl Shared {
    fn keep(&self, origin: SecretOrigin, told: Told) {
        let Reading { value, read_at } = read(&origin);
        let mut known = self.known.lock();
        let held = known.entry(origin).or_default();
        let has_changed = match (&held.value, &value) {
            (Some(Ok(before)), Ok(now)) => before.expose() != now.expose(),
            (Some(Err(_)), Err(_)) => false,
            (None, _) => told == Told::Unread,
            (Some(_), _) => true,
        };
        let before = held.value.replace(value);
        if has_changed && let Some(Ok(before)) = before {
            held.remember(before, Instant::now());
        }
        (held.read_at, held.is_reading) = (read_at, false);
        let users = held.users.clone();
        drop(known);
        self.reads.send_modify(|count| *count += 1);
        if has_changed && !users.is_empty() {
            self.changed.lock().extend(users);
            self.news.notify_one();
        }
    }
}

impl Held {
    fn remember(&mut self, secret: Secret, since: Instant) {
        self.past.push_front((secret, since));
        self.past.truncate(MAX_PAST);
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origins(..)")
    }
}
