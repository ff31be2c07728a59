//! Carries a permitted request to an upstream, again where that is safe, or answers that it has failed.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use pingora::protocols::http::v2::client::Http2Session;
use pingora::upstreams::peer::{HttpPeer, Peer as _};
use pingora::{Error, ErrorType, Result};

use super::connect::{Kept, Key, Link};
use super::flight::Flight;
use super::lane::Lane;
use super::request::RequestState;
use super::send::{Http1Sink, Http2Sink, Replay};
use super::source::{Http1Source, Http2Source};
use crate::proxy::exchange::Exchange;
use crate::proxy::repeat::{self, Attempt};
use crate::proxy::slot::REVOKED;
use crate::proxy::{failure, peer};

/// An attempt that has failed.
struct Failed {
    error: Box<Error>,
    /// Whether its connection was kept; `None` where there was none.
    reused: Option<bool>,
}

impl Lane<'_> {
    /// Carries a permitted request to its end; returns whether the agent's connection goes on.
    pub(super) async fn carry(
        &mut self,
        mut exchange: Exchange,
        state: RequestState,
        judged: Option<Bytes>,
    ) -> bool {
        let Some(permitted) = exchange.permitted() else {
            return false;
        };
        let validity = Arc::clone(permitted.permit.validity());
        let mut flight = Flight {
            timeouts: self.services.timeouts.awaiting(validity.first_byte()),
            is_safe: permitted.permit.outgoing().method.is_safe(),
            exchange,
            state,
            judged,
            validity,
            replay: Replay::new(),
            progress: Arc::clone(&self.progress),
            fresh: false,
        };
        loop {
            match self.attempt(&mut flight).await {
                Ok(keeps) => return keeps,
                Err(failed) if self.goes_again(&mut flight, &failed) => flight.fresh = true,
                Err(failed) => return Box::pin(self.fail(flight, &failed.error)).await,
            }
        }
    }

    fn goes_again(&self, flight: &mut Flight, failed: &Failed) -> bool {
        let support = &self.services.intercept.http2_support;
        let (is_whole, is_safe) = (flight.replay.is_whole(), flight.is_safe);
        let Some(permitted) = flight.exchange.permitted() else {
            return false;
        };
        let Some(reused) = failed.reused else {
            return repeat::after_connecting(permitted, support);
        };
        repeat::note_protocol(permitted, support, &failed.error);
        let attempt = Attempt {
            is_whole,
            is_safe,
            reused,
        };
        repeat::after_sending(permitted, &failed.error, attempt)
    }

    /// Answers that an exchange has failed, or cuts the answer that has begun.
    async fn fail(&mut self, mut flight: Flight, error: &Error) -> bool {
        let refusal = failure::failed(&mut flight.exchange, error);
        match refusal {
            _ if self.progress.is_response_started() => self.cut(flight.state.asker).await,
            Some(refusal) => self.give_up(&refusal, &mut flight.state).await,
            None => {}
        }
        false
    }

    async fn attempt(&mut self, flight: &mut Flight) -> Result<bool, Failed> {
        let renewed = flight.exchange.renew_token().await;
        renewed.map_err(|error| Failed {
            error,
            reused: Some(false),
        })?;
        let (link, reused) = self.link(flight).await?;
        let failed = |error| Failed {
            error,
            reused: Some(reused),
        };
        let carried = match link {
            Link::Http1(kept) => self.over_http1(flight, kept).await,
            Link::Http2(session, peer) => {
                // On the heap: nearly every request goes without it.
                let carried = Box::pin(self.over_http2(flight, (session, &peer))).await;
                carried.inspect_err(|error| self.services.upstreams.note_failed(&peer, error))
            }
        };
        carried.map_err(failed)
    }

    async fn over_http1(&mut self, flight: &mut Flight, mut kept: Box<Kept>) -> Result<bool> {
        let head = self.http1_head(flight)?;
        let is_head = head.is_head;
        let sink = Http1Sink {
            writer: &mut kept.writer,
            out: head.bytes,
            shape: head.shape,
        };
        let progress = Arc::clone(&flight.progress);
        let (reader, input) = (&mut kept.reader, &mut kept.input);
        let mut source = Http1Source::new(reader, input, &progress, is_head);
        let keeps = self.exchange(flight, sink, &mut source).await?;
        if source.is_clean() && progress.is_sent() {
            kept.shrink();
            self.kept = Some(kept);
        }
        Ok(keeps)
    }

    async fn over_http2(
        &mut self,
        flight: &mut Flight,
        (mut session, peer): (Box<Http2Session>, &HttpPeer),
    ) -> Result<bool> {
        let head = self.http2_head(flight, peer.tls())?;
        let is_empty = match &flight.judged {
            Some(body) => body.is_empty(),
            None => flight.state.incoming.is_ended() && flight.replay.is_empty(),
        };
        let written = session.write_request_header(head, is_empty);
        written.map_err(|error| error.into_up())?;
        let Some(writer) = session.take_request_body_writer() else {
            return Err(internal("a stream without a body"));
        };
        let sink = Http2Sink {
            writer,
            ended: is_empty,
        };
        let progress = Arc::clone(&flight.progress);
        let mut source = Http2Source {
            session: &mut session,
            progress: &progress,
        };
        let keeps = self.exchange(flight, sink, &mut source).await?;
        if progress.is_sent() {
            let idle = self.services.timeouts.idle;
            self.services.upstreams.keep_http2(*session, peer, idle);
        }
        Ok(keeps)
    }

    /// Returns a connection to the upstream: the one that this tunnel keeps, or another. Nothing was sent.
    async fn link(&mut self, flight: &mut Flight) -> Result<(Link, bool), Failed> {
        let before = |error| Failed {
            error,
            reused: Some(false),
        };
        let Some(permitted) = flight.exchange.permitted() else {
            return Err(before(internal(
                "a request without a permit came to the upstream",
            )));
        };
        let Some(upstream) = permitted.upstream() else {
            return Err(before(internal("a destination has no address")));
        };
        let asked = self.services.intercept.http2_support.ask(upstream);
        let (address, group) = upstream;
        let key: Key = (group ^ asked.1, address, permitted.destination.tls);
        let idle = self.services.timeouts.idle;
        if let Some(mut kept) = self.kept.take() {
            if kept.key != key {
                self.services.upstreams.keep(*kept, idle);
            } else if kept.is_quiet().await {
                // Else what the upstream has sent unasked would be the answer.
                return Ok((Link::Http1(kept), true));
            }
        }
        let outgoing = permitted.permit.outgoing();
        let (to, timeouts) = ((address, asked), &flight.timeouts);
        let peer = peer::peer(outgoing, &permitted.destination, to, timeouts, None);
        let peer = peer.map_err(before)?;
        let extent = permitted.extent;
        let (revocation, gateway) = (&mut self.revocation, &self.services.gateway);
        // On the heap: a handshake takes far more room than the requests that go over it.
        let connecting = Box::pin(self.services.upstreams.connect(peer, key, flight.fresh));
        let connected = tokio::select! {
            biased;
            connected = connecting => connected,
            refusal = poll_fn(|cx| revocation.poll(cx, gateway, (&flight.validity, extent))) => {
                flight.exchange.end(*refusal);
                return Err(before(Error::new(ErrorType::Custom(REVOKED))));
            }
        };
        connected.map_err(|error| Failed {
            error: error.into_up(),
            reused: None,
        })
    }
}

fn internal(what: &'static str) -> Box<Error> {
    Error::explain(ErrorType::InternalError, what)
}
