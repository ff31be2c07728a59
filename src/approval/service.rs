//! Lets requests that need approval wait, and operators answer. Everything is in memory: a restart forgets questions and answers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use super::pending::PendingApprovals;
use super::{
    Approval, ApprovalRequest, ApprovalSettings, ApprovalStatus, ApprovalVerdict, Resolution,
    ResolveError, Waiter,
};
use crate::model::clock::Clock;

/// Holds the questions, the answers and the waiting requests.
#[derive(Debug)]
pub struct ApprovalService {
    settings: ApprovalSettings,
    clock: Clock,
    pending: Arc<Mutex<PendingApprovals>>,
}

/// The result of submitting a request.
#[derive(Debug)]
pub enum Submission {
    /// An operator has said yes to it, and that yes is used up now.
    Granted(Box<Approval>),
    /// An operator has said no to it a moment ago.
    Refused(Box<Approval>),
    /// The request waits for an operator's answer.
    Waiting(Box<Waiter>),
    /// Too many wait already.
    Full,
    /// The gateway is shutting down and accepts no new question.
    Closed,
}

impl ApprovalService {
    /// Creates a service without questions.
    #[must_use]
    pub fn new(settings: ApprovalSettings, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            settings,
            clock,
            pending: Arc::default(),
        })
    }

    /// Asks. Requests with one fingerprint wait for one answer; a yes lets one of them go, and the others ask again.
    pub fn submit(self: &Arc<Self>, request: ApprovalRequest) -> Submission {
        let now = self.clock.now();
        let mut pending = self.pending.lock();
        if pending.is_closed() {
            return Submission::Closed;
        }
        if let Some(record) = pending.refused(&request.subject, now) {
            return Submission::Refused(Box::new(record.show(now)));
        }
        let lasting = request
            .likeness
            .and_then(|likeness| pending.lasting.of(&likeness, now).cloned());
        if let Some(approval) = lasting {
            return Submission::Granted(Box::new(approval));
        }
        let joined = match pending.current(&request.fingerprint) {
            None => None,
            Some(record) => match record.status(now) {
                ApprovalStatus::Approved => {
                    record.take();
                    return Submission::Granted(Box::new(record.show(now)));
                }
                ApprovalStatus::Pending => Some(record.show(now).id),
                ApprovalStatus::Used | ApprovalStatus::Denied | ApprovalStatus::Expired => None,
            },
        };
        if !pending.has_room(&request.agent, &self.settings) {
            return Submission::Full;
        }
        let id = match joined {
            Some(id) => id,
            None => {
                let id = ulid::Ulid::from_datetime(now).to_string();
                if pending
                    .put(Arc::new(request), id.clone(), &self.settings, now)
                    .is_none()
                {
                    return Submission::Full;
                }
                id
            }
        };
        pending.enter(&id);
        match pending.get(&id) {
            Some(record) => Submission::Waiting(Box::new(Waiter {
                pending: Arc::clone(&self.pending),
                approval: record.show(now),
                signal: record.watch(),
            })),
            None => Submission::Full,
        }
    }

    /// Approves a request, and those alike for a time: of the same agent, with the same actions, all parameters equal.
    ///
    /// # Errors
    ///
    /// As for [`ApprovalService::resolve`]; `Unnamed` where no parameters tell such requests apart.
    pub fn approve_for(
        &self,
        id: &str,
        (operator, opened): (&str, Option<&str>),
        time: Duration,
    ) -> Result<Approval, ResolveError> {
        let now = self.clock.now();
        let mut pending = self.pending.lock();
        let record = pending
            .get_mut(id)
            .ok_or_else(|| ResolveError::NotFound(id.to_owned()))?;
        let likeness = record.request().likeness.ok_or(ResolveError::Unnamed);
        let until = now + time;
        let answer = Resolution {
            verdict: ApprovalVerdict::Approve,
            by: operator.to_owned(),
            at: now,
            until: Some(until),
            ended_by: None,
        };
        record.check(&answer, opened, now)?;
        let likeness = likeness?;
        record.answer(answer, until);
        let shown = record.show(now);
        pending.remember(&shown.request.subject, id, ApprovalVerdict::Approve);
        pending.lasting.put(shown.clone(), likeness, until);
        Ok(shown)
    }

    /// Ends an approval for a time, in an operator's name; requests alike ask again. Returns it as it ended, or `None` where there was
    /// none.
    #[must_use]
    pub fn end(&self, id: &str, operator: &str) -> Option<Approval> {
        let now = self.clock.now();
        let mut pending = self.pending.lock();
        let ended = pending.lasting.end(id, now)?;
        let answer = ended.answer.map(|answer| Resolution {
            until: Some(now),
            ended_by: Some(operator.to_owned()),
            ..answer
        });
        if let (Some(record), Some(answer)) = (pending.get_mut(id), &answer) {
            // Its first request may not have gone yet.
            record.take();
            record.note(answer.clone());
        }
        Some(Approval {
            status: ApprovalStatus::Used,
            answer,
            ..ended
        })
    }

    /// Ends the approvals for a time that `keeps` does not name: their agent or their operator is gone.
    pub fn keep(&self, keeps: impl Fn(&Approval) -> bool) {
        let now = self.clock.now();
        let mut pending = self.pending.lock();
        for ended in pending.lasting.keep(keeps) {
            let answer = ended.answer.map(|answer| Resolution {
                until: answer.until.map(|until| until.min(now)),
                ..answer
            });
            if let (Some(record), Some(answer)) = (pending.get_mut(&ended.id), answer) {
                record.take();
                record.note(answer);
            }
        }
    }

    /// Answers a question and wakes the requests that wait for it. `opened` is the fingerprint that the operator saw in full; an
    /// approval of a request that a list cannot show in full requires it.
    ///
    /// # Errors
    ///
    /// If no such question waits for an answer; the first answer counts. If it was not opened.
    pub fn resolve(
        &self,
        id: &str,
        verdict: ApprovalVerdict,
        (operator, opened): (&str, Option<&str>),
    ) -> Result<Approval, ResolveError> {
        let now = self.clock.now();
        let mut pending = self.pending.lock();
        let record = pending
            .get_mut(id)
            .ok_or_else(|| ResolveError::NotFound(id.to_owned()))?;
        let lasts = match verdict {
            ApprovalVerdict::Approve => self.settings.grant,
            ApprovalVerdict::Deny => self.settings.refusal,
        };
        let answer = Resolution {
            verdict,
            by: operator.to_owned(),
            at: now,
            until: None,
            ended_by: None,
        };
        record.check(&answer, opened, now)?;
        record.answer(answer, now + lasts);
        let shown = record.show(now);
        pending.remember(&shown.request.subject, id, verdict);
        Ok(shown)
    }

    /// Returns the question with this id, as it is now.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Approval> {
        let now = self.clock.now();
        let pending = self.pending.lock();
        let record = pending.get(id).map(|record| record.show(now));
        record.or_else(|| forgotten(&pending, now).find(|approval| approval.id == id))
    }

    /// Returns all questions that are remembered, in the order in which they were asked.
    #[must_use]
    pub fn list(&self) -> Vec<Approval> {
        let now = self.clock.now();
        let pending = self.pending.lock();
        let all = pending.all().into_iter().map(|record| record.show(now));
        forgotten(&pending, now).chain(all).collect()
    }

    /// Returns how many questions wait for an answer.
    #[must_use]
    pub fn pending(&self) -> usize {
        let now = self.clock.now();
        let pending = self.pending.lock();
        let records = pending.records();
        records
            .filter(|record| record.status(now) == ApprovalStatus::Pending)
            .count()
    }

    /// Ends all waits and accepts no new question: the gateway is shutting down.
    pub fn close(&self) {
        self.pending.lock().close();
    }
}

/// Iterates over approvals for a time whose questions made room for others: requests still pass by them, so they stay to be seen and
/// ended.
fn forgotten(pending: &PendingApprovals, now: SystemTime) -> impl Iterator<Item = Approval> {
    let lasting = pending.lasting.all(now);
    let gone = lasting.filter(|approval| pending.get(&approval.id).is_none());
    gone.map(|approval| Approval {
        status: ApprovalStatus::Used,
        waiting: 0,
        ..approval.clone()
    })
}
