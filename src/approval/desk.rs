//! Desk: where requests that need a yes wait, and operators answer. In memory: a restart forgets questions and answers.

use std::sync::Arc;

use parking_lot::Mutex;

use super::shelf::Shelf;
use super::{Answer, Approval, Card, Hold, Settings, Status, Verdict};
use crate::model::clock::Clock;

/// Questions, answers and those who wait.
#[derive(Debug)]
pub struct Desk {
    settings: Settings,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    shelf: Shelf,
    closed: bool,
}

/// What a request comes to when it asks.
#[derive(Debug)]
pub enum Entry {
    /// An operator has said yes to it, and that yes is used up now.
    Granted(Box<Approval>),
    /// An operator has said no to it a moment ago.
    Refused(Box<Approval>),
    /// It waits.
    Held(Box<Hold>),
    /// Too many wait already.
    Full,
    /// The gateway ends.
    Closed,
}

/// Why an answer does not count.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ResolveError {
    /// There is no such question, or not any more.
    #[error("there is no approval `{}`", .0.escape_debug())]
    NotFound(String),
    /// A card does not show all of it, and nobody says to have seen the whole.
    #[error("it cannot be shown in full in a list or on a card: {}", .0.card.partial.join(", "))]
    Unopened(Box<Approval>),
    /// It is not the one that was opened.
    #[error("what was opened is another request")]
    Another,
    /// It has been answered, or is over.
    #[error("it is not pending any more")]
    Over(Box<Approval>),
}

impl Desk {
    /// Opens an empty desk.
    #[must_use]
    pub fn new(settings: Settings, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            settings,
            clock,
            state: Mutex::default(),
        })
    }

    /// Asks. Requests with one fingerprint wait for one answer; a yes lets one of them go, and the others ask again.
    pub fn open(self: &Arc<Self>, card: Card) -> Entry {
        let now = self.clock.now();
        let mut state = self.state.lock();
        if state.closed {
            return Entry::Closed;
        }
        let shelf = &mut state.shelf;
        if let Some(record) = shelf.refused(&card.subject, now) {
            return Entry::Refused(Box::new(record.show(now)));
        }
        let joined = match shelf.current(&card.fingerprint) {
            None => None,
            Some(record) => match record.status(now) {
                Status::Approved => {
                    record.take();
                    return Entry::Granted(Box::new(record.show(now)));
                }
                Status::Pending => Some(record.show(now).id),
                Status::Used | Status::Denied | Status::Expired => None,
            },
        };
        if !shelf.has_place(&card.agent, &self.settings) {
            return Entry::Full;
        }
        let id = match joined {
            Some(id) => id,
            None => {
                let id = ulid::Ulid::from_datetime(now).to_string();
                if shelf
                    .put(Arc::new(card), id.clone(), &self.settings, now)
                    .is_none()
                {
                    return Entry::Full;
                }
                id
            }
        };
        shelf.enter(&id);
        match shelf.get(&id) {
            Some(record) => Entry::Held(Box::new(Hold {
                desk: Arc::clone(self),
                approval: record.show(now),
                told: record.watch(),
            })),
            None => Entry::Full,
        }
    }

    /// Answers a question and wakes those who wait for it. `opened` is the fingerprint of what the operator has seen whole; a yes to
    /// what a card does not show in full needs it.
    ///
    /// # Errors
    /// When there is none that waits for an answer; the first answer counts. When it was not opened.
    pub fn resolve(
        &self,
        id: &str,
        verdict: Verdict,
        (operator, opened): (&str, Option<&str>),
    ) -> Result<Approval, ResolveError> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let record = state
            .shelf
            .get_mut(id)
            .ok_or_else(|| ResolveError::NotFound(id.to_owned()))?;
        if record.status(now) != Status::Pending {
            return Err(ResolveError::Over(Box::new(record.show(now))));
        }
        match opened {
            Some(opened) if !record.card().fingerprint.is_written(opened) => {
                return Err(ResolveError::Another);
            }
            None if verdict == Verdict::Approve && !record.card().partial.is_empty() => {
                return Err(ResolveError::Unopened(Box::new(record.show(now))));
            }
            Some(_) | None => {}
        }
        let lasts = match verdict {
            Verdict::Approve => self.settings.grant,
            Verdict::Deny => self.settings.refusal,
        };
        let answer = Answer {
            verdict,
            by: operator.to_owned(),
            at: now,
        };
        record.answer(answer, now + lasts);
        let shown = record.show(now);
        state.shelf.remember(&shown.card.subject, id, verdict);
        Ok(shown)
    }

    /// Returns a question.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Approval> {
        let now = self.clock.now();
        Some(self.state.lock().shelf.get(id)?.show(now))
    }

    /// Returns all questions that are remembered, in the order in which they were asked.
    #[must_use]
    pub fn list(&self) -> Vec<Approval> {
        let now = self.clock.now();
        let state = self.state.lock();
        let all = state.shelf.all();
        all.into_iter().map(|record| record.show(now)).collect()
    }

    /// Returns how many questions wait for an answer.
    #[must_use]
    pub fn pending(&self) -> usize {
        let now = self.clock.now();
        let state = self.state.lock();
        let records = state.shelf.records();
        records
            .filter(|record| record.status(now) == Status::Pending)
            .count()
    }

    /// Sends everybody who waits away, and takes no more: the gateway ends.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.shelf.records().for_each(|record| record.close());
    }

    pub(super) fn leave(&self, hold: &Hold) {
        let approval = hold.approval();
        self.state
            .lock()
            .shelf
            .leave(&approval.id, &approval.card.agent);
    }
}
