//! Holds the sealed credentials in memory and finds them by id and by the target of a request.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::model::agent::AgentName;
use crate::model::credential::{Binding, CredentialId, SealedCredential};
use crate::model::table::Table;
use crate::model::target::{Authority, Oddity, Path};

/// The sealed credentials in memory, replaced whole when the store changes.
#[derive(Debug, Default)]
pub struct Keyring {
    ring: ArcSwap<Ring>,
}

#[derive(Debug, Default, Clone)]
struct Ring {
    by_id: Table<CredentialId, Arc<SealedCredential>>,
    /// Credentials of each connector, sorted by id.
    by_connector: Table<String, Vec<Arc<SealedCredential>>>,
    /// How many rings there were before this one.
    generation: u64,
}

impl Keyring {
    /// Replaces the credentials with those of store and configuration. Of two with one id the earlier counts. One that has not
    /// changed keeps what was opened and minted of it.
    pub fn replace(&self, credentials: Vec<SealedCredential>) {
        self.replace_by(credentials, |known, fresh| known == fresh);
    }

    /// As [`Keyring::replace`]; `is_same` says whether a credential that was sealed again holds what it held.
    pub fn replace_by(
        &self,
        credentials: Vec<SealedCredential>,
        is_same: impl Fn(&SealedCredential, &SealedCredential) -> bool,
    ) {
        let before = self.ring.load_full();
        let kept = |credential: SealedCredential| match before.by_id.get(&credential.id) {
            Some(known) if **known == credential || is_same(known, &credential) => {
                Arc::clone(known)
            }
            Some(known) => Arc::new(succeeding(known, credential)),
            None => Arc::new(credential),
        };
        self.put(credentials.into_iter().map(kept));
    }

    /// Forgets what was opened of these credentials and uses nothing that was minted of them any more, after secrets of theirs that
    /// lie elsewhere have changed. All others stay as they are.
    pub fn renew(&self, changed: &BTreeSet<CredentialId>) {
        let renewed = |known: Arc<SealedCredential>| {
            if changed.contains(&known.id) {
                Arc::new(succeeding(&known, (*known).clone()))
            } else {
                known
            }
        };
        self.put(self.list().into_iter().map(renewed));
    }

    fn put(&self, credentials: impl Iterator<Item = Arc<SealedCredential>>) {
        let mut ring = Ring::default();
        for credential in credentials {
            ring.by_id
                .entry(credential.id.clone())
                .or_insert(credential);
        }
        for credential in ring.by_id.values() {
            ring.by_connector
                .entry(credential.connector.clone())
                .or_default()
                .push(Arc::clone(credential));
        }
        for credentials in ring.by_connector.values_mut() {
            credentials.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        }
        self.ring.rcu(|before| Ring {
            generation: before.generation + 1,
            ..ring.clone()
        });
    }

    /// Returns a number that is another one after each [`Keyring::replace`].
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.ring.load().generation
    }

    /// Forgets what was opened of credentials that no request has used for so long.
    pub fn forget_idle(&self, idle: Duration) {
        let now = Instant::now();
        for credential in self.ring.load().by_id.values() {
            credential.prepared.forget_idle(now, idle);
        }
    }

    /// Returns the credential of an id.
    #[must_use]
    pub fn get(&self, id: &CredentialId) -> Option<Arc<SealedCredential>> {
        self.ring.load().by_id.get(id).cloned()
    }

    /// Returns all credentials by id.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<SealedCredential>> {
        let mut all: Vec<_> = self.ring.load().by_id.values().cloned().collect();
        all.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        all
    }

    /// Returns whether a connector has any credential, wherever it is bound.
    #[must_use]
    pub fn has_any(&self, connector: &str) -> bool {
        self.ring.load().by_connector.contains_key(connector)
    }

    /// Returns the credentials of a connector that are bound to this authority, path and agent, by id.
    ///
    /// Nothing is authenticated yet: a credential must be opened before use, agent-owned ones too.
    #[must_use]
    pub fn fitting(
        &self,
        connector: &str,
        authority: &Authority,
        path: &Path,
        agent: &AgentName,
    ) -> Vec<Arc<SealedCredential>> {
        let ring = self.ring.load();
        let Some(credentials) = ring.by_connector.get(connector) else {
            return Vec::new();
        };
        credentials
            .iter()
            .filter(|credential| fits(credential, authority, path, agent))
            .cloned()
            .collect()
    }
}

/// Returns whether a credential is bound to this authority, canonical path and agent; a path that does not read is not.
#[must_use]
pub fn binds(
    credential: &SealedCredential,
    authority: &Authority,
    path: &str,
    agent: &AgentName,
) -> bool {
    Path::parse(path).is_ok_and(|path| fits(credential, authority, &path, agent))
}

/// Returns whether a credential is bound to this authority and canonical path, for any agent.
#[must_use]
pub fn reaches(credential: &SealedCredential, authority: &Authority, path: &str) -> bool {
    let hosts = &credential.binding.hosts;
    hosts.iter().any(|host| authority.is_written(host))
        && Path::parse(path).is_ok_and(|path| is_below(&path, &credential.binding.path))
}

/// Returns a credential that takes the place of another one of its id.
fn succeeding(before: &SealedCredential, credential: SealedCredential) -> SealedCredential {
    SealedCredential {
        minted: before.minted.carried_over(),
        ..credential
    }
}

fn fits(
    credential: &SealedCredential,
    authority: &Authority,
    path: &Path,
    agent: &AgentName,
) -> bool {
    // `urls` says what the bytes are exchanged for elsewhere, not where a request may go.
    let Binding {
        hosts,
        path: prefix,
        urls: _,
        agents,
    } = &credential.binding;
    // An agent's own credential is sent by the agent; where no host is named, wherever the connector reaches.
    let anywhere = hosts.is_empty() && credential.agent_owned;
    (anywhere || hosts.iter().any(|host| authority.is_written(host)))
        && (agents.is_empty() || agents.iter().any(|name| name == agent.as_str()))
        && is_below(path, prefix)
}

/// Returns whether a path lies below a prefix by whole segments, however a server reads it.
fn is_below(path: &Path, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    if prefix.is_empty() {
        return true;
    }
    // A connector may allow paths that a server can resolve to somewhere else: they stay below `/` only.
    let leads_out = |oddity| match oddity {
        Oddity::DotSegments
        | Oddity::DoubleSlash
        | Oddity::Semicolon
        | Oddity::Backslash
        | Oddity::DoubleEncoding => true,
        Oddity::EncodedSlash
        | Oddity::TrailingDot
        | Oddity::TrailingSpace
        | Oddity::Case
        | Oddity::TrailingSlash
        | Oddity::JsonSuffix => path.as_str().contains(".."),
    };
    if path.oddities().iter().any(leads_out) {
        return false;
    }
    path.as_str()
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
