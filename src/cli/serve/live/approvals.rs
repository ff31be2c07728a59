//! Ends approvals for a time whose agent or operator is gone.

use super::Live;
use crate::config::Role;

impl Live {
    /// Keeps the approvals for a time whose agent may still send and whose operator may still approve.
    pub(super) fn keep_approvals(&self) {
        let agents = self.roster.agents();
        let operators = self.operators.load();
        self.approvals.keep(|approval| {
            let may_approve = |by: &str| {
                let mut all = operators.iter().map(|(operator, _)| operator);
                all.any(|operator| operator.name == by && operator.role >= Role::Approver)
            };
            let answer = approval.answer.as_ref();
            let asks = approval.request.agent.as_str();
            agents.iter().any(|agent| agent.name.as_str() == asks)
                && answer.is_some_and(|answer| may_approve(&answer.by))
        });
    }
}
