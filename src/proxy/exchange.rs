//! Holds the state of one request and its answer, from the first callback to the last.
//!
//! INVARIANT: it starts as refused; only a permit makes it more, so whatever is skipped ends in a refusal.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Version};
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};

use super::drain::{Counted, Drain};
use super::head::Fault;
use super::header_deadline::Taken;
use super::http2_support::Upstream;
use super::relay;
use super::response_buffer::ResponseBuffer;
use super::reuse::Tracker;
use super::slot::Slot;
use super::streams::Stream;
use super::upstream::{self, Carriage, Framing};
use crate::pipeline::forward::Destination;
use crate::pipeline::permit_validity::PermitValidity;
use crate::pipeline::record::{OpenExchange, Outcome};
use crate::pipeline::refuse::{Refusal, RefusedExchange};
use crate::pipeline::{Gateway, Permit};

/// One request and its answer.
pub(super) struct Exchange {
    /// ULID, sent as `Tollgate-Request-Id`.
    pub(super) request_id: String,
    /// When its head was there.
    pub(super) received: Instant,
    pub(super) state: State,
    /// The refusal to send if the exchange fails now.
    pub(super) refusal: Option<RefusedExchange>,
    /// Until then the connection waits for no other request.
    pub(super) taken: Option<Taken>,
    /// Of HTTP/2.
    pub(super) stream: Option<Arc<Stream>>,
    _counted: Counted,
}

/// How far it has come.
pub(super) enum State {
    /// Nothing may be sent.
    Refused,
    /// The request has a permit.
    Permitted(Box<Permitted>),
}

/// A request that has a permit.
pub(super) struct Permitted {
    pub(super) permit: Permit,
    pub(super) open_exchange: OpenExchange,
    pub(super) destination: Destination,
    /// Which of the destination's addresses is tried.
    pub(super) attempt: usize,
    pub(super) framing: Framing,
    /// Of the present attempt, once it is connected.
    pub(super) tracker: Option<Tracker>,
    /// Something of the request may have been read by the upstream.
    pub(super) is_sent: bool,
    /// The head of the answer has passed.
    pub(super) is_answering: bool,
    /// How often the upstream has refused the request unread.
    pub(super) unread: u8,
    pub(super) extent: Extent,
    /// The answer has passed to its last byte, so nothing that fails now changes how the exchange has ended.
    pub(super) is_answered: bool,
    /// Set while a relay stands in for the agent's session.
    pub(super) relay: Option<Slot>,
}

/// Conditions of an open exchange, checked while bytes move.
pub(super) struct Watch {
    pub(super) gateway: Arc<Gateway>,
    pub(super) validity: Arc<PermitValidity>,
    /// As it is before the answer begins.
    pub(super) extent: Extent,
    /// Whether this is the last answer of its connection.
    pub(super) drain: Arc<Drain>,
    /// Buffer for an answer that may issue a credential.
    pub(super) held: Option<ResponseBuffer>,
    /// The request's own, if it is one of HTTP/2.
    pub(super) stream: Option<Arc<Stream>>,
}

/// Whether an exchange has an end of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// It finishes on the snapshot that it was judged by.
    Bounded,
    /// It may go on for ever, so it is judged again.
    Stream,
}

impl Extent {
    /// Returns what the head of an answer says.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(CONTENT_LENGTH) {
            Self::Bounded
        } else {
            Self::Stream
        }
    }
}

impl Permitted {
    /// Takes the connection of this attempt for the request.
    ///
    /// # Errors
    /// When it must not carry another exchange; nothing was sent.
    pub(super) fn take_connection(&mut self, version: Version) -> Result<()> {
        let Some(tracker) = &mut self.tracker else {
            return Error::e_explain(ErrorType::InternalError, "no connection was noted");
        };
        if version == Version::HTTP_2 {
            tracker.is_http2();
        } else {
            let framing = match upstream::carriage(self.permit.outgoing()) {
                // Bytes after a protocol switch are not a body.
                Carriage::WebSocket => Framing::Streamed(Some(0)),
                Carriage::Any | Carriage::Grpc => self.framing,
            };
            tracker.begin(framing)?;
        }
        self.is_sent = true;
        Ok(())
    }

