//! Opens an exchange from a request's head: gives it a permit, or an answer of the gateway.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::PROXY_AUTHORIZATION;
use tokio::time::timeout;

use super::body::Whole;
use super::lane::Lane;
use super::request::{Opened, RequestState};
use crate::pipeline::admit::{Pass, recognise};
use crate::pipeline::forward::{Destination, forward};
use crate::pipeline::inject::filled_body;
use crate::pipeline::record::{OpenExchange, Outcome, refused_early};
use crate::pipeline::refuse::RefusedExchange;
use crate::pipeline::{Gateway, Head, Permit, judge};
use crate::proxy::body::Unread;
use crate::proxy::connection::Via;
use crate::proxy::exchange::{Exchange, Permitted, State};
use crate::proxy::head::Request;
use crate::proxy::internal;
use crate::proxy::receive::{self, Asked};
use crate::proxy::upstream::{self, Carriage, Framing};
use crate::proxy::watch::Extent;

impl Lane<'_> {
    /// Judges a request, and finds the addresses that it may go to.
    pub(super) async fn open(
        &mut self,
        request: Request,
        exchange: &mut Exchange,
        state: &mut RequestState,
    ) -> Result<Opened, RefusedExchange> {
        let gateway = Arc::clone(&self.services.gateway);
        let head = match self.head(request, exchange) {
            Ok(head) => head,
            Err(unheard) => {
                let (who, host, refusal) = *unheard;
                let who = (who, self.connection.peer);
                Box::pin(refused_early(&gateway, who, &host, &refusal)).await;
                return Err(refusal);
            }
        };
        if internal::is_internal(&head.authority) {
            let answer = self
                .services
                .intercept
                .answer_internal(&head, &self.connection);
            return answer.map(Opened::Answered);
        }
        let is_empty = state.incoming.is_ended();
        let mut reader = Whole {
            is_empty,
            reader: &mut self.reader,
            writer: &mut self.writer,
            incoming: &mut state.incoming,
            timeouts: &self.services.timeouts,
            taken: None,
        };
        let (permit, mut open_exchange) = judge(&gateway, head, &mut reader).await?;
        let unread = match (is_empty, &reader.taken) {
            (true, _) => Unread::Empty,
            (false, None) => Unread::Whole,
            (false, Some(_)) => Unread::Nothing,
        };
        let destination = destination(&gateway, &permit, &mut open_exchange).await?;
        let filled = filled(&gateway, &permit, &mut open_exchange)?;
        let framing = Framing::Streamed(state.incoming.declared);
        let mut permitted = Permitted::new(permit, open_exchange, (destination, framing));
        let body = self.body(&mut permitted, state, (unread, filled)).await;
        exchange.state = State::Permitted(Box::new(permitted));
        Ok(Opened::Permitted(body))
    }

    /// Returns the head to judge; or its agent, its host and why it is refused.
    fn head(
        &self,
        request: Request,
        exchange: &Exchange,
    ) -> Result<Head, Box<(Option<Pass>, String, RefusedExchange)>> {
        let tokens: Vec<_> = match &self.connection.via {
            Via::Direct => {
                let tokens = request.headers.get_all(PROXY_AUTHORIZATION).iter();
                tokens.cloned().collect()
            }
            Via::Tunnel(_) => Vec::new(),
        };
        let asked = Asked {
            method: request.method,
            version: request.version,
            target: &request.target,
            pseudo: (None, None),
            headers: request.headers,
        };
        let about = (exchange.request_id.as_str(), exchange.received);
        receive::receive(asked, &self.connection, about).map_err(|refusal| {
            let (pass, host) = match &self.connection.via {
                // There may be no host that all its names agree on.
                Via::Direct => {
                    let tokens = tokens.into_iter().map(|token| (PROXY_AUTHORIZATION, token));
                    let known = recognise(&self.services.gateway, &HeaderMap::from_iter(tokens));
                    (known.map(|(pass, _)| pass), String::new())
                }
                Via::Tunnel(tunnel) => (tunnel.pass, tunnel.authority.to_string()),
            };
            Box::new((pass, host, refusal))
        })
    }

    /// Returns the judged body; lets an unread one stream.
    async fn body(
        &mut self,
        permitted: &mut Permitted,
        state: &mut RequestState,
        (unread, filled): (Unread, Option<Bytes>),
    ) -> Option<Bytes> {
        let outgoing = permitted.permit.outgoing();
        if upstream::carriage(outgoing) != Carriage::Any {
            permitted.extent = Extent::Stream;
        }
        let judged = filled.or_else(|| outgoing.body.clone());
        let streams = match (&judged, unread) {
            (None, Unread::Empty | Unread::Whole) => true,
            (Some(body), Unread::Empty) => body.is_empty(),
            (Some(_), Unread::Whole) | (_, Unread::Nothing) => false,
        };
        if streams {
            permitted.note_upload(unread);
            // A failure to write shows again, as the agent's, when the body is read.
            let answer = state.incoming.answer_expectation(&mut self.writer);
            let _ = timeout(self.services.timeouts.idle, answer).await;
            return None;
        }
        let body = judged.unwrap_or_default();
        permitted.framing = Framing::Replayed(body.len());
        Some(body)
    }
}

/// Returns the body with the credential in it, where it is put there.
fn filled(
    gateway: &Gateway,
    permit: &Permit,
    open_exchange: &mut OpenExchange,
) -> Result<Option<Bytes>, RefusedExchange> {
    filled_body(gateway, permit).inspect_err(|refusal| {
        open_exchange.note_outcome(Outcome::Refused(refusal.code().as_str()));
    })
}

/// Finds the addresses that a permitted request may go to.
async fn destination(
    gateway: &Gateway,
    permit: &Permit,
    open_exchange: &mut OpenExchange,
) -> Result<Destination, RefusedExchange> {
    let found = tokio::select! {
        biased;
        found = forward(gateway, permit) => found,
        refusal = permit.validity().barred(gateway) => Err(refusal),
    };
    found.inspect_err(|refusal| {
        open_exchange.note_outcome(Outcome::Refused(refusal.code().as_str()));
    })
}
