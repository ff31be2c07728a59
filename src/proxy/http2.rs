//! Reads and writes agents' HTTP/2 frames between TLS and Pingora.
//!
//! Pingora and the `h2` crate reset or answer malformed requests themselves. Here they get checked heads only, and every refusal is ours.

mod bodies;
mod date;
mod frame;
mod head;
mod header;
mod hpack;
#[cfg(test)]
mod oracle;
mod reading;
mod writing;

pub(super) use date::keep as keep_date;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use pingora::protocols::{ALPN, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::connection::Connection;
use super::header_deadline;
use super::wrapper::wraps_stream;
use reading::{Next, Reader};
use writing::Writer;

/// Bytes that one read takes at most.
const READ: usize = 8 * 1024;

/// Gathered before it is written: what TLS puts into one record.
const WRITE: usize = 16 * 1024;

/// Bytes of a head, of most requests. More are not kept by a connection that waits.
const USUAL: usize = 1024;

/// An agent's connection of HTTP/2, after its TLS.
#[derive(Debug)]
pub(super) struct Http2 {
    inner: Stream,
    reader: Reader,
    /// Read, and not looked at.
    held: BytesMut,
    /// When the frame or the header block that has begun must have ended; `None` while none has.
    late: Option<Pin<Box<Sleep>>>,
    /// How long that may take.
    limit: Duration,
    /// Of what is ready in the reader, so many bytes were handed on.
    handed: usize,
    writer: Writer,
    /// Not yet written, from `written` on.
    out: Vec<u8>,
    written: usize,
}

impl Http2 {
    pub(super) fn new(inner: Stream, connection: Arc<Connection>) -> Self {
        Self {
            inner,
            limit: connection.header_deadline.limit(),
            reader: Reader::new(Arc::clone(&connection)),
            held: BytesMut::new(),
            late: None,
            handed: 0,
            writer: Writer::new(connection),
            out: Vec::new(),
            written: 0,
        }
    }

    /// Hands on what is ready.
    fn hand_on(&mut self, buf: &mut ReadBuf<'_>) {
        let ready = self.reader.ready();
        let rest = ready.get(self.handed..).unwrap_or_default();
        let now = rest.get(..buf.remaining()).unwrap_or(rest);
        buf.put_slice(now);
        self.handed += now.len();
        if self.handed == ready.len() {
            self.handed = 0;
            ready.clear();
            // Gives the memory of a large head back.
            ready.shrink_to(USUAL);
        }
    }

    /// Reads on. Ready without progress is the end of the connection.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.held.is_empty() {
            // An idle connection keeps no buffer.
            self.held = BytesMut::new();
        }
        self.check_late(cx)?;
        let mut chunk = [0; READ];
        let mut read = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut read))?;
        self.held.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }

    /// Ends a connection whose agent keeps memory by a head that it does not finish. Bodies pass, and have limits of their own.
    fn check_late(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.held.is_empty() && !self.reader.is_within_block() {
            self.late = None;
            return Ok(());
        }
        let limit = self.limit;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(limit)));
        match late.as_mut().poll(cx) {
            Poll::Ready(()) => Err(header_deadline::late()),
            Poll::Pending => Ok(()),
        }
    }

    /// Writes what was gathered.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = self.out.get(self.written..) {
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
        }
        self.written = 0;
        self.out = Vec::new();
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Http2 {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        loop {
            this.hand_on(buf);
            if buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let progress = match this.reader.next(&this.held) {
                Next::More => false,
                Next::Pass(count) => {
                    let count = count.min(this.held.len()).min(buf.remaining());
                    buf.put_slice(this.held.get(..count).unwrap_or_default());
                    this.held.advance(count);
                    this.reader.note_passed(count);
                    count > 0
                }
                Next::Take(count) => {
                    this.held.advance(count);
                    count > 0 || !this.reader.ready().is_empty()
                }
            };
            if progress {
                continue;
            }
            if buf.filled().len() > before || ready!(this.poll_more(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Http2 {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.out.len() >= WRITE {
            ready!(this.poll_out(cx))?;
        }
        let now = buf.get(..WRITE).unwrap_or(buf);
        this.writer.write(now, &mut this.out);
        Poll::Ready(Ok(now.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

wraps_stream!(Http2, alpn: Some(ALPN::H2));
