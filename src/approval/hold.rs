//! Hold: one request that waits for an answer; it counts at the desk for as long as it lives.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::desk::Desk;
use super::{Approval, Fingerprint};

/// What those who wait are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Nothing yet.
    Wait,
    /// An operator has answered: ask the desk again.
    Answered,
    /// The gateway ends: nobody will answer.
    Closed,
}

/// A request that waits. Dropping it leaves the desk; the question stays until it expires.
pub struct Hold {
    pub(super) desk: Arc<Desk>,
    pub(super) approval: Approval,
    pub(super) told: watch::Receiver<Told>,
}

impl Hold {
    /// Returns the question as it was when the wait began.
    #[must_use]
    pub fn approval(&self) -> &Approval {
        &self.approval
    }

    /// Waits for an answer, or the end.
    pub async fn told(&mut self) -> Told {
        match self.told.wait_for(|told| *told != Told::Wait).await {
            Ok(told) => *told,
            // The question was dropped, so that somebody must ask again.
            Err(_) => Told::Answered,
        }
    }

    /// Returns what it is about.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.approval.card.fingerprint
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.desk.leave(self);
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("approval", &self.approval.id)
            .field("fingerprint", self.fingerprint())
            .finish_non_exhaustive()
    }
}
