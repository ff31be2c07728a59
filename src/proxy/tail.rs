//! Holds the declared end of an HTTP/2 request's body back until its stream has ended.
//!
//! An HTTP/1.1 upstream treats a request as complete once it has the declared bytes. A stream that continues with more DATA, or
//! ends in malformed trailers, is malformed (RFC 9113 section 8.1.1) and must not be completed anywhere.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use pingora::protocols::http::ServerSession;
use pingora::{Error, ErrorType, Result};

use super::body;
use super::streams::Stream;

/// Names the error of a malformed request, for [`super::failure`].
pub(super) const MALFORMED: &str = "malformed request body";

/// Follows the body of one request.
#[derive(Debug)]
pub(super) struct Tail {
    /// The stream of the request; `None` for HTTP/1.1.
    stream: Option<Arc<Stream>>,
    /// Bytes still to come; `None` where no end is held back.
    left: Option<u64>,
    held: BytesMut,
}

impl Tail {
    /// Starts with the length that the agent declares.
    pub(super) fn new(stream: Option<Arc<Stream>>, declared: Option<u64>) -> Self {
        Self {
            left: declared.filter(|_| stream.is_some()),
            stream,
            held: BytesMut::new(),
        }
    }

    /// Returns whether the request is malformed, which is known as soon as its stream has ended.
    pub(super) fn is_malformed(&self) -> bool {
        body::is_malformed(self.stream.as_deref())
    }

    /// Reads on, as [`ServerSession::read_body_or_idle`] does. Safe to drop.
    pub(super) async fn read(
        &mut self,
        agent: &mut ServerSession,
        no_body: bool,
    ) -> Result<Option<Bytes>> {
        loop {
            if self.is_malformed() {
                return Err(Error::new_down(ErrorType::Custom(MALFORMED)));
            }
            let piece = agent.read_body_or_idle(no_body).await?;
            if self.is_malformed() {
                continue;
            }
            let Some(left) = &mut self.left else {
                return Ok(piece);
            };
            let Some(piece) = piece else {
                return Ok((!self.held.is_empty()).then(|| self.held.split().freeze()));
            };
            *left = left.saturating_sub(piece.len() as u64);
            if *left > 0 {
                return Ok(Some(piece));
            }
            self.held.extend_from_slice(&piece);
            if agent.is_body_done() {
                return Ok(Some(self.held.split().freeze()));
            }
        }
    }

    /// Removes the held-back end from a copy of the whole body.
    pub(super) fn without(&self, read: Option<Bytes>) -> Option<Bytes> {
        let read = read?;
        let passed = read.len().saturating_sub(self.held.len());
        Some(read.slice(..passed))
    }
}
