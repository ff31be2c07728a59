//! Finds the agent of a token, in constant time and from memory.
//!
//! INVARIANT: what `replace` took away is unknown to every later `find`, also inside open tunnels.

mod token;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use subtle::ConstantTimeEq as _;

use crate::model::agent::{Agent, AgentName};

pub use token::{Token, TokenHash, TokenKind};

/// One token and whose it is.
#[derive(Debug, Clone)]
pub struct RosterEntry {
    /// SHA-256 of the token; the token itself is not kept.
    pub hash: TokenHash,
    /// The agent that the token belongs to.
    pub agent: Arc<Agent>,
    /// From this moment it is void.
    pub expires_at: Option<SystemTime>,
}

/// All living agents and their tokens, replaced whole when they change.
#[derive(Debug, Default)]
pub struct Roster {
    entries: ArcSwap<HashMap<TokenHash, RosterEntry>>,
}

impl Roster {
    /// Takes over a new list. Of two entries with one token the earlier counts, so declared agents come first.
    pub fn replace(&self, entries: Vec<RosterEntry>) {
        let mut by_hash = HashMap::with_capacity(entries.len());
        for entry in entries {
            by_hash.entry(entry.hash).or_insert(entry);
        }
        self.entries.store(Arc::new(by_hash));
    }

    /// Returns whose token this is, now.
    #[must_use]
    pub fn find(&self, hash: &TokenHash, now: SystemTime) -> Option<Arc<Agent>> {
        let entries = self.entries.load();
        // The map's comparisons may leak timing about unknown hashes, which callers cannot choose; the final comparison is
        // constant-time.
        let entry = entries.get(hash)?;
        let same = bool::from(entry.hash.0.ct_eq(&hash.0));
        let living = entry.expires_at.is_none_or(|end| now < end);
        (same && living).then(|| Arc::clone(&entry.agent))
    }

    /// Returns from which moment a token is void; `None` for one that does not run out, or is unknown.
    #[must_use]
    pub fn expiry(&self, hash: &TokenHash) -> Option<SystemTime> {
        self.entries.load().get(hash)?.expires_at
    }

    /// Returns every agent that has a token, expired or not, by name.
    #[must_use]
    pub fn agents(&self) -> Vec<Arc<Agent>> {
        let entries = self.entries.load();
        let by_name: BTreeMap<&AgentName, &Arc<Agent>> = entries
            .values()
            .map(|entry| (&entry.agent.name, &entry.agent))
            .collect();
        by_name.into_values().cloned().collect()
    }
}
