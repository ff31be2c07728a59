//! Keeps secrets that lie elsewhere, as last read: files, the output of commands, variables, HashiCorp Vault. What cannot be read
//! opens nothing, and neither does what is older than its time.
//!
//! INVARIANT: an origin comes out of an authenticated row, so no connector or policy file and no agent can name one. While a gateway
//! serves, threads read, one for each origin: no request and no other origin waits for a slow one.

mod access;
mod held;
mod kv;
mod read;
mod unreadable;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::model::credential::{CredentialId, SecretOrigin};
use crate::model::secret::Secret;
use held::{Held, Told};
use read::{ReadAt, Reading, read, stamp};

pub use access::{SourceAccess, SourceNetwork};

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
    /// Set where threads read; else the caller waits.
    access: OnceLock<SourceAccess>,
    /// Credentials whose secrets are others than they were told.
    changed: Mutex<BTreeSet<CredentialId>>,
    news: Notify,
    refreshing: Mutex<()>,
    reads: watch::Sender<u64>,
}

impl Origins {
    /// Lets threads read from now on, so that opening a credential never waits: one whose secret was not read yet does not open.
    /// Variables and servers are read only from now on. Whatever a second call brings is dropped.
    pub fn read_in_background(&self, access: SourceAccess) {
        let _ = self.0.access.set(access);
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
        let whole = origin.document();
        {
            let mut known = self.0.known.lock();
            let held = known.entry(whole.clone()).or_default();
            if !held.users.contains(user) {
                held.users.insert(user.clone());
            }
            if held.is_over(Instant::now()) {
                return Err(NoValue::Unreadable(too_old(&whole)));
            }
            if let Some(value) = &held.value {
                return taken(origin, value);
            }
            if held.is_reading {
                return Err(NoValue::Unread);
            }
            held.is_reading = true;
        }
        self.begin(whole.clone());
        let known = self.0.known.lock();
        let value = known.get(&whole).and_then(|held| held.value.as_ref());
        taken(origin, value.ok_or(NoValue::Unread)?)
    }

    /// Returns what is known of an origin: the secret as last read, then those before it. Reads nothing.
    pub(super) fn known(&self, origin: &SecretOrigin) -> Vec<Secret> {
        let known = self.0.known.lock();
        let Some(held) = known.get(&origin.document()) else {
            return Vec::new();
        };
        let now = held.value.iter().filter_map(|value| value.as_ref().ok());
        let past = held.past.iter().map(|(secret, _)| secret);
        let all = now.chain(past);
        all.filter_map(|secret| field_of(origin, secret).ok())
            .collect()
    }

    /// Reads again what has changed or expired, and forgets secrets that were replaced long ago. Blocks while it looks at files;
    /// returns at once where another call is at it.
    pub fn refresh(&self) {
        self.refresh_at(Instant::now());
    }

    /// As [`Origins::refresh`] at a moment.
    pub fn refresh_at(&self, now: Instant) {
        // Before the turn, which a file that hangs may keep.
        self.0.end_old(now);
        let Some(_turn) = self.0.refreshing.try_lock() else {
            return;
        };
        // Not looked at under the lock, which requests need: a file of a network may hang.
        for (origin, read_at) in self.looked_at(now) {
            let is_stale = match &origin {
                SecretOrigin::File(path) => stamp(path) != read_at.stamp,
                SecretOrigin::Env(_) => false,
                SecretOrigin::Command { .. } | SecretOrigin::VaultKv(_) => {
                    read_at.due.is_none_or(|due| due <= now)
                }
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
            held.forget_past(now);
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
        if let Some(access) = self.0.access.get().cloned() {
            std::thread::spawn(move || shared.keep(origin, &access, Told::Unread));
        } else {
            shared.keep(origin, &SourceAccess::default(), Told::Nothing);
        }
    }
}

impl Shared {
    fn keep(&self, origin: SecretOrigin, access: &SourceAccess, told: Told) {
        let Reading { value, read_at } = read(&origin, access);
        let mut known = self.known.lock();
        let held = known.entry(origin).or_default();
        held.is_reading = false;
        let users = match value {
            Err(error) if !error.is_gone && held.holds(Instant::now()) => {
                tracing::warn!(
                    "{}; what was read before is used until it is too old",
                    error.reason
                );
                held.read_at.due = read_at.due;
                BTreeSet::new()
            }
            value => {
                held.read_at = read_at;
                held.take(value.map_err(|error| error.reason), told)
            }
        };
        drop(known);
        self.reads.send_modify(|count| *count += 1);
        self.tell(users);
    }

    /// Takes values out of use that are older than they may be.
    fn end_old(&self, now: Instant) {
        let mut users = BTreeSet::new();
        for (origin, held) in &mut *self.known.lock() {
            if held.is_over(now) {
                users.extend(held.take(Err(too_old(origin)), Told::Nothing));
            }
        }
        self.tell(users);
    }

    fn tell(&self, users: BTreeSet<CredentialId>) {
        if !users.is_empty() {
            self.changed.lock().extend(users);
            self.news.notify_one();
        }
    }
}

/// Returns the secret that an origin names of what was read there.
fn taken(origin: &SecretOrigin, value: &Result<Secret, String>) -> Result<Secret, NoValue> {
    let whole = value.as_ref();
    let whole = whole.map_err(|reason| NoValue::Unreadable(reason.clone()))?;
    field_of(origin, whole).map_err(NoValue::Unreadable)
}

fn field_of(origin: &SecretOrigin, whole: &Secret) -> Result<Secret, String> {
    match origin.field() {
        Some(name) => kv::pick(whole, name).map_err(|reason| format!("{origin}: {reason}")),
        None => Ok(whole.clone()),
    }
}

fn too_old(origin: &SecretOrigin) -> String {
    format!("{origin}: what was read there is too old, and it cannot be read again")
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origins(..)")
    }
}