    /// Returns the upstream that is tried: its address, and what its connections are grouped by.
    pub(super) fn upstream(&self) -> Option<Upstream> {
        let address = self.destination.addresses.get(self.attempt)?;
        Some((*address, self.destination.group_key))
    }

    /// Notes that the answer has passed to its last byte.
    pub(super) fn note_answered(&mut self) {
        if !self.is_answered
            && let Some(tracker) = &self.tracker
        {
            tracker.note_answered();
        }
        self.is_answered = true;
    }

    /// Lets the upstream connection carry no other exchange.
    pub(super) fn condemn(&self) {
        if let Some(tracker) = &self.tracker {
            tracker.condemn();
        }
    }

    /// Notes the bytes of the request's body that are passed on.
    pub(super) fn note_sent(&mut self, body: &Bytes) {
        if let Some(tracker) = &mut self.tracker {
            tracker.note_sent(body.len());
        }
        self.open_exchange.note_sent(body.len() as u64);
    }

    /// Notes that the request has passed to its last byte.
    pub(super) fn note_request_end(&mut self) {
        if let Some(tracker) = &mut self.tracker {
            tracker.note_request_end();
        }
    }
}

impl Exchange {
    pub(super) fn new(request_id: String, counted: Counted) -> Self {
        Self {
            request_id,
            received: Instant::now(),
            state: State::Refused,
            refusal: None,
            taken: None,
            stream: None,
            _counted: counted,
        }
    }

    /// Returns whether the request's body is framed in a way that cannot be read.
    pub(super) fn is_unclear(&self) -> bool {
        self.taken.as_ref().is_some_and(Taken::is_unclear) || self.fault().is_some()
    }

    /// Returns why an HTTP/2 request is malformed.
    pub(super) fn fault(&self) -> Option<&Fault> {
        self.stream.as_ref().and_then(|stream| stream.fault())
    }

    pub(super) fn permitted(&mut self) -> Option<&mut Permitted> {
        match &mut self.state {
            State::Refused => None,
            State::Permitted(permitted) => Some(permitted),
        }
    }

    /// Returns whether the upstream's answer has passed to its last byte.
    pub(super) fn is_answered(&self) -> bool {
        matches!(&self.state, State::Permitted(permitted) if permitted.is_answered)
    }

    /// Ends a stream whose permit has become void, and any exchange whose agent may not ask any more. One atomic load while
    /// nothing has changed.
    ///
    /// # Errors
    /// Ends the exchange; the refusal is kept for the agent, if it can still read one.
    pub(super) fn check_validity(&mut self, gateway: &Gateway) -> Result<()> {
        let Some(permitted) = self.permitted() else {
            return Ok(());
        };
        let validity = permitted.permit.validity();
        let stands = match permitted.extent {
            Extent::Bounded => validity.check_admission(gateway),
            Extent::Stream => validity.check(gateway),
        };
        let Err(refusal) = stands else {
            return Ok(());
        };
        self.end(refusal);
        Error::e_explain(ErrorType::InternalError, "the permit has become void")
    }

    /// Puts the agent's own session back in the place of the relay; keeps why the relay has ended the exchange, if it has.
    pub(super) fn take_back(&mut self, session: &mut Session) {
        let relay = self
            .permitted()
            .and_then(|permitted| permitted.relay.take());
        if let Some(refusal) = relay.and_then(|slot| relay::restore(session, &slot)) {
            self.end(refusal);
        }
    }

    /// Keeps why a permitted request is refused after all.
    pub(super) fn end(&mut self, refusal: RefusedExchange) {
        self.note_outcome(Outcome::Refused(refusal.code().as_str()));
        self.refusal = Some(refusal);
    }

    /// Joins a refusal with this exchange.
    pub(super) fn refused(&self, refusal: impl Into<Refusal>) -> RefusedExchange {
        match &self.state {
            State::Permitted(permitted) => permitted.permit.refused(refusal),
            State::Refused => RefusedExchange::unjudged(refusal, &self.request_id),
        }
    }

    /// Says how a permitted request ended; nothing to say about a refused one.
    pub(super) fn note_outcome(&mut self, outcome: Outcome) {
        if let Some(permitted) = self.permitted() {
            permitted.open_exchange.note_outcome(outcome);
        }
    }
}
