//! Opens an exchange: judges an agent's request, and gives it a permit and a body, or an answer of the gateway.

use std::sync::Arc;

use bytes::Bytes;
use pingora::proxy::Session;

use super::Intercept;
use crate::model::agent::Agent;
use crate::pipeline::admit::{Pass, admit, again, recognise};
use crate::pipeline::forward::forward;
use crate::pipeline::inject::filled_body;
use crate::pipeline::record::{Outcome, refused_early};
use crate::pipeline::refuse::{Code, RefusedExchange};
use crate::pipeline::{Head, judge};
use crate::proxy::body::{self, SessionBody, Unread};
use crate::proxy::connection::{Connection, Via};
use crate::proxy::exchange::{Exchange, Permitted, State};
use crate::proxy::idle_timeouts::IdleTimeouts;
use crate::proxy::relay::{self, Body};
use crate::proxy::respond::GatewayResponse;
use crate::proxy::response_buffer::ResponseBuffer;
use crate::proxy::streams::{self, Stream};
use crate::proxy::upstream::{self, Carriage, Framing};
use crate::proxy::watch::{Extent, Watch};
use crate::proxy::{connection, internal, receive};

/// The result of opening an exchange.
pub(super) enum Opened {
    /// It has a permit.
    Permitted,
    /// The gateway answers the request itself.
    Answered(GatewayResponse),
}

