//! Cuts an agent's HTTP/1.1 connection where its requests end. Pingora repairs what it reads, and answers by itself what it
//! cannot read. So it gets heads that were checked, and bodies that end where one reading ends them.
//!
//! INVARIANT: no byte beyond a request's end is handed on before the next request is expected.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http::header::UPGRADE;
use pingora::protocols::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::chunked::Chunked;
use super::connection::Connection;
use super::head::{self, Body, MAX_HEAD};
use super::turn_away::{Refuser, TurnAway};
use super::wrapper::wraps_stream;

/// Read at once while a head is expected.
const READ: usize = 4096;

/// What the next byte belongs to.
#[derive(Debug)]
enum Framing {
    /// The head of a request.
    Head,
    /// A body of which so much is to come.
    Sized(u64),
    Chunked(Chunked),
    /// What was switched to, once that is accepted; if it is refused, the next head.
    Switched,
    /// Nothing: what came behind an opening that was refused is no request.
    Ended,
    /// A body that is none; nothing more is read.
    Broken,
    /// A head that is none; its answer is written, and nothing more is read.
    Refused(Box<TurnAway>),
}

/// An agent's connection of HTTP/1.1, after its TLS.
#[derive(Debug)]
pub(super) struct Framed {
    inner: Stream,
    connection: Arc<Connection>,
    refuser: Refuser,
    framing: Framing,
    /// Checked, to be handed on first.
    ready: Bytes,
    /// Read beyond what was handed on.
    held: BytesMut,
    /// So much of that has no end of a head in it.
    searched: usize,
}

impl Framed {
    /// Goes on with a connection of which so much was read already.
    pub(super) fn resume(
        inner: Stream,
        connection: Arc<Connection>,
        refuser: Refuser,
        held: BytesMut,
    ) -> Self {
        Self {
            inner,
            connection,
            refuser,
            framing: Framing::Head,
            ready: Bytes::new(),
            held,
            searched: 0,
        }
    }

    /// Reads on towards the end of a head. Ready without progress is the end of the connection.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut chunk = [0; READ];
        let mut read = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut read))?;
        self.held.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }

    /// Waits for a head, and checks it. Ready without a head is the end of the connection.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let expected = self.connection.header_deadline.is_expected();
            let length = head::length_from(&self.held, self.searched);
            if expected && (length.is_some() || self.held.len() > MAX_HEAD) {
                let length = length.unwrap_or(self.held.len());
                let bytes = self.held.split_to(length).freeze();
                self.searched = 0;
                if self.held.is_empty() {
                    // Gives the memory back.
                    self.held = BytesMut::new();
                }
                self.take_head(bytes);
                return Poll::Ready(Ok(()));
            }
            if !expected {
                return self.poll_early(cx);
            }
            self.searched = self.held.len();
            if !self.held.is_empty() {
                self.connection.hurry();
            }
            if ready!(self.poll_more(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Holds what comes ahead of its turn; beyond a head's length its agent waits as well. Ready is the end of the connection.
    fn poll_early(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.held.len() <= MAX_HEAD {
            if ready!(self.poll_more(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Pending
    }

    fn take_head(&mut self, bytes: Bytes) {
        match head::read(&bytes) {
            Ok(head) => {
                self.ready = head.respelled.map_or(bytes, Bytes::from);
                self.framing = match head.body {
                    Body::Sized(0) if head.headers.contains_key(UPGRADE) => Framing::Switched,
                    Body::Sized(0) => Framing::Head,
                    Body::Sized(length) => Framing::Sized(length),
                    Body::Chunked => Framing::Chunked(Chunked::new()),
                };
            }
            Err(fault) => {
                let turn_away = self.refuser.turn_away(&self.connection, &fault);
                self.framing = Framing::Refused(Box::new(turn_away));
            }
        }
    }

    /// Hands on some of what is ready or held, or of what comes; keeps what is beyond the body.
    fn poll_body(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.held.is_empty() {
            if !matches!(self.framing, Framing::Switched) {
                self.connection.hurry();
            }
            ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        } else {
            let take = self.held.len().min(buf.remaining());
            buf.put_slice(self.held.get(..take).unwrap_or_default());
            self.held.advance(take);
        }
        let new = buf.filled().get(before..).unwrap_or_default();
        let (ended, beyond) = match &mut self.framing {
            Framing::Sized(left) => {
                let here = usize::try_from(*left).map_or(new.len(), |left| left.min(new.len()));
                *left -= here as u64;
                (*left == 0, new.get(here..).unwrap_or_default())
            }
            Framing::Chunked(chunked) => match chunked.feed(new) {
                Ok(end) => (
                    end.is_some(),
                    end.and_then(|end| new.get(end..)).unwrap_or_default(),
                ),
                Err(_) => {
                    buf.set_filled(before);
                    self.connection.note_unclear();
                    self.framing = Framing::Broken;
                    return Poll::Ready(Err(unclear()));
                }
            },
            _ => (false, Default::default()),
        };
        let handed_on = before + new.len() - beyond.len();
        if !beyond.is_empty() {
            let mut held = BytesMut::from(beyond);
            held.extend_from_slice(&self.held);
            self.held = held;
        }
        buf.set_filled(handed_on);
        if ended {
            self.framing = Framing::Head;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Framed {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.ready.is_empty() {
                let take = this.ready.len().min(buf.remaining());
                buf.put_slice(&this.ready.split_to(take));
                return Poll::Ready(Ok(()));
            }
            match &mut this.framing {
                Framing::Head => {
                    ready!(this.poll_head(cx))?;
                    if matches!(this.framing, Framing::Head) && this.ready.is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                }
                Framing::Switched if this.connection.is_switched() => {
                    return this.poll_body(cx, buf);
                }
                Framing::Switched if !this.connection.header_deadline.is_expected() => {
                    return this.poll_early(cx);
                }
                Framing::Switched if this.held.is_empty() => this.framing = Framing::Head,
                Framing::Switched => this.framing = Framing::Ended,
                Framing::Ended => return Poll::Ready(Ok(())),
                Framing::Sized(_) | Framing::Chunked(_) => return this.poll_body(cx, buf),
                Framing::Broken => return Poll::Ready(Err(unclear())),
                Framing::Refused(turn_away) => return turn_away.poll(&mut this.inner, cx),
            }
        }
    }
}

fn unclear() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the chunks are malformed")
}

impl AsyncWrite for Framed {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

wraps_stream!(Framed, alpn: None);
