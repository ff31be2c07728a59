//! Implements Pingora's hidden session trait: what a relay does instead of the agent's own session, and what it leaves to it.

use std::mem;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::protocols::http::HttpTask;
use pingora::protocols::http::custom::CustomMessageWrite;
use pingora::protocols::http::custom::server::Session as CustomSession;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::{Error, ErrorType, Result};

use super::{Body, Relay};
use crate::proxy::idle_timeouts::expire;
use crate::proxy::masked_tasks::MaskedTasks;

type MessageReader = Box<dyn futures_core::Stream<Item = Result<Bytes>> + Unpin + Send + Sync>;

#[async_trait]
impl CustomSession for Relay {
    // Methods in which a relay differs from the agent's session.

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

    // Methods of the agent's own session.

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
        match self.watch.mask.clone() {
            Some(mask) => self.write_masked(MaskedTasks::new(mask, tasks)).await,
            None => self.write(tasks).await,
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
