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
    /// When the frame or the header block that has begun must have ended, and its number; `None` while none has.
    late: Option<(u64, Pin<Box<Sleep>>)>,
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

    /// Ends a connection whose agent keeps memory by a head that it does not finish, or does not begin to speak HTTP/2. Each head
    /// has its own time, from its first byte on. Bodies pass, and have limits of their own.
    fn check_late(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.held.is_empty() && !self.reader.is_waiting() {
            self.late = None;
            return Ok(());
        }
        let (limit, number) = (self.limit, self.reader.number);
        if self.late.as_ref().is_some_and(|(of, _)| *of != number) {
            self.late = None;
        }
        let (_, late) = self
            .late
            .get_or_insert_with(|| (number, Box::pin(sleep(limit))));
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::time::{Instant, advance};

    use super::*;

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    /// A SETTINGS frame, which is held until all of it is there, as heads are.
    const FRAME: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

    /// What heads have in these tests.
    const LIMIT: Duration = Duration::from_secs(1);

    fn start() -> (DuplexStream, Http2) {
        let (agent, gateway) = duplex(64 * 1024);
        (agent, Http2::new(Box::new(gateway), oracle::connection()))
    }

    /// Reads what there is; false once the connection has ended for being late.
    async fn goes_on(http2: &mut Http2) -> bool {
        let mut bytes = [0; 1024];
        loop {
            match http2.read(&mut bytes).now_or_never() {
                None => return true,
                Some(Ok(count)) => assert!(count > 0),
                Some(Err(error)) => {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                    return false;
                }
            }
        }
    }

    /// Sends bytes one by one, each half of the limit after the last one; returns how many pass.
    async fn drip(agent: &mut DuplexStream, http2: &mut Http2, bytes: &[u8]) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            agent.write_all(&[*byte]).await.unwrap();
            if !goes_on(http2).await {
                return at;
            }
            advance(LIMIT / 2).await;
        }
        bytes.len()
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_begin_to_speak_is_ended_in_time() {
        let (_agent, mut http2) = start();
        let begun = Instant::now();
        let error = http2.read(&mut [0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() < 2 * LIMIT);
        let (mut agent, mut http2) = start();
        assert!(drip(&mut agent, &mut http2, PREFACE).await < 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_that_is_dripped_is_ended_in_time_also_behind_others() {
        let (mut agent, mut http2) = start();
        agent.write_all(&[PREFACE, FRAME].concat()).await.unwrap();
        assert!(goes_on(&mut http2).await);
        assert!(drip(&mut agent, &mut http2, FRAME).await < 4);
    }

    #[tokio::test(start_paused = true)]
    async fn each_frame_has_its_own_time_also_where_the_next_has_always_begun() {
        let (mut agent, mut http2) = start();
        let (start, end) = FRAME.split_at(5);
        let first = [PREFACE, FRAME, start].concat();
        agent.write_all(&first).await.unwrap();
        for _ in 0..8 {
            assert!(goes_on(&mut http2).await);
            advance(LIMIT / 2).await;
            agent.write_all(&[end, start].concat()).await.unwrap();
        }
        assert!(goes_on(&mut http2).await);
        // The last one does not end.
        advance(2 * LIMIT).await;
        assert!(!goes_on(&mut http2).await);
    }
}
