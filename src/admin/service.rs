//! Reads and changes what operators manage. The API of a gateway and commands without a gateway call it; nothing else writes the
//! store for them.
//!
//! INVARIANT: a change and its record are kept in one transaction, and a gateway judges by it before the caller has an answer.

pub mod additions;
pub mod agents;
pub mod binding;
pub mod checks;
pub mod connectors;
pub mod credentials;
pub mod drafts;
mod fields;
pub mod manifest;
pub mod operators;
pub mod permissions;
pub mod placement;
pub mod policies;
pub mod rebinding;
pub mod records;
pub mod references;
pub mod removal;
pub mod replays;
pub mod rotation;
pub mod rules;
mod scans;
pub mod summary;
pub mod tokens;
pub mod verification;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::operator::Operator;
use super::problem::Problem;
use crate::config::diagnostic::{Report, Source};
use crate::model::agent::Agent;
use crate::model::clock::Clock;
use crate::model::credential::{CredentialCheck, CredentialId, SealedCredential};
use crate::roster::TokenHash;
use crate::snapshot::{Inputs, Snapshot};
use crate::store::{Store, StoreView, UnrecordedChange};
use crate::vault::{self, CredentialDraft};
use rebinding::Placing;

/// An answer that takes a moment.
pub type Answering<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An agent of the configuration file.
#[derive(Debug, Clone)]
pub struct DeclaredAgent {
    /// Its name and labels.
    pub agent: Agent,
    /// Whether the file names a token for it.
    pub has_token: bool,
}

/// What the configuration file declares, by name; an operator changes it there.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// Agents, in the order of the file.
    pub agents: Vec<DeclaredAgent>,
    /// Operators, in the order of the file.
    pub operators: Vec<Operator>,
    /// Credentials, in the order of the file.
    pub credentials: Vec<DeclaredCredential>,
}

/// A credential of the configuration file.
#[derive(Debug, Clone)]
pub struct DeclaredCredential {
    /// Unique among credentials of configuration and store.
    pub id: CredentialId,
    /// The connector that it is for.
    pub connector: String,
    /// Id of the scheme, as declared; `None` for the connector's first.
    pub scheme: Option<String>,
}

/// The credentials of configuration and store.
#[derive(Debug, Clone, Default)]
pub struct KnownCredentials {
    /// Sealed; declared ones too.
    pub credentials: Vec<Arc<SealedCredential>>,
    /// What keeps the list from being whole.
    pub warnings: Vec<String>,
}

/// What differs between a gateway and a command without one.
pub trait Host: fmt::Debug + Send + Sync {
    /// Returns the operator of a token.
    fn operator(&self, token: &str) -> Option<Operator>;

    /// Returns what the configuration declares.
    fn declared(&self) -> Declared;

    /// Returns the policy files.
    ///
    /// # Errors
    /// When a directory or a file cannot be read.
    fn policy_files(&self) -> Result<Vec<Source>, Report>;

    /// Returns what a snapshot is compiled from, with this state of the store.
    ///
    /// # Errors
    /// When a directory or a file cannot be read.
    fn inputs(&self, view: &StoreView) -> Result<Inputs, Report>;

    /// Returns the snapshot that a gateway judges by; `None` without a gateway.
    fn active(&self) -> Option<Arc<Snapshot>>;

    /// Returns the tokens that were used since the gateway started, and when, in seconds since 1970.
    fn used(&self) -> Vec<(TokenHash, i64)>;

    /// Returns the directory of the journal's segments.
    fn journal(&self) -> PathBuf;

    /// Returns the credentials in use, declared ones too.
    fn credentials(&self) -> Answering<Result<KnownCredentials, Problem>>;

    /// Returns what the last test of each credential has found, by id.
    fn checks(&self) -> BTreeMap<String, CredentialCheck>;

    /// Tests a credential that is in use, and keeps what was found; `None` without a gateway.
    fn check(&self, credential: Arc<SealedCredential>) -> Answering<Option<CredentialCheck>>;

    /// Tests a credential that is not in use; `None` without a gateway.
    fn probe(&self, credential: Arc<SealedCredential>) -> Answering<Option<CredentialCheck>>;

    /// Seals a credential, or says why it cannot be.
    fn seal(&self, draft: CredentialDraft) -> Answering<Result<SealedCredential, String>>;

    /// Seals a credential of the store for another place, or says why it cannot be.
    fn rebind(&self, placing: Placing) -> Answering<Result<SealedCredential, String>>;

    /// Seals where a declared credential is bound to, or says why it cannot be.
    fn seal_pin(&self, id: CredentialId, pin: vault::Pin) -> Answering<Result<Vec<u8>, String>>;

    /// Takes the store over up to a revision at least; returns what keeps a change from taking effect.
    fn take_over(&self, revision: i64) -> Answering<Option<String>>;
}

/// The state that operators manage.
#[derive(Debug)]
pub struct Service {
    store: Store,
    clock: Clock,
    host: Arc<dyn Host>,
    /// Held by a write from its checks to its end, so that what was checked is what is written.
    writing: tokio::sync::Mutex<()>,
    verification: parking_lot::Mutex<verification::Running>,
    scans: scans::Scans,
}

/// What a change is recorded as.
#[derive(Debug, Default)]
struct Noted<'n> {
    what: &'n str,
    subject: &'n str,
    agent: &'n str,
    detail: Option<serde_json::Value>,
}

impl Service {
    /// Manages what a store keeps.
    #[must_use]
    pub fn new(store: Store, clock: Clock, host: Arc<dyn Host>) -> Self {
        Self {
            store,
            clock,
            host,
            writing: tokio::sync::Mutex::default(),
            verification: parking_lot::Mutex::default(),
            scans: scans::Scans::default(),
        }
    }

    pub(super) fn host(&self) -> &dyn Host {
        &*self.host
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns the store; what is changed through it is recorded as this, by this operator.
    fn recording(&self, by: &Operator, noted: &Noted<'_>) -> Store {
        let detail = noted.detail.as_ref();
        self.store.recording(UnrecordedChange {
            id: 0,
            time: self.clock.stamp(),
            operator: by.name.clone(),
            what: noted.what.to_owned(),
            subject: noted.subject.to_owned(),
            agent: noted.agent.to_owned(),
            detail: detail.map(ToString::to_string).unwrap_or_default(),
        })
    }

    async fn view(&self) -> Result<StoreView, Problem> {
        Ok(StoreView::read(&self.store).await?)
    }

    /// Lets the gateway take a change over; returns warnings about it.
    async fn settle(&self) -> Vec<String> {
        match self.store.revision().await {
            Ok(revision) => self.host.take_over(revision).await.into_iter().collect(),
            Err(error) => vec![format!(
                "it is not known whether the gateway has taken it over: {error}"
            )],
        }
    }
}

/// Returns seconds since 1970; a clock before that reads as 0.
fn seconds(now: SystemTime) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