impl Intercept {
    /// Judges a request; a permitted one gets its body and its relay.
    pub(super) async fn open(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> Result<Opened, RefusedExchange> {
        // Else an agent that sends its next request early loses the answer to this one, RFC 9112 section 9.3.2. What follows an
        // opening is no request.
        let early = !session.as_downstream().is_upgrade_req();
        session.as_downstream_mut().set_pipelining_enabled(early);
        if session.get_keepalive().is_some() {
            // Pingora would wait for a next request for a minute, or for good.
            session.set_keepalive(Some(self.timeouts.idle.as_secs().max(1)));
        }
        let connection = connection::of(session.digest())
            .ok_or_else(|| RefusedExchange::unjudged(Code::Internal, &exchange.request_id))?;
        connection.fresh.end();
        exchange.taken = connection.take();
        let head = match self.take_head(session, &connection, exchange).await {
            Ok(head) => head,
            Err(refusal) => {
                let (pass, host) = self.whose(session, &connection);
                let who = (pass, connection.peer);
                refused_early(&self.gateway, who, &host, &refusal).await;
                return Err(refusal);
            }
        };
        if internal::is_internal(&head.authority) {
            return self
                .answer_internal(&head, &connection)
                .map(Opened::Answered);
        }
        let framing = Framing::Streamed(body::declared_length(session.req_header()));
        let mut reader = SessionBody::new(session, &self.timeouts, exchange.stream.clone());
        let (permit, mut open_exchange) = judge(&self.gateway, head, &mut reader).await?;
        let unread = reader.unread();
        let found = tokio::select! {
            biased;
            found = forward(&self.gateway, &permit) => found,
            refusal = permit.validity().barred(&self.gateway) => Err(refusal),
        };
        let destination = match found {
            Ok(destination) => destination,
            Err(refusal) => {
                open_exchange.note_outcome(Outcome::Refused(refusal.code().as_str()));
                return Err(refusal);
            }
        };
        let filled = filled_body(&self.gateway, &permit).inspect_err(|refusal| {
            open_exchange.note_outcome(Outcome::Refused(refusal.code().as_str()));
        })?;
        let mut permitted = Permitted::new(permit, open_exchange, (destination, framing));
        let stream = exchange.stream.clone();
        self.place_body(session, &mut permitted, (unread, filled, stream))
            .await;
        exchange.state = State::Permitted(Box::new(permitted));
        Ok(Opened::Permitted)
    }

    /// Returns the agent of a request that is refused before it has a head, and its host.
    fn whose(&self, session: &Session, connection: &Connection) -> (Option<Pass>, String) {
        match &connection.via {
            // There may be no host that all its names agree on.
            Via::Direct => {
                let known = recognise(&self.gateway, &session.req_header().headers);
                (known.map(|(pass, _)| pass), String::new())
            }
            Via::Tunnel(tunnel) => (tunnel.pass, tunnel.authority.to_string()),
        }
    }

    /// Takes the head, and the end of a stream that declares no body.
    async fn take_head(
        &self,
        session: &mut Session,
        connection: &Arc<Connection>,
        exchange: &mut Exchange,
    ) -> Result<Head, RefusedExchange> {
        exchange.stream = streams::claim(session, &connection.streams)
            .map_err(|_| RefusedExchange::unjudged(Code::Internal, &exchange.request_id))?;
        let (request_id, received) = (&exchange.request_id, exchange.received);
        if let Some(fault) = exchange.fault() {
            return Err(RefusedExchange::unjudged(fault, request_id));
        }
        let head = receive::receive_session(session, connection, (request_id, received))?;
        let ended = body::await_end(session, self.timeouts.request_head).await;
        match (exchange.fault(), ended) {
            (None, Ok(())) => Ok(head),
            (Some(fault), _) => Err(RefusedExchange::unjudged(fault, request_id)),
            (None, Err(_)) => Err(RefusedExchange::unjudged(Code::BadRequest, request_id)),
        }
    }

    /// Puts the judged body in the place of the received one, or lets an unread one stream.
    async fn place_body(
        &self,
        session: &mut Session,
        permitted: &mut Permitted,
        (unread, filled, stream): (Unread, Option<Bytes>, Option<Arc<Stream>>),
    ) {
        let judged = filled.or_else(|| permitted.permit.outgoing().body.clone());
        let streams = match (&judged, unread) {
            (None, Unread::Empty | Unread::Whole) => true,
            (Some(body), Unread::Empty) => body.is_empty(),
            (Some(_), Unread::Whole) | (_, Unread::Nothing) => false,
        };
        let body = if streams {
            permitted.note_upload(unread);
            // A failure to write shows again, as the agent's, when the body is read.
            let _ = body::answer_expectation(session).await;
            Body::Streamed
        } else {
            let body = judged.unwrap_or_default();
            permitted.framing = Framing::Replayed(body.len());
            Body::Replayed(body)
        };
        let carriage = upstream::carriage(permitted.permit.outgoing());
        if carriage != Carriage::Any {
            permitted.extent = Extent::Stream;
        }
        let watch = Watch {
            gateway: Arc::clone(&self.gateway),
            validity: Arc::clone(permitted.permit.validity()),
            extent: permitted.extent,
            drain: Arc::clone(&self.drain),
            held: ResponseBuffer::of(&permitted.permit, permitted.open_exchange.mask()),
            mask: permitted.streaming_mask().cloned(),
            stream,
        };
        // The relay bounds the agent's silence; Pingora would end a WebSocket after a minute.
        session.set_read_timeout(None);
        // An agent that does not read its answer is as idle as one that does not write.
        session.set_write_timeout(Some(self.timeouts.idle));
        let first_byte = permitted.permit.validity().first_byte();
        let idle_timeouts = IdleTimeouts::of(carriage, self.timeouts.awaiting(first_byte));
        let held = (idle_timeouts, watch);
        permitted.relay = Some(relay::install(session, body, held));
    }

    /// Answers a request to the gateway itself.
    pub(in crate::proxy) fn answer_internal(
        &self,
        head: &Head,
        connection: &Connection,
    ) -> Result<GatewayResponse, RefusedExchange> {
        match internal::page(&head.path) {
            internal::Page::Certificate => Ok(internal::certificate(
                self.authority.certificate_pem(),
                &head.method,
                &head.request_id,
            )),
            internal::Page::WhoAmI => {
                let agent = self.asking(head, connection)?;
                Ok(internal::who_am_i(&agent, &head.method, &head.request_id))
            }
            internal::Page::Approval => {
                let agent = self.asking(head, connection)?;
                Ok(internal::approval(&self.gateway, &agent, head))
            }
            internal::Page::Unknown => Ok(internal::unknown(&head.request_id)),
        }
    }

    /// Returns the agent that calls the internal host, by the tunnel's token or by the request's own.
    fn asking(&self, head: &Head, connection: &Connection) -> Result<Arc<Agent>, RefusedExchange> {
        let agent = match &connection.via {
            Via::Tunnel(tunnel) => tunnel.pass.and_then(|pass| again(&self.gateway, pass)),
            Via::Direct => None,
        };
        match agent {
            Some(agent) => Ok(agent),
            None => admit(&self.gateway, &head.headers)
                .map(|(_, agent)| agent)
                .map_err(|refusal| RefusedExchange::unjudged(refusal, &head.request_id)),
        }
    }
}
