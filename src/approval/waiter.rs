//! Represents one request that waits for an answer. It counts against the limits for as long as it lives.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::pending::PendingApprovals;
use super::{Approval, Fingerprint, WaiterSignal};

/// A request that waits. Dropping it ends the wait; the question stays until it expires.
pub struct Waiter {
    pub(super) pending: Arc<Mutex<PendingApprovals>>,
    pub(super) approval: Approval,
    pub(super) signal: watch::Receiver<WaiterSignal>,
}

impl Waiter {
    /// Returns the question as it was when the wait began.
    #[must_use]
    pub fn approval(&self) -> &Approval {
        &self.approval
    }

    /// Waits for an answer, or the end.
    pub async fn wait(&mut self) -> WaiterSignal {
        match self
            .signal
            .wait_for(|signal| *signal != WaiterSignal::Wait)
            .await
        {
            Ok(signal) => *signal,
            // The question was dropped, so the request must ask again.
            Err(_) => WaiterSignal::Answered,
        }
    }

    /// Returns the fingerprint of the request.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.approval.request.fingerprint
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let Approval { id, request, .. } = &self.approval;
        self.pending.lock().leave(id, &request.agent);
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter")
            .field("approval", &self.approval.id)
            .field("fingerprint", self.fingerprint())
            .finish_non_exhaustive()
    }
}
