//! Reads a request's body from the agent's session when the pipeline asks, within a limit and a time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT};
use pingora::http::RequestHeader;
use pingora::proxy::Session;

use super::Timeouts;
use super::streams::Stream;
use crate::pipeline::{BodyFault, BodyReader};

/// Reads the body of one request.
pub(super) struct SessionBody<'a> {
    session: &'a mut Session,
    /// The longest silence within a body.
    pause: Duration,
    /// The longest that one may take.
    whole: Duration,
    empty: bool,
    stream: Option<Arc<Stream>>,
    /// The body, once it was read.
    taken: Option<Bytes>,
}

/// How much of a body is unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// There surely was none.
    Empty,
    /// The body is completely unread.
    Whole,
    /// The body was read completely.
    Nothing,
}

impl<'a> SessionBody<'a> {
    /// `stream` is that of a request of HTTP/2.
    pub(super) fn new(
        session: &'a mut Session,
        timeouts: &Timeouts,
        stream: Option<Arc<Stream>>,
    ) -> Self {
        // A body that ended too early is read, which returns its fault.
        let empty = session.is_body_empty() && !is_malformed(stream.as_deref());
        Self {
            session,
            pause: timeouts.request_head,
            whole: timeouts.idle,
            empty,
            stream,
            taken: None,
        }
    }

    /// Returns how much of the body has not been read.
    pub(super) fn unread(&self) -> Unread {
        match (self.empty, &self.taken) {
            (true, _) => Unread::Empty,
            (false, None) => Unread::Whole,
            (false, Some(_)) => Unread::Nothing,
        }
    }

    async fn read_whole(&mut self, limit: usize) -> Result<Bytes, BodyFault> {
        if declared_length(self.session.req_header()).is_some_and(|length| length > limit as u64) {
            return Err(BodyFault::TooLarge(limit));
        }
        answer_expectation(self.session).await?;
        let mut body = BytesMut::new();
        loop {
            let read = tokio::time::timeout(self.pause, self.session.read_request_body())
                .await
                .map_err(|_| BodyFault::TooSlow)?;
            let chunk = read.map_err(|error| {
                // The end of the body is unknown, so the bytes after it are not a next request.
                self.session.set_keepalive(None);
                BodyFault::Broken(error.etype().as_str().to_owned())
            })?;
            let Some(chunk) = chunk else {
                return match self.stream.as_deref().and_then(Stream::fault) {
                    None => Ok(body.freeze()),
                    Some(fault) => Err(BodyFault::Broken(fault.detail.to_string())),
                };
            };
            if body.len() + chunk.len() > limit {
                return Err(BodyFault::TooLarge(limit));
            }
            body.extend_from_slice(&chunk);
        }
    }
}

#[async_trait]
impl BodyReader for SessionBody<'_> {
    fn is_empty(&self) -> bool {
        self.empty
    }

    async fn read(&mut self, limit: usize) -> Result<Bytes, BodyFault> {
        if let Some(body) = &self.taken {
            return Ok(body.clone());
        }
        let body = if self.empty {
            Bytes::new()
        } else {
            // An agent that sends a byte now and then keeps memory that others could use.
            tokio::time::timeout(self.whole, self.read_whole(limit))
                .await
                .map_err(|_| BodyFault::TooSlow)??
        };
        self.taken = Some(body.clone());
        Ok(body)
    }

    async fn left(&mut self) {
        // With no body to come it returns only when the agent is gone, or sends what belongs to no request.
        let gone = self
            .session
            .downstream_session
            .read_body_or_idle(true)
            .await;
        if let Ok(unexpected) = gone {
            tracing::debug!(?unexpected, "more came after the end of a body");
        }
        // The skipped bytes would be missing from a next request, and an agent that left has none.
        self.session.set_keepalive(None);
    }
}

/// Returns whether an HTTP/2 request is malformed, as far as it has been read.
pub(super) fn is_malformed(stream: Option<&Stream>) -> bool {
    stream.is_some_and(|stream| stream.fault().is_some())
}

/// Returns `Content-Length`, where there is one.
pub(super) fn declared_length(request: &RequestHeader) -> Option<u64> {
    request
        .headers
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Waits for the end of a stream of HTTP/2 that has declared no body, and has not ended. Pingora takes it for whole.
///
/// # Errors
/// When it does not end, or goes on (RFC 9113 section 8.1.1).
pub(super) async fn await_end(session: &mut Session, limit: Duration) -> Result<(), BodyFault> {
    let is_http2 = session.as_downstream().as_http2().is_some();
    if !is_http2 || declared_length(session.req_header()) != Some(0) {
        return Ok(());
    }
    loop {
        let read = tokio::time::timeout(limit, session.read_request_body())
            .await
            .map_err(|_| BodyFault::TooSlow)?
            .map_err(|error| BodyFault::Broken(error.etype().as_str().to_owned()))?;
        match read {
            None => return Ok(()),
            Some(bytes) if bytes.is_empty() => {}
            Some(_) => return Err(BodyFault::TooLarge(0)),
        }
    }
}

/// Answers `Expect: 100-continue`; Pingora does not. RFC 9110 section 10.1.1.
pub(super) async fn answer_expectation(session: &mut Session) -> Result<(), BodyFault> {
    let expects = session.req_header().headers.get(EXPECT);
    if !expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Ok(());
    }
    let keepalive = session.get_keepalive();
    session
        .write_continue_response()
        .await
        .map_err(|error| BodyFault::Broken(error.etype().as_str().to_owned()))?;
    // Pingora takes the 1xx for an early answer and would close the connection after the final one.
    session.set_keepalive(keepalive);
    Ok(())
}
