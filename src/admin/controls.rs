//! Lists what operators can change, and how a change is kept: it takes effect first, then goes to the store, then to the journal.

use std::fmt;
use std::sync::Arc;

use crate::approval::ApprovalService;
use crate::journal::{Changed, Journal};
use crate::kill_switch::KillSwitch;
use crate::model::changes::Changes;
use crate::model::clock::Clock;
use crate::model::halt::Scope;
use crate::store::Store;

/// Tells whether a connector or an agent of this name exists.
pub type Knows = Arc<dyn Fn(&Scope) -> bool + Send + Sync>;

/// The parts of the running gateway that operators change.
pub struct Controls {
    /// The halts in effect.
    pub kill_switch: Arc<KillSwitch>,
    /// Requests that wait for approval.
    pub approvals: Arc<ApprovalService>,
    /// Notified after a change, so that open exchanges are judged again.
    pub changes: Changes,
    /// Persists changes across restarts.
    pub store: Store,
    /// Records changes in the journal.
    pub journal: Journal,
    /// Tells the time of a change.
    pub clock: Clock,
    /// A halt of what does not exist would look like one that works.
    pub knows: Knows,
}

impl Controls {
    /// Records a change. It is made already and stands, so a failure is logged and no more.
    pub(super) async fn record(&self, change: Changed<'_>) {
        if let Err(error) = self.journal.append(&change).await {
            tracing::error!(what = %change.what, %error, "a change is not in the journal");
        }
    }
}

impl fmt::Debug for Controls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controls")
            .field("kill_switch", &self.kill_switch)
            .finish_non_exhaustive()
    }
}
