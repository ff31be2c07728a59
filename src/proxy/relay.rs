//! Replaces the agent's session of a permitted request for Pingora. A body that was read before the decision is replayed, and an
//! exchange in which nothing passes ends.
//!
//! INVARIANT: no wait outlives its permit. This is the only file that touches Pingora's hidden session trait (pinned to 0.9.1).
//! The matrix in `tests/integration/proxy/replay.rs` tests what it relies on.

use std::mem;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::protocols::http::custom::CustomMessageWrite;
use pingora::protocols::http::custom::server::Session as CustomSession;
use pingora::protocols::http::{HttpTask, ServerSession};
use pingora::protocols::l4::socket::SocketAddr;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};

use super::end::End;
use super::exchange::{Extent, Watch};
use super::idle_timeouts::{IdleTimeouts, expire};
use super::response_buffer::Stop;
use super::slot::Slot;
use super::tail::Tail;
use super::{answer, body};
use crate::pipeline::refuse::RefusedExchange;

type MessageReader = Box<dyn futures_core::Stream<Item = Result<Bytes>> + Unpin + Send + Sync>;

/// Names of the errors that end an exchange here, for [`super::peer::failure`]; Pingora lays them all at the agent's door.
pub(super) const BODY_STALLED: &str = "request body stalled";
pub(super) const UPSTREAM_SILENT: &str = "no answer to an upgrade";
pub(super) const IDLE: &str = "nothing passed for too long";

/// Memory of an answer that is not read: what Pingora has read ahead (four times 64 KiB), and what waits in HTTP/2.
pub(super) const STALLED: usize = 320 * 1024;

/// The body that goes upstream.
pub(super) enum Body {
    /// Read, judged and sent from memory.
    Replayed(Bytes),
    /// The agent's body, streamed as it arrives.
    Streamed,
}

/// Stands in for a session until the exchange ends.
struct Relay {
    /// The agent's own session.
    agent: Box<ServerSession>,
    body: Body,
    tail: Tail,
    /// Whether an attempt has begun whose first look at the body is still to come.
    begins: bool,
    idle_timeouts: IdleTimeouts,
    watch: Watch,
    end: End,
    slot: Slot,
}

/// Puts a relay in the place of the agent's session. [`restore`] must follow before the exchange ends, since only the agent's
/// own session can be kept alive.
pub(super) fn install(
    session: &mut Session,
    body: Body,
    (idle_timeouts, watch): (IdleTimeouts, Watch),
) -> Slot {
    let slot = Slot::default();
    let agent = mem::replace(&mut *session.downstream_session, vacant());
    let relay = Relay {
        tail: Tail::new(
            watch.stream.clone(),
            body::declared_length(agent.req_header()),
        ),
        agent: Box::new(agent),
        body,
        begins: false,
        idle_timeouts,
        watch,
        end: End::default(),
        slot: slot.clone(),
    };
    *session.downstream_session = ServerSession::new_custom(Box::new(relay));
    slot
}

/// Puts the agent's own session back; returns why the relay has ended the exchange, if it has. Repeatable.
pub(super) fn restore(session: &mut Session, slot: &Slot) -> Option<RefusedExchange> {
    if session.downstream_session.is_custom() {
        // Dropping the relay is what fills the slot: the trait has no way down to the concrete type.
        drop(mem::replace(&mut *session.downstream_session, vacant()));
    }
    let mut returned = slot.0.lock();
    if let Some(agent) = returned.agent.take() {
        *session.downstream_session = agent;
    }
    returned.void.take()
}

fn vacant() -> ServerSession {
    ServerSession::new_custom(Box::new(()))
}

impl Relay {
    /// Returns the head of the answer, once it was written.
    fn answer(&self) -> Option<&ResponseHeader> {
        self.agent
            .response_written()
            .filter(|head| answer::is_last(head.status))
    }

    /// Lets an agent of HTTP/1.1 know that no other request is taken on; HTTP/2 says so by itself.
    fn say_last(&mut self) {
        if self.watch.drain.is_draining() {
            self.agent.set_keepalive(None);
        }
    }

    /// Returns the part of an answer that may be written now; `None` while it is buffered.
    fn release(&mut self, tasks: Vec<HttpTask>) -> Result<Option<Vec<HttpTask>>> {
        let Watch {
            gateway,
            validity,
            held: Some(held),
            ..
        } = &mut self.watch
        else {
            return Ok(Some(tasks));
        };
        held.take(gateway, validity, tasks)
            .map_err(|stop| match stop {
                Stop::Failed(error) => error,
                Stop::Refused(refusal) => self.slot.end(*refusal),
            })
    }

    /// Returns whether the exchange has an end of its own.
    fn extent(&self) -> Extent {
        match self.answer() {
            Some(head) => Extent::of(&head.headers),
            None => self.watch.extent,
        }
    }

    /// Returns how long to wait for the agent, and the name of that timeout.
    fn idle_timeouts(&mut self) -> Option<(Duration, &'static str)> {
        let begun = self.answer().is_some();
        let owes_body = matches!(self.body, Body::Streamed) && !self.agent.is_body_done();
        match (begun, owes_body) {
            (true, true) => Some((self.idle_timeouts.idle, IDLE)),
            (true, false) => None,
            (false, true) => Some((self.idle_timeouts.body, BODY_STALLED)),
            (false, false) => self
                .idle_timeouts
                .answer
                .map(|idle_timeouts| (idle_timeouts, UPSTREAM_SILENT)),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.slot.0.lock().agent = Some(mem::replace(&mut *self.agent, vacant()));
    }
}

#[async_trait]
impl CustomSession for Relay {
    // What makes it a relay.

