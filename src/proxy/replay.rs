//! Replay: a session whose body was read, and the body to send, in; Pingora then finds that body as if it had just come.
//!
//! INVARIANT: the only file that touches Pingora's hidden session trait (pinned to 0.9.1). The matrix in
//! `tests/integration/proxy/replay.rs` holds what is relied on here.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use parking_lot::Mutex;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::protocols::http::custom::CustomMessageWrite;
use pingora::protocols::http::custom::server::Session as CustomSession;
use pingora::protocols::http::{HttpTask, ServerSession};
use pingora::protocols::l4::socket::SocketAddr;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};

type MessageReader =
    Box<dyn futures_core::Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>;

/// Where the agent's own session comes back to.
#[derive(Clone, Default)]
pub(super) struct Slot(Arc<Mutex<Option<ServerSession>>>);

/// Stands in for a session until the answer's head is there.
struct Replay {
    /// `Some` until dropped.
    agent: Box<ServerSession>,
    body: Bytes,
    slot: Slot,
}

/// Puts a body in the place of the one that was read. [`restore`] must follow before the answer is written, since only the
/// agent's own session can be kept alive.
pub(super) fn install(session: &mut Session, body: Bytes) -> Slot {
    let slot = Slot::default();
    let agent = mem::replace(&mut *session.downstream_session, vacant());
    let replay = Replay {
        agent: Box::new(agent),
        body,
        slot: slot.clone(),
    };
    *session.downstream_session = ServerSession::new_custom(Box::new(replay));
    slot
}

/// Puts the agent's own session back. Repeatable.
pub(super) fn restore(session: &mut Session, slot: &Slot) {
    if session.downstream_session.is_custom() {
        // Dropping the stand-in is what fills the slot: the trait has no way down to the concrete type.
        drop(mem::replace(&mut *session.downstream_session, vacant()));
        if let Some(agent) = slot.0.lock().take() {
            *session.downstream_session = agent;
        }
    }
}

fn vacant() -> ServerSession {
    ServerSession::new_custom(Box::new(()))
}

impl Drop for Replay {
    fn drop(&mut self) {
        *self.slot.0.lock() = Some(mem::replace(&mut *self.agent, vacant()));
    }
}

#[async_trait]
impl CustomSession for Replay {
    // What makes it a replay.

    fn is_body_done(&mut self) -> bool {
        true
    }

    fn is_body_empty(&mut self) -> bool {
        self.body.is_empty()
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        Some(self.body.clone())
    }

    fn retry_buffer_truncated(&self) -> bool {
        false
    }

    fn enable_retry_buffering(&mut self) {}

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        Ok(None)
    }

    async fn read_body_or_idle(&mut self, _no_body_expected: bool) -> Result<Option<Bytes>> {
        // Returns only when the agent is gone.
        self.agent.read_body_or_idle(true).await
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
        self.agent.write_response_header(head).await
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, _end: bool) -> Result<()> {
        self.agent.write_response_header_ref(head).await
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.agent.write_response_body(data, end).await
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.agent.write_response_trailers(trailers).await
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        self.agent.response_duplex_vec(tasks).await
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
        "a replayed session has no messages",
    )
}
