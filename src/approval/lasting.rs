//! Keeps approvals for a time: until it is over, requests that are alike pass without asking.

use std::time::SystemTime;

use super::{Approval, Fingerprint};

/// An approval for a time.
#[derive(Debug)]
struct LastingApproval {
    /// The question that was answered so.
    approval: Approval,
    /// What requests have in common that pass.
    likeness: Fingerprint,
    until: SystemTime,
}

/// All that are not over.
#[derive(Debug, Default)]
pub(super) struct LastingApprovals(Vec<LastingApproval>);

impl LastingApprovals {
    /// Keeps an approval until its time is over.
    pub(super) fn put(&mut self, approval: Approval, likeness: Fingerprint, until: SystemTime) {
        self.0.push(LastingApproval {
            approval,
            likeness,
            until,
        });
    }

    /// Returns the approval that lets requests of this likeness pass.
    pub(super) fn of(&mut self, likeness: &Fingerprint, now: SystemTime) -> Option<&Approval> {
        self.prune(now);
        let mut all = self.0.iter();
        let found = all.find(|lasting| lasting.likeness == *likeness)?;
        Some(&found.approval)
    }

    /// Ends the one that a question was answered with, and returns it unless its time was over before.
    pub(super) fn end(&mut self, id: &str, now: SystemTime) -> Option<Approval> {
        self.prune(now);
        let at = self.0.iter().position(|one| one.approval.id == id)?;
        Some(self.0.remove(at).approval)
    }

    /// Ends all but those that `keeps` names; returns those that ended.
    pub(super) fn keep(&mut self, keeps: impl Fn(&Approval) -> bool) -> Vec<Approval> {
        let all = std::mem::take(&mut self.0);
        let (kept, ended) = all.into_iter().partition(|one| keeps(&one.approval));
        self.0 = kept;
        let ended: Vec<LastingApproval> = ended;
        ended.into_iter().map(|one| one.approval).collect()
    }

    fn prune(&mut self, now: SystemTime) {
        self.0.retain(|lasting| now < lasting.until);
    }

    /// Iterates over those that are not over, in the order in which they were given.
    pub(super) fn all(&self, now: SystemTime) -> impl Iterator<Item = &Approval> {
        let lasting = self.0.iter().filter(move |lasting| now < lasting.until);
        lasting.map(|lasting| &lasting.approval)
    }
}
