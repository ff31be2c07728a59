//! Keeps the questions and counts the requests that wait for them, bounded per agent and in total. A plain value;
//! `ApprovalService` locks it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;

use super::lasting::LastingApprovals;
use super::{
    Approval, ApprovalRequest, ApprovalSettings, ApprovalStatus, ApprovalVerdict, Fingerprint,
    Resolution, ResolveError, WaiterSignal,
};

/// Questions that are kept for each request that may wait, because questions outlive the requests that asked them.
const QUESTIONS_PER_WAITER: usize = 2;

#[derive(Debug, Default)]
pub(super) struct PendingApprovals {
    records: HashMap<String, Record>,
    /// The question that counts for a fingerprint now.
    current: HashMap<Fingerprint, String>,
    /// The question that was denied, by its subject.
    refused: HashMap<Fingerprint, String>,
    /// Requests that wait, by agent.
    waiting: HashMap<String, usize>,
    /// Number of questions made so far, which orders them by age.
    made: u64,
    /// Approvals for a time.
    pub(super) lasting: LastingApprovals,
    /// No question is accepted any more.
    closed: bool,
}

#[derive(Debug)]
pub(super) struct Record {
    id: String,
    request: Arc<ApprovalRequest>,
    answer: Option<Resolution>,
    /// The yes has been used.
    used: bool,
    opened_at: SystemTime,
    expires_at: SystemTime,
    waiting: usize,
    signal: watch::Sender<WaiterSignal>,
    number: u64,
}

// === impl Record ===

impl Record {
    pub(super) fn status(&self, now: SystemTime) -> ApprovalStatus {
        let over = now >= self.expires_at;
        match self.answer.as_ref().map(|answer| answer.verdict) {
            Some(ApprovalVerdict::Approve) if self.used => ApprovalStatus::Used,
            Some(ApprovalVerdict::Approve) if !over => ApprovalStatus::Approved,
            Some(ApprovalVerdict::Deny) => ApprovalStatus::Denied,
            None if !over => ApprovalStatus::Pending,
            Some(ApprovalVerdict::Approve) | None => ApprovalStatus::Expired,
        }
    }

