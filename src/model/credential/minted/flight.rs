//! Defines the flight that mints one token, what requests do meanwhile, and how it ends.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::token::MintedToken;
use crate::model::secret::Secret;

/// Why nothing was minted. The text is for the log and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MintFailure(Arc<str>);

/// How a flight has ended.
pub type MintResult = Result<Arc<MintedToken>, MintFailure>;

/// What a request that needs a token does.
#[derive(Debug)]
pub enum Taken {
    /// Uses this token as it is.
    Ready(Arc<MintedToken>),
    /// Uses this one, and sends off the flight that renews it.
    Due(Arc<MintedToken>, Flight),
    /// Sends the flight off, and waits for it.
    Missing(Flight, Waiting),
    /// Waits for the flight of another.
    Flying(Waiting),
    /// Waits for a flight that mints of what the credential was before, and asks again: two would spend one refresh token.
    Outdated(Waiting),
    /// Is refused: it failed a moment ago, or the credential is another one now.
    Failed(MintFailure),
}

/// What becomes of a request whose token the upstream refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It goes again with another token.
    Repeats,
    /// Its body is gone, so the answer passes.
    Passes,
}

/// Fields that a token endpoint has replaced.
#[derive(Debug, Clone, Default)]
pub struct ReplacedFields {
    /// The fields by name.
    pub fields: BTreeMap<String, Secret>,
    /// They lie sealed in the vault. Until then they must not be spent: a restart would lose them.
    pub is_sealed: bool,
}

/// The right and the duty to mint one token. Dropping it lets the next request mint.
pub struct Flight {
    pub(super) slot: Box<str>,
    /// Which replacement of the credential it mints of.
    pub(super) epoch: u64,
    pub(super) finished: watch::Sender<Option<MintResult>>,
}

/// Waits for a flight of another request.
pub struct Waiting(pub(super) watch::Receiver<Option<MintResult>>);

// === impl MintFailure ===

impl MintFailure {
    /// Makes a failure of a reason without a secret.
    #[must_use]
    pub fn new(reason: &str) -> Self {
        Self(reason.into())
    }
}

// === impl Flight ===

impl Flight {
    /// Returns the name of the slot that it mints for.
    #[must_use]
    pub fn slot(&self) -> &str {
        &self.slot
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").finish_non_exhaustive()
    }
}

// === impl Waiting ===

impl Waiting {
    /// Waits until the flight has ended. Safe to drop: the flight goes on.
    ///
    /// # Errors
    /// Why nothing was minted.
    pub async fn finished(mut self) -> MintResult {
        let finished = self.0.wait_for(Option::is_some).await;
        let finished = finished.ok().and_then(|finished| finished.clone());
        finished.unwrap_or_else(|| Err(MintFailure::new("minting broke off")))
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}
