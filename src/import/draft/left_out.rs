//! Removes operations that a draft cannot have; a comment says why.

use super::{ConnectorDraft, DraftRoute};

/// An operation that a draft goes without, since the gateway would refuse what was written for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Without the connector's id.
    pub action: String,
    /// What was wrong with it.
    pub why: String,
}

impl ConnectorDraft {
    /// Drops routes, and says so where the file begins.
    pub(crate) fn leave_out(&mut self, left_out: &[LeftOut]) {
        for LeftOut { action, why } in left_out {
            let (gone, kept): (Vec<DraftRoute>, Vec<DraftRoute>) = std::mem::take(&mut self.routes)
                .into_iter()
                .partition(|route| route.action == *action);
            self.routes = kept;
            for route in gone {
                self.health
                    .take_if(|health| health.request == route.matches);
                self.judge.push(format!(
                    "`{action}` (`{}`) is left out, since the gateway would refuse it: {why}",
                    route.matches.escape_debug()
                ));
            }
        }
    }
}
