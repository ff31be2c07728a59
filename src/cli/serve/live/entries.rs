//! Turns what the store holds of tokens into entries of the roster.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Live;
use crate::model::agent::Agent;
use crate::roster::{RosterEntry, TokenHash};
use crate::store::StoreView;

impl Live {
    /// Returns the tokens of the store; an agent that is declared has the labels of the declaration.
    pub(super) fn stored_entries(&self, view: &StoreView) -> Vec<RosterEntry> {
        let agents = self.workspace.load().agents(Some(view));
        let by_name: HashMap<&str, &Arc<Agent>> = agents
            .iter()
            .map(|agent| (agent.name.as_str(), agent))
            .collect();
        let mut entries = Vec::new();
        for stored in &view.agents {
            let Some(agent) = by_name.get(stored.name.as_str()) else {
                continue;
            };
            entries.extend(stored.tokens.iter().map(|token| RosterEntry {
                hash: TokenHash(token.hash),
                agent: Arc::clone(agent),
                expires_at: token.expires_at.map(moment),
            }));
        }
        entries
    }
}

/// Seconds since 1970; a moment before that is long over.
fn moment(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}
