//! Keeps what answers are searched for, for each host that a credential is bound to.
//!
//! INVARIANT: a credential, and a token that is minted of it, is searched for from the moment it can be put on a request. A
//! credential is searched for for a week after it was replaced.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use http::header::AUTHORIZATION;
use parking_lot::Mutex;

use crate::auth::{Fields, Scheme};
use crate::mask::PatternSet;
use crate::model::credential::SealedCredential;
use crate::model::on_reflect::OnReflect;
use crate::model::secret::Secret;
use crate::model::table::Table;
use crate::model::target::Authority;
use crate::snapshot::Snapshot;
use crate::vault::{Keyring, Opener};

/// How long a replaced credential may still work: its owner may not have revoked it yet.
const RETIRED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Most replaced credentials that are searched for; the oldest is forgotten first.
const MAX_RETIRED: usize = 256;

/// Where the values come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct PatternSources<'a> {
    pub(super) keyring: &'a Keyring,
    pub(super) opener: &'a Opener,
    /// Says how a credential is put on, and what happens when an answer holds it.
    pub(super) snapshot: &'a Arc<Snapshot>,
}

/// The patterns of all hosts. Compiled when a host is first answered from, and again after a change.
#[derive(Debug, Default)]
pub(super) struct HostPatterns {
    hosts: ArcSwap<BoundHosts>,
    retired: Mutex<Vec<RetiredCredential>>,
}

#[derive(Debug, Default)]
struct BoundHosts {
    /// Which ring of the keyring these credentials are of.
    generation: u64,
    /// Kept, so that no other snapshot can be taken for it.
    snapshot: Option<Arc<Snapshot>>,
    credentials: Vec<Arc<SealedCredential>>,
    /// By `host:port`, as bindings write it.
    by_host: Table<String, BoundHost>,
}

#[derive(Debug, Default)]
struct BoundHost {
    credentials: Vec<Arc<SealedCredential>>,
    compiled: ArcSwapOption<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    /// How many tokens were minted of the credentials by then.
    minted: u64,
    patterns: Option<Arc<PatternSet>>,
}

#[derive(Debug)]
struct RetiredCredential {
    credential: Arc<SealedCredential>,
    since: Instant,
}

impl HostPatterns {
    /// Returns what answers of a host are searched for; `None` where no credential is bound to it.
    pub(super) fn of(
        &self,
        authority: &Authority,
        sources: PatternSources<'_>,
    ) -> Option<Arc<PatternSet>> {
        let hosts = self.current(sources);
        if hosts.by_host.is_empty() {
            return None;
        }
        let host = hosts.by_host.get(&authority.to_string())?;
        // Read before the tokens are, so that none is missed.
        let credentials = host.credentials.iter();
        let minted = credentials.fold(0, |sum: u64, one| sum.wrapping_add(one.minted.count()));
        if let Some(compiled) = &*host.compiled.load()
            && compiled.minted == minted
        {
            return compiled.patterns.clone();
        }
        let patterns = compile(&host.credentials, sources);
        host.compiled.store(Some(Arc::new(Compiled {
            minted,
            patterns: patterns.clone(),
        })));
        patterns
    }

    fn current(&self, sources: PatternSources<'_>) -> Arc<BoundHosts> {
        let hosts = self.hosts.load();
        let generation = sources.keyring.generation();
        let is_same = |snapshot: &Arc<Snapshot>| Arc::ptr_eq(snapshot, sources.snapshot);
        if hosts.generation == generation && hosts.snapshot.as_ref().is_some_and(is_same) {
            return Arc::clone(&hosts);
        }
        let mut retired = self.retired.lock();
        let before = self.hosts.load_full();
        // Another request has made it meanwhile.
        if before.generation == generation && before.snapshot.as_ref().is_some_and(is_same) {
            return before;
        }
        let credentials = sources.keyring.list();
        retire(&mut retired, &before.credentials, &credentials);
        let mut by_host: Table<String, BoundHost> = Table::default();
        let old = retired.iter().map(|retired| &retired.credential);
        for credential in credentials.iter().chain(old).filter(|one| !one.agent_owned) {
            for host in &credential.binding.hosts {
                let host = by_host.entry(host.clone()).or_default();
                host.credentials.push(Arc::clone(credential));
            }
        }
        let hosts = Arc::new(BoundHosts {
            generation,
            snapshot: Some(Arc::clone(sources.snapshot)),
            credentials,
            by_host,
        });
        self.hosts.store(Arc::clone(&hosts));
        hosts
    }
}

/// Keeps the credentials that are not there any more, or are sealed again.
fn retire(
    retired: &mut Vec<RetiredCredential>,
    before: &[Arc<SealedCredential>],
    now: &[Arc<SealedCredential>],
) {
    let since = Instant::now();
    retired.retain(|retired| since.duration_since(retired.since) < RETIRED);
    for credential in before {
        let stays = now
            .iter()
            .any(|other| other.id == credential.id && other == credential);
        if !stays {
            // It is searched for, and put on nothing any more.
            credential.prepared.forget_idle(since, Duration::ZERO);
            let credential = Arc::clone(credential);
            retired.push(RetiredCredential { credential, since });
        }
    }
    let over = retired.len().saturating_sub(MAX_RETIRED);
    retired.drain(..over);
}

/// Compiles the values of credentials, those included that secrets which lie elsewhere had before. One that does not open cannot
/// be put on a request either.
fn compile(
    credentials: &[Arc<SealedCredential>],
    sources: PatternSources<'_>,
) -> Option<Arc<PatternSet>> {
    let mut values = Vec::new();
    for credential in credentials {
        let connector = sources.snapshot.catalog().get(&credential.connector);
        let scheme = connector.and_then(|connector| connector.put_on(credential).ok().flatten());
        let on_reflect = scheme.map_or(OnReflect::Mask, Scheme::on_reflect);
        let pair = |fields: &Fields| scheme.and_then(|scheme| basic(scheme, fields));
        let tokens = credential.minted.tokens();
        let mut secrets = credential.minted.secrets();
        for mut fields in sources.opener.known(credential) {
            secrets.extend(pair(&fields));
            for token in &tokens {
                let mut minted = fields.clone();
                minted.extend(token.fields().clone());
                secrets.extend(pair(&minted));
            }
            for name in credential.public_fields.keys() {
                fields.remove(name);
            }
            secrets.extend(fields.into_values());
        }
        values.extend(secrets.into_iter().map(|secret| (secret, on_reflect)));
    }
    PatternSet::new(values).map(Arc::new)
}

/// Returns user name and password as `Authorization: Basic` has them, in base64.
fn basic(scheme: &Scheme, fields: &Fields) -> Option<Secret> {
    let written = scheme.prepare(fields).ok().flatten()?;
    let mut written = written.iter();
    let (_, value) = written.find(|(name, _)| name == AUTHORIZATION)?;
    let pair = value.as_bytes().strip_prefix(b"Basic ")?;
    Some(Secret::new(pair.to_vec()))
}
