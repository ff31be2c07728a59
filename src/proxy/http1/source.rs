//! Reads the heads and the body of one answer, and says whether its connection may carry another one.
//!
//! INVARIANT: a connection is clean only after an answer that ended where its own framing says, with nothing behind it (RFC 9112
//! sections 6.3 and 9.3).

use bytes::{Buf as _, Bytes, BytesMut};
use http::response::Parts;
use pingora::protocols::Stream;
use pingora::protocols::http::v2::client::Http2Session;
use pingora::{Error, ErrorType, Result};
use tokio::io::{AsyncReadExt as _, ReadHalf};

use super::progress::Progress;
use super::response_head::{delimited, keeps, malformed, read_head};
use super::shape::Shape;
use crate::proxy::chunked::Chunked;
use crate::proxy::head;

/// Longest head of an answer, in bytes; as much as Pingora takes.
const MAX_HEAD: usize = 1024 * 1024;

/// Read at once of a head; kept for the next answer.
pub(super) const HEAD_READ: usize = 4096;

/// Read at once of a body.
const BODY_READ: usize = 16 * 1024;

/// One answer of an upstream.
pub(super) trait Source: Send {
    /// Reads the next head.
    fn head(&mut self) -> impl Future<Output = Result<Parts>> + Send;

    /// Returns the next piece of the body behind the last head; `None` at its end.
    fn piece(&mut self) -> impl Future<Output = Result<Option<Bytes>>> + Send;
}

/// An answer of HTTP/1.1.
pub(super) struct Http1Source<'a> {
    pub(super) half: &'a mut ReadHalf<Stream>,
    pub(super) input: &'a mut BytesMut,
    pub(super) progress: &'a Progress,
    pub(super) is_head: bool,
    /// Where in the body the next byte is; `None` before the last head.
    place: Option<BodyPosition>,
    keeps: bool,
}

#[derive(Debug)]
enum BodyPosition {
    Sized(u64),
    Chunked(Box<Chunked>),
    Close,
    Ended,
}

/// An answer of HTTP/2.
pub(super) struct Http2Source<'a> {
    pub(super) session: &'a mut Http2Session,
    pub(super) progress: &'a Progress,
}

impl<'a> Http1Source<'a> {
    pub(super) fn new(
        half: &'a mut ReadHalf<Stream>,
        input: &'a mut BytesMut,
        progress: &'a Progress,
        is_head: bool,
    ) -> Self {
        Self {
            half,
            input,
            progress,
            is_head,
            place: None,
            keeps: false,
        }
    }

    /// Returns whether the answer has ended exactly, and the upstream keeps the connection.
    pub(super) fn is_clean(&self) -> bool {
        self.keeps && matches!(self.place, Some(BodyPosition::Ended)) && self.input.is_empty()
    }

    async fn read(&mut self) -> Result<usize> {
        let room = match self.place {
            None => HEAD_READ,
            Some(BodyPosition::Sized(left)) => {
                usize::try_from(left).unwrap_or(BODY_READ).min(BODY_READ)
            }
            Some(_) => BODY_READ,
        };
        self.input.reserve(room);
        let read = self.half.read_buf(self.input).await;
        read.map_err(|error| {
            // A reset of the socket is no sign of an attack; anything that TLS finds may be one.
            let stale = error.raw_os_error().is_some();
            let mut error = Error::because(ErrorType::ReadError, "while reading an answer", error);
            if stale {
                error.retry = pingora::RetryType::ReusedOnly;
            }
            error.into_up()
        })
    }

    /// Takes a head out of what was read.
    fn take_head(&mut self) -> Result<Option<Parts>> {
        if self.input.is_empty() {
            return Ok(None);
        }
        let Some((length, parts)) = read_head(self.input)? else {
            return Ok(None);
        };
        self.input.advance(length);
        if parts.status.is_informational() {
            return Ok(Some(parts));
        }
        let shape = delimited(self.is_head, &parts)?;
        self.keeps = keeps(&parts, shape);
        self.place = Some(match shape {
            Shape::Empty => BodyPosition::Ended,
            Shape::Sized(length) => BodyPosition::Sized(length),
            Shape::Chunked => BodyPosition::Chunked(Box::new(Chunked::of_upstream())),
            Shape::Close => BodyPosition::Close,
        });
        Ok(Some(parts))
    }

