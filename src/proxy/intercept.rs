//! Implements Pingora's callbacks for one request, each a line or two over the pipeline.
//!
//! INVARIANT: `upstream_peer` has a peer only where the exchange has a permit.

mod attempt;
mod open;

use std::fmt;
use std::os::fd::RawFd;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};

use super::authority::CertificateAuthority;
use super::drain::Drain;
use super::exchange::Exchange;
use super::http2_support::Http2Support;
use super::repeat::Attempt;
use super::respond::GatewayResponse;
use super::reuse::Tracker;
use super::{Timeouts, answer, failure, http2, relay, repeat, respond, status};
use crate::model::clock::Clock;
use crate::pipeline::Gateway;
use crate::pipeline::refuse::Code;
use open::Opened;

/// Serves requests for Pingora.
#[derive(Clone)]
pub(super) struct Intercept {
    pub(super) gateway: Arc<Gateway>,
    pub(super) authority: Arc<CertificateAuthority>,
    pub(super) drain: Arc<Drain>,
    pub(super) timeouts: Timeouts,
    pub(super) clock: Clock,
    pub(super) http2_support: Arc<Http2Support>,
}

impl fmt::Debug for Intercept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Intercept")
    }
}

#[async_trait]
impl ProxyHttp for Intercept {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        Exchange::new(super::request_id(&self.clock), self.drain.exchange())
    }

    fn init_downstream_modules(&self, _modules: &mut pingora::modules::http::HttpModules) {
        // None: answers pass as the upstream coded them.
    }

    async fn request_filter(&self, session: &mut Session, exchange: &mut Exchange) -> Result<bool> {
        let answer = match self.open(session, exchange).await {
            Ok(Opened::Permitted) => return Ok(false),
            Ok(Opened::Answered(answer)) => answer,
            Err(refusal) => GatewayResponse::refusal(&refusal),
        };
        if self.drain.is_draining() {
            session.set_keepalive(None);
        }
        answer
            .write(session)
            .await
            .map_err(|error| error.into_down())?;
        Ok(true)
    }

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        exchange: &mut Exchange,
    ) -> Result<Box<HttpPeer>> {
        exchange.renew_token().await?;
        self.peer(exchange)
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        reused: bool,
        _peer: &HttpPeer,
        _fd: RawFd,
        digest: Option<&Digest>,
        exchange: &mut Exchange,
    ) -> Result<()> {
        if let Some(permitted) = exchange.permitted() {
            permitted.tracker = Some(Tracker::new(digest, reused));
        }
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        request: &mut RequestHeader,
        exchange: &mut Exchange,
    ) -> Result<()> {
        *request = self.header(exchange, request.version)?;
        Ok(())
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        exchange: &mut Exchange,
    ) -> Result<()> {
        // Towards HTTP/2 Pingora ends an exchange here only for what it takes for the agent's fault; else it waits for the answer.
        exchange
            .check_validity(&self.gateway)
            .map_err(|error| error.into_down())?;
        let Some(permitted) = exchange.permitted() else {
            return Ok(());
        };
        match body {
            // Pingora chunks an empty end as a last chunk, and then ends the body with another one.
            Some(bytes) if end && bytes.is_empty() => *body = None,
            Some(bytes) => permitted.note_sent(bytes),
            None => {}
        }
        if end {
            permitted.note_request_end();
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Exchange,
    ) -> Result<()> {
        exchange.check_validity(&self.gateway)?;
        if response.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            let code = Code::UpstreamProxyAuthentication;
            exchange.end(exchange.refused(code));
            return Error::e_explain(ErrorType::InternalError, "an upstream answers as a proxy");
        }
        answer::receive_header(exchange, response)?;
        if session.req_header().version == Version::HTTP_2 {
            http2::keep_date(response)?;
        } else {
            answer::delimit(session.req_header(), response)?;
        }
        if response.status == StatusCode::SWITCHING_PROTOCOLS
            && let Some(taken) = &exchange.taken
        {
            taken.note_switched();
        }
        Ok(())
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        exchange: &mut Exchange,
    ) -> Result<Option<std::time::Duration>> {
        exchange.check_validity(&self.gateway)?;
        if let Some(permitted) = exchange.permitted() {
            if end {
                permitted.note_answered();
            }
            if let Some(body) = body {
                permitted.open_exchange.note_body(body);
            }
        }
        Ok(None)
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        exchange: &mut Exchange,
        mut error: Box<Error>,
    ) -> Box<Error> {
        // It is why connecting was broken off, or no other address may be tried any more.
        if exchange.check_validity(&self.gateway).is_err() {
            error.set_retry(false);
            return error;
        }
        let again = exchange
            .permitted()
            .is_some_and(|permitted| repeat::after_connecting(permitted, &self.http2_support));
        error.set_retry(again);
        error
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        exchange: &mut Exchange,
        client_reused: bool,
    ) -> Box<Error> {
        let again = exchange.permitted().is_some_and(|permitted| {
            repeat::note_protocol(permitted, &self.http2_support, &error);
            repeat::after_sending(permitted, &error, Attempt::of(session, client_reused))
        });
        error.set_retry(again);
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        exchange: &mut Exchange,
    ) -> FailToProxy {
        relay::take_back(session, exchange);
        let mut error_code = 0;
        let failed = if session.was_upgraded() && failure::is_end(error) {
            // Either side of a WebSocket may go as it likes; its frames tell the other one whether that was the end.
            None
        } else {
            failure::failed(exchange, error)
        };
        let started = session
            .response_written()
            .is_some_and(|head| status::is_last(head.status));
        if let (Some(refusal), false) = (failed, started) {
            error_code = respond::give_up(session, &refusal).await;
        }
        if started {
            respond::cut(session).await;
        }
        FailToProxy {
            error_code,
            can_reuse_downstream: false,
        }
    }

    async fn logging(
        &self,
        session: &mut Session,
        _error: Option<&Error>,
        exchange: &mut Exchange,
    ) {
        // Whatever happened: only the agent's own session can be kept alive.
        relay::take_back(session, exchange);
    }

    fn suppress_error_log(&self, _session: &Session, _exchange: &Exchange, _error: &Error) -> bool {
        // Logged once, in `fail_to_proxy`, without text of the agent or the upstream.
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _exchange: &Exchange,
        _error: &Error,
        _context: ProxyWarnLogContext,
    ) -> bool {
        true
    }

    fn request_summary(&self, session: &Session, exchange: &Exchange) -> String {
        let method: &Method = &session.req_header().method;
        format!("{method} {}", exchange.request_id)
    }
}
