//! Exchange: the state of one request and its answer, from the first callback to the last.
//!
//! INVARIANT: it starts as refused; only a permit makes it more, so whatever is skipped ends in a refusal.

use std::time::Instant;

use super::drain::Counted;
use super::replay::Slot;
use super::upstream::Framing;
use crate::pipeline::Permit;
use crate::pipeline::forward::Destination;
use crate::pipeline::record::{Outcome, Ticket};
use crate::pipeline::refuse::Refusal;

/// One request and its answer.
pub(super) struct Exchange {
    /// ULID.
    pub(super) request_id: String,
    /// When its head was there.
    pub(super) received: Instant,
    pub(super) state: State,
    /// What the agent reads if the exchange fails now.
    pub(super) refusal: Option<Refusal>,
    _counted: Counted,
}

/// How far it has come.
pub(super) enum State {
    /// Nothing may be sent.
    Refused,
    /// May be sent.
    Permitted(Box<Permitted>),
}

/// A permitted request.
pub(super) struct Permitted {
    pub(super) permit: Permit,
    pub(super) ticket: Ticket,
    pub(super) destination: Destination,
    /// Which of the destination's addresses is tried.
    pub(super) attempt: usize,
    pub(super) framing: Framing,
    /// Set while a replay stands in for the agent's session.
    pub(super) replay: Option<Slot>,
}

impl Exchange {
    pub(super) fn new(request_id: String, counted: Counted) -> Self {
        Self {
            request_id,
            received: Instant::now(),
            state: State::Refused,
            refusal: None,
            _counted: counted,
        }
    }

    pub(super) fn permitted(&mut self) -> Option<&mut Permitted> {
        match &mut self.state {
            State::Refused => None,
            State::Permitted(permitted) => Some(permitted),
        }
    }

    /// Says how a permitted request ended; nothing to say about a refused one.
    pub(super) fn note_outcome(&mut self, outcome: Outcome) {
        if let Some(permitted) = self.permitted() {
            permitted.ticket.note_outcome(outcome);
        }
    }
}