    fn is_body_done(&mut self) -> bool {
        match self.body {
            Body::Replayed(_) => true,
            Body::Streamed => self.agent.is_body_done() && !self.tail.is_malformed(),
        }
    }

    fn is_body_empty(&mut self) -> bool {
        // Asked for the head, then, as an attempt begins, for what to send behind it. There an empty body would be ended, and
        // Pingora takes that end, when it comes behind a 101 that was there already, for the end of what was switched to.
        if mem::take(&mut self.begins) && self.agent.is_upgrade_req() {
            return false;
        }
        match &self.body {
            Body::Replayed(body) => body.is_empty(),
            Body::Streamed => self.agent.is_body_empty() && !self.tail.is_malformed(),
        }
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        match &self.body {
            Body::Replayed(body) => Some(body.clone()),
            Body::Streamed => self.tail.without(self.agent.get_retry_buffer()),
        }
    }

    fn retry_buffer_truncated(&self) -> bool {
        match self.body {
            Body::Replayed(_) => false,
            Body::Streamed => self.agent.retry_buffer_truncated(),
        }
    }

    fn enable_retry_buffering(&mut self) {
        self.begins = true;
        if matches!(self.body, Body::Streamed) {
            self.agent.enable_retry_buffering();
        }
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        match self.body {
            Body::Replayed(_) => Ok(None),
            Body::Streamed => self.agent.read_request_body().await,
        }
    }

    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        let no_body = no_body_expected || matches!(self.body, Body::Replayed(_));
        let idle_timeouts = self.idle_timeouts();
        let extent = self.extent();
        tokio::select! {
            biased;
            // Without a body it returns only when the agent is gone.
            read = self.tail.read(&mut self.agent, no_body) => read,
            refusal = self.end.wait(&self.watch, extent) => Err(self.slot.end(refusal)),
            name = expire(idle_timeouts) => Err(Error::new(ErrorType::Custom(name))),
        }
    }

    fn is_upgrade_req(&self) -> bool {
        self.agent.is_upgrade_req()
    }

    fn was_upgraded(&self) -> bool {
        self.agent.was_upgraded()
    }

    fn take_custom_message_reader(&mut self) -> Option<MessageReader> {
        None
    }

    fn restore_custom_message_reader(&mut self, _reader: MessageReader) -> Result<()> {
        Err(no_messages())
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(
        &mut self,
        _writer: Box<dyn CustomMessageWrite>,
    ) -> Result<()> {
        Err(no_messages())
    }

    // Everything else is the agent's own session.

    fn req_header(&self) -> &RequestHeader {
        self.agent.req_header()
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        self.agent.req_header_mut()
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        self.agent.drain_request_body().await
    }

    async fn write_response_header(&mut self, head: Box<ResponseHeader>, _end: bool) -> Result<()> {
        self.say_last();
        self.agent.write_response_header(head).await
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, _end: bool) -> Result<()> {
        self.say_last();
        self.agent.write_response_header_ref(head).await
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        let extent = self.extent();
        tokio::select! {
            biased;
            written = self.agent.write_response_body(data, end) => written,
            // An agent that does not read its answer.
            refusal = self.end.wait(&self.watch, extent) => Err(self.slot.end(refusal)),
        }
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.agent.write_response_trailers(trailers).await
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        let Some(tasks) = self.release(tasks)? else {
            return Ok(false);
        };
        self.say_last();
        let extent = self.extent();
        let (watch, end, slot) = (&self.watch, &mut self.end, &self.slot);
        let write = self.agent.response_duplex_vec(tasks);
        tokio::pin!(write);
        tokio::select! {
            biased;
            written = &mut write => return written,
            () = std::future::ready(()) => {}
        }
        // Until the agent reads on, the upstream's bytes stay in memory that counts as the agent's.
        let stalled = watch.validity.reserve(&watch.gateway, STALLED);
        let _stalled = stalled.map_err(|refusal| slot.end(refusal))?;
        tokio::select! {
            biased;
            written = write => written,
            refusal = end.wait(watch, extent) => Err(slot.end(refusal)),
        }
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.agent.set_read_timeout(timeout);
    }

    fn get_read_timeout(&self) -> Option<Duration> {
        self.agent.get_read_timeout()
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.agent.set_write_timeout(timeout);
    }

    fn get_write_timeout(&self) -> Option<Duration> {
        self.agent.get_write_timeout()
    }

    fn set_total_drain_timeout(&mut self, timeout: Option<Duration>) {
        self.agent.set_total_drain_timeout(timeout);
    }

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        self.agent.get_total_drain_timeout()
    }

    fn request_summary(&self) -> String {
        self.agent.request_summary()
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.agent.response_written()
    }

    async fn shutdown(&mut self, _code: u32, _ctx: &str) {
        self.agent.shutdown().await;
    }

    async fn finish(&mut self) -> Result<()> {
        self.agent.finish_body().await
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn body_bytes_sent(&self) -> usize {
        self.agent.body_bytes_sent()
    }

    fn body_bytes_read(&self) -> usize {
        self.agent.body_bytes_read()
    }

    fn digest(&self) -> Option<&Digest> {
        self.agent.digest()
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        self.agent.digest_mut()
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.agent.client_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.agent.server_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        self.agent.to_h1_raw()
    }
}

fn no_messages() -> Box<Error> {
    Error::explain(
        ErrorType::InternalError,
        "a relayed session has no messages",
    )
}