    /// Takes what there is of the body.
    fn take(&mut self) -> Result<Bytes> {
        match &mut self.place {
            Some(BodyPosition::Sized(left)) => {
                let room = self.input.len();
                let here = usize::try_from(*left).map_or(room, |left| left.min(room));
                *left -= here as u64;
                if *left == 0 {
                    self.place = Some(BodyPosition::Ended);
                }
                Ok(self.input.split_to(here).freeze())
            }
            Some(BodyPosition::Chunked(chunked)) => {
                let mut data = BytesMut::with_capacity(self.input.len());
                let fed = chunked.feed_to(self.input, |piece| data.extend_from_slice(piece));
                match fed.map_err(|_| malformed("chunks that cannot be told apart"))? {
                    Some(end) => {
                        self.input.advance(end);
                        self.place = Some(BodyPosition::Ended);
                    }
                    None => self.input.clear(),
                }
                Ok(data.freeze())
            }
            Some(BodyPosition::Close) => Ok(self.input.split().freeze()),
            Some(BodyPosition::Ended) | None => Ok(Bytes::new()),
        }
    }
}

impl Source for Http1Source<'_> {
    async fn head(&mut self) -> Result<Parts> {
        let mut searched = 0;
        loop {
            // What is no head is told by its beginning; else reading waits for the end, so that a head in drips is not read again
            // with each of them.
            let is_due = searched == 0 || head::length_from(self.input, searched).is_some();
            if is_due && let Some(parts) = self.take_head()? {
                return Ok(parts);
            }
            searched = self.input.len();
            if self.input.len() > MAX_HEAD {
                return Err(malformed("a head over 1 MiB"));
            }
            if self.read().await? == 0 {
                let mut error = Error::explain(ErrorType::ConnectionClosed, "before an answer");
                error.retry = pingora::RetryType::ReusedOnly;
                return Err(error.into_up());
            }
        }
    }

    async fn piece(&mut self) -> Result<Option<Bytes>> {
        loop {
            if matches!(self.place, Some(BodyPosition::Ended) | None) {
                return Ok(None);
            }
            if !self.input.is_empty() {
                let piece = self.take()?;
                if !piece.is_empty() {
                    self.progress.touch_answer();
                    return Ok(Some(piece));
                }
                continue;
            }
            if self.read().await? == 0 {
                if matches!(self.place, Some(BodyPosition::Close)) {
                    self.place = Some(BodyPosition::Ended);
                    return Ok(None);
                }
                let error = Error::explain(ErrorType::ConnectionClosed, "within an answer");
                return Err(error.into_up());
            }
        }
    }
}

impl Source for Http2Source<'_> {
    async fn head(&mut self) -> Result<Parts> {
        self.session
            .read_response_header()
            .await
            .map_err(|error| error.into_up())?;
        self.progress.touch();
        match self.session.response_header() {
            Some(head) => Ok(head.as_owned_parts()),
            None => Err(malformed("an answer without a head")),
        }
    }

    async fn piece(&mut self) -> Result<Option<Bytes>> {
        loop {
            let piece = self.session.read_response_body().await;
            self.progress.touch();
            match piece.map_err(|error| error.into_up())? {
                Some(piece) if piece.is_empty() => {}
                Some(piece) => return Ok(Some(piece)),
                None => break,
            }
        }
        // Trailers end an answer too; agents of HTTP/1.1 do not get them.
        let ended = self.session.check_response_end_or_error();
        if !ended.map_err(|error| error.into_up())? {
            self.session
                .read_trailers()
                .await
                .map_err(|error| error.into_up())?;
        }
        Ok(None)
    }
}
