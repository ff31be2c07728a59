//! Holds the state of one request and its answer, from the first callback to the last.
//!
//! INVARIANT: it starts as refused; only a permit makes it more, so whatever is skipped ends in a refusal.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::Version;
use http::response::Parts;
use pingora::{Error, ErrorType, Result};

use super::body::Unread;
use super::connection::Taken;
use super::drain::Counted;
use super::head::Fault;
use super::http2_support::Upstream;
use super::reuse::Tracker;
use super::slot::{REVOKED, Slot};
use super::streams::Stream;
use super::upstream::{self, Carriage, Framing};
use super::watch::Extent;
use crate::pipeline::decide::ResponseSecrets;
use crate::pipeline::forward::Destination;
use crate::pipeline::mask::answer_mask::AnswerMask;
use crate::pipeline::mint;
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
    /// Its stream, if it came over HTTP/2.
    pub(super) stream: Option<Arc<Stream>>,
    /// The request's body is framed in a way that cannot be read, where `taken` does not say so.
    pub(super) has_unclear_body: bool,
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
    /// The agent's body has no declared end, so the exchange is judged again as long as it lasts.
    pub(super) uploads_without_end: bool,
    /// The agent's body is not kept, so it cannot go again.
    pub(super) streams_body: bool,
    /// The answer has passed to its last byte, so nothing that fails now changes how the exchange has ended.
    pub(super) is_answered: bool,
    /// Set while a relay stands in for the agent's session.
    pub(super) relay: Option<Slot>,
}

impl Permitted {
    /// Of a request that is not sent yet.
    pub(super) fn new(
        permit: Permit,
        open_exchange: OpenExchange,
        (destination, framing): (Destination, Framing),
    ) -> Self {
        Self {
            permit,
            open_exchange,
            destination,
            attempt: 0,
            framing,
            tracker: None,
            is_sent: false,
            is_answering: false,
            unread: 0,
            extent: Extent::Bounded,
            uploads_without_end: false,
            streams_body: false,
            is_answered: false,
            relay: None,
        }
    }

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

    /// Returns what hides credentials in an answer that passes as it comes; one that is held back is searched when it is whole.
    pub(super) fn streaming_mask(&self) -> Option<&AnswerMask> {
        let is_held = self.permit.validity().response_secrets() == ResponseSecrets::Masked;
        self.open_exchange.mask().filter(|_| !is_held)
    }

    /// Returns the upstream that is tried: its address, and what its connections are grouped by.
    pub(super) fn upstream(&self) -> Option<Upstream> {
        let address = self.destination.addresses.get(self.attempt)?;
        self.permit.validity().note_upstream(*address);
        Some((*address, self.destination.group_key))
    }

    /// Notes that the upstream refuses the request's credential; returns whether the request goes again with another token.
    pub(super) fn goes_with_another_token(&mut self) -> bool {
        mint::note_refused(&mut self.permit, &self.open_exchange, !self.streams_body)
    }

    /// Notes that the answer has passed to its last byte.
    pub(super) fn note_answered(&mut self) {
        if let (false, Some(tracker)) = (self.is_answered, &self.tracker) {
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

    /// Notes that the agent's body passes as it comes. What declares no length may go on for ever.
    pub(super) fn note_upload(&mut self, unread: Unread) {
        self.streams_body = unread == Unread::Whole;
        if self.streams_body && self.framing == Framing::Streamed(None) {
            (self.uploads_without_end, self.extent) = (true, Extent::Stream);
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
            has_unclear_body: false,
            _counted: counted,
        }
    }

    /// Returns whether the request's body is framed in a way that cannot be read.
    pub(super) fn is_unclear(&self) -> bool {
        self.has_unclear_body
            || self.taken.as_ref().is_some_and(Taken::is_unclear)
            || self.fault().is_some()
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

    /// Ends a stream whose permit was revoked, and any exchange whose agent may not ask any more. One atomic load while
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
        Error::e_explain(ErrorType::InternalError, "the permit was revoked")
    }

    /// Gets another token, where the upstream has refused the request's; ends the exchange where there is none.
    pub(super) async fn renew_token(&mut self) -> Result<()> {
        let Some(permitted) = self.permitted() else {
            return Ok(());
        };
        let renewed = mint::renew(&mut permitted.permit, &mut permitted.open_exchange);
        renewed.await.map_err(|refusal| {
            self.end(refusal);
            Error::new(ErrorType::Custom(REVOKED))
        })
    }

    /// Keeps why a permitted request is refused after all.
    pub(super) fn end(&mut self, refusal: RefusedExchange) {
        self.note_outcome(Outcome::Refused(refusal.code().as_str()));
        self.refusal = Some(refusal);
    }

    /// Hides credentials in the head of an answer that passes as it comes.
    ///
    /// # Errors
    /// Ends the exchange where the answer must not pass.
    pub(super) fn mask_head(&mut self, head: &mut Parts) -> Result<()> {
        if let State::Permitted(permitted) = &self.state
            && let Some(mask) = permitted.streaming_mask()
        {
            let masked = mask.head(permitted.permit.outgoing(), head);
            return masked.map_err(|refusal| self.refuse(refusal));
        }
        Ok(())
    }

    /// Ends a permitted exchange with a refusal; returns the error that Pingora passes on.
    pub(super) fn refuse(&mut self, refusal: Refusal) -> Box<Error> {
        self.end(self.refused(refusal));
        Error::new(ErrorType::Custom(REVOKED))
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