    pub(super) fn show(&self, now: SystemTime) -> Approval {
        Approval {
            id: self.id.clone(),
            request: Arc::clone(&self.request),
            status: self.status(now),
            opened_at: self.opened_at,
            expires_at: self.expires_at,
            answer: self.answer.clone(),
            waiting: self.waiting,
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<WaiterSignal> {
        self.signal.subscribe()
    }

    pub(super) fn request(&self) -> &ApprovalRequest {
        &self.request
    }

    /// Uses the yes up.
    pub(super) fn take(&mut self) {
        self.used = true;
    }

    pub(super) fn answer(&mut self, answer: Resolution, expires_at: SystemTime) {
        self.answer = Some(answer);
        self.expires_at = expires_at;
        self.signal.send_replace(WaiterSignal::Answered);
    }

    /// Says more about the answer than when it was given.
    pub(super) fn note(&mut self, answer: Resolution) {
        self.answer = Some(answer);
    }

    /// Checks that an answer counts: the question waits for one, and the operator has seen what is approved.
    pub(super) fn check(
        &self,
        answer: &Resolution,
        opened: Option<&str>,
        now: SystemTime,
    ) -> Result<(), ResolveError> {
        if self.status(now) != ApprovalStatus::Pending {
            return Err(ResolveError::Over(Box::new(self.show(now))));
        }
        let is_approved = answer.verdict == ApprovalVerdict::Approve;
        match opened {
            Some(opened) if !self.request.fingerprint.is_written(opened) => {
                Err(ResolveError::Another)
            }
            None if is_approved && !self.request.partial.is_empty() => {
                Err(ResolveError::Unopened(Box::new(self.show(now))))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn close(&self) {
        self.signal.send_replace(WaiterSignal::Closed);
    }
}

// === impl PendingApprovals ===

impl PendingApprovals {
    /// Ends all waits and accepts no new question.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.records.values().for_each(Record::close);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn get(&self, id: &str) -> Option<&Record> {
        self.records.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Record> {
        self.records.get_mut(id)
    }

    /// Returns the question that counts for a fingerprint now.
    pub(super) fn current(&mut self, fingerprint: &Fingerprint) -> Option<&mut Record> {
        self.records.get_mut(self.current.get(fingerprint)?)
    }

    /// Returns the question about the same that was answered with a no a moment ago.
    pub(super) fn refused(&self, subject: &Fingerprint, now: SystemTime) -> Option<&Record> {
        let record = self.records.get(self.refused.get(subject)?)?;
        (record.status(now) == ApprovalStatus::Denied && now < record.expires_at).then_some(record)
    }

    /// Keeps a no for everything about the same; a later yes ends that.
    pub(super) fn remember(&mut self, subject: &Fingerprint, id: &str, verdict: ApprovalVerdict) {
        match verdict {
            ApprovalVerdict::Deny => drop(self.refused.insert(*subject, id.to_owned())),
            ApprovalVerdict::Approve => drop(self.refused.remove(subject)),
        }
    }

    /// Iterates in the order in which the questions were asked.
    pub(super) fn all(&self) -> Vec<&Record> {
        let mut all: Vec<&Record> = self.records.values().collect();
        all.sort_unstable_by_key(|record| record.number);
        all
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// Returns whether one more request of an agent may wait.
    pub(super) fn has_room(&self, agent: &str, settings: &ApprovalSettings) -> bool {
        let own = self.waiting.get(agent).copied().unwrap_or(0);
        own < settings.pending_approvals_per_agent
            && self.waiting.values().sum::<usize>() < settings.pending_approvals
    }

    /// Counts a request that waits, or one that does so no more.
    pub(super) fn enter(&mut self, id: &str) {
        if let Some(record) = self.records.get_mut(id) {
            record.waiting += 1;
            *self
                .waiting
                .entry(record.request.agent.clone())
                .or_default() += 1;
        }
    }

    pub(super) fn leave(&mut self, id: &str, agent: &str) {
        if let Some(record) = self.records.get_mut(id) {
            record.waiting = record.waiting.saturating_sub(1);
        }
        if let Some(waiting) = self.waiting.get_mut(agent) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                self.waiting.remove(agent);
            }
        }
    }

    /// Keeps a question; `None` where the agent's share is full of questions that must stay.
    pub(super) fn put(
        &mut self,
        request: Arc<ApprovalRequest>,
        id: String,
        settings: &ApprovalSettings,
        now: SystemTime,
    ) -> Option<&Record> {
        self.records
            .retain(|_, record| record.waiting > 0 || now < record.expires_at);
        if self.is_full(&request.agent, settings) {
            let victim = self.least_worth(&request.agent, now)?;
            self.records.remove(&victim);
        }
        self.current.retain(|_, id| self.records.contains_key(id));
        self.refused.retain(|_, id| self.records.contains_key(id));
        if self.is_full(&request.agent, settings) {
            return None;
        }
        self.made += 1;
        self.current.insert(request.fingerprint, id.clone());
        let record = Record {
            id: id.clone(),
            request,
            answer: None,
            used: false,
            opened_at: now,
            expires_at: now + settings.expires,
            waiting: 0,
            signal: watch::Sender::new(WaiterSignal::Wait),
            number: self.made,
        };
        Some(self.records.entry(id).or_insert(record))
    }

    fn is_full(&self, agent: &str, settings: &ApprovalSettings) -> bool {
        let own = self
            .records
            .values()
            .filter(|record| record.request.agent == agent)
            .count();
        own >= settings
            .pending_approvals_per_agent
            .saturating_mul(QUESTIONS_PER_WAITER)
            || self.records.len()
                >= settings
                    .pending_approvals
                    .saturating_mul(QUESTIONS_PER_WAITER)
    }

    /// Returns the agent's question without waiters that is worth least: an expired one, else the oldest without an answer.
    /// Unused approvals and denials stay, so that an agent cannot make the service forget them.
    fn least_worth(&self, agent: &str, now: SystemTime) -> Option<String> {
        let own = self
            .records
            .values()
            .filter(|record| record.request.agent == agent && record.waiting == 0);
        let worth = |record: &&Record| match record.status(now) {
            ApprovalStatus::Used | ApprovalStatus::Expired => Some((0, record.number)),
            ApprovalStatus::Pending => Some((1, record.number)),
            ApprovalStatus::Approved | ApprovalStatus::Denied => None,
        };
        own.filter_map(|record| Some((worth(&record)?, record)))
            .min_by_key(|(worth, _)| *worth)
            .map(|(_, record)| record.id.clone())
    }
}
