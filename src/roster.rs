//! Finds the agent of a token, in constant time and from memory.
//!
//! INVARIANT: what `replace` took away is unknown to every later `find`, also inside open tunnels.

mod token;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use subtle::ConstantTimeEq as _;

use crate::model::agent::{Agent, AgentName};

pub use token::{Token, TokenHash, TokenKind};

/// One token and its owner.
#[derive(Debug, Clone)]
pub struct RosterEntry {
    /// SHA-256 of the token; the token itself is not kept.
    pub hash: TokenHash,
    /// The agent that the token belongs to.
    pub agent: Arc<Agent>,
    /// Moment at which it expires.
    pub expires_at: Option<SystemTime>,
}

/// All living agents and their tokens, replaced whole when they change.
#[derive(Debug, Default)]
pub struct Roster {
    entries: ArcSwap<HashMap<TokenHash, KnownToken>>,
}

/// An entry, and when its token was last used.
#[derive(Debug)]
struct KnownToken {
    entry: RosterEntry,
    /// Seconds since 1970; 0 for never.
    used_at: AtomicI64,
}

impl Roster {
    /// Takes over a new list. Of two entries with one token the earlier counts, so declared agents come first.
    pub fn replace(&self, entries: Vec<RosterEntry>) {
        let known = self.entries.load();
        let mut by_hash = HashMap::with_capacity(entries.len());
        for entry in entries {
            let used_at = known.get(&entry.hash);
            let used_at = used_at.map_or(0, |held| held.used_at.load(Ordering::Relaxed));
            by_hash.entry(entry.hash).or_insert(KnownToken {
                entry,
                used_at: AtomicI64::new(used_at),
            });
        }
        self.entries.store(Arc::new(by_hash));
    }

    /// Returns whose token this is, now.
    #[must_use]
    pub fn find(&self, hash: &TokenHash, now: SystemTime) -> Option<Arc<Agent>> {
        let entries = self.entries.load();
        // The map's comparisons may leak timing about unknown hashes, which callers cannot choose; the final comparison is
        // constant-time.
        let KnownToken { entry, used_at } = entries.get(hash)?;
        let same = bool::from(entry.hash.0.ct_eq(&hash.0));
        let living = entry.expires_at.is_none_or(|end| now < end);
        if !same || !living {
            return None;
        }
        let now = seconds(now);
        // Written once a second at most, so that the workers do not take the cache line from one another on each request.
        if used_at.load(Ordering::Relaxed) != now {
            used_at.store(now, Ordering::Relaxed);
        }
        Some(Arc::clone(&entry.agent))
    }

    /// Returns the tokens that were used since this gateway started, and when, in seconds since 1970.
    #[must_use]
    pub fn used(&self) -> Vec<(TokenHash, i64)> {
        let entries = self.entries.load();
        let used = entries
            .iter()
            .map(|(hash, held)| (*hash, held.used_at.load(Ordering::Relaxed)));
        used.filter(|(_, at)| *at > 0).collect()
    }

    /// Returns when a token expires; `None` for one that does not, or is unknown.
    #[must_use]
    pub fn expiry(&self, hash: &TokenHash) -> Option<SystemTime> {
        self.entries.load().get(hash)?.entry.expires_at
    }

    /// Returns every agent that has a token, expired or not, by name.
    #[must_use]
    pub fn agents(&self) -> Vec<Arc<Agent>> {
        let entries = self.entries.load();
        let by_name: BTreeMap<&AgentName, &Arc<Agent>> = entries
            .values()
            .map(|KnownToken { entry, .. }| (&entry.agent.name, &entry.agent))
            .collect();
        by_name.into_values().cloned().collect()
    }
}

fn seconds(now: SystemTime) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
