//! Keeps approvals for a time: requests of one agent whose actions and parameters are all the same pass without asking.

use std::time::SystemTime;

use serde_json::Value as Json;

use super::{Approval, ApprovalRequest};

/// An approval for a time.
#[derive(Debug)]
pub(super) struct LastingApproval {
    /// The question that was answered so.
    approval: Approval,
    until: SystemTime,
}

/// All that are not over.
#[derive(Debug, Default)]
pub(super) struct LastingApprovals(Vec<LastingApproval>);

impl LastingApprovals {
    /// Keeps an approval until its time is over.
    pub(super) fn put(&mut self, approval: Approval, until: SystemTime) {
        self.0.push(LastingApproval { approval, until });
    }

    /// Returns the approval that lets a request pass; secret parameters are compared by their keyed hashes.
    pub(super) fn of(&mut self, request: &ApprovalRequest, now: SystemTime) -> Option<&Approval> {
        self.0.retain(|lasting| now < lasting.until);
        let alike = |lasting: &&LastingApproval| is_alike(&lasting.approval.request, request);
        self.0.iter().find(alike).map(|lasting| &lasting.approval)
    }

    /// Iterates over those that are not over, in the order in which they were given.
    pub(super) fn all(&self, now: SystemTime) -> impl Iterator<Item = &Approval> {
        let lasting = self.0.iter().filter(move |lasting| now < lasting.until);
        lasting.map(|lasting| &lasting.approval)
    }

    /// Ends the one that a question was answered with, and returns it.
    pub(super) fn end(&mut self, id: &str, now: SystemTime) -> Option<Approval> {
        self.0.retain(|lasting| now < lasting.until);
        let at = self
            .0
            .iter()
            .position(|lasting| lasting.approval.id == id)?;
        Some(self.0.remove(at).approval)
    }
}

fn is_alike(one: &ApprovalRequest, other: &ApprovalRequest) -> bool {
    let all = |request: &ApprovalRequest| -> [String; 4] {
        let credential = request.credential.clone().unwrap_or_default();
        [
            request.agent.clone(),
            credential,
            request.method.clone(),
            request.host.clone(),
        ]
    };
    all(one) == all(other) && one.actions == other.actions
}

/// Returns whether parameters say what the actions are: a request that matches no route has none that do.
pub(super) fn is_named(actions: &Json) -> bool {
    let names = actions.as_array().into_iter().flatten();
    let mut names = names.filter_map(|action| action.get("name")?.as_str());
    names.all(|name| !name.ends_with(".unknown"))
}
