//! Bounds connections to the admin and metrics ports: each has a slot among a few, and a time in which it must get an answer.
//!
//! INVARIANT: connections to these ports, however long they are silent, take a small part of the process's file descriptors. The
//! rest is for agents.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::limit::{Evicted, PreAuthQueue, PreAuthSlot};

/// Connections of one listener. When it is full, the oldest is closed, so a client that is answered at once always succeeds.
pub const CONNECTIONS: usize = 128;

/// How long a connection may take from its start, or the last byte of an answer, to the next one.
///
/// A head that comes byte by byte ends with it, as does an answer that is not read.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// A listener whose connections are few and short.
pub(super) struct Guarded<L> {
    listener: L,
    queue: Arc<PreAuthQueue>,
}

impl<L> Guarded<L> {
    pub(super) fn new(listener: L) -> Self {
        let queue = PreAuthQueue::new(CONNECTIONS);
        Self { listener, queue }
    }
}

impl<L: axum::serve::Listener> axum::serve::Listener for Guarded<L> {
    type Io = Connection<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (io, address) = self.listener.accept().await;
        let (slot, evicted) = self.queue.enter();
        (Connection::new(io, slot, evicted), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// One connection; it fails once its place is another's, or its time is over.
pub(super) struct Connection<T> {
    io: T,
    timer: Pin<Box<Sleep>>,
    evicted: Pin<Box<dyn Future<Output = ()> + Send>>,
    _slot: PreAuthSlot,
}

impl<T> Connection<T> {
    fn new(io: T, slot: PreAuthSlot, evicted: Evicted) -> Self {
        Self {
            io,
            timer: Box::pin(tokio::time::sleep(IDLE_TIME)),
            evicted: Box::pin(evicted.wait()),
            _slot: slot,
        }
    }

    /// Fails where the connection has to end.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.evicted.as_mut().poll(cx).is_ready() {
            let why = "too many connections; the oldest has to go";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, why));
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            let why = "the connection has been without an answer for too long";
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        Ok(())
    }

    fn progress(&mut self) {
        self.timer.as_mut().reset(Instant::now() + IDLE_TIME);
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_end(cx)?;
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_end(cx)?;
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        if matches!(written, Poll::Ready(Ok(count)) if count > 0) {
            self.progress();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_end(cx)?;
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, parts);
        if matches!(written, Poll::Ready(Ok(count)) if count > 0) {
            self.progress();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::{Connection, IDLE_TIME};
    use crate::limit::PreAuthQueue;

    #[tokio::test(start_paused = true)]
    async fn bytes_that_trickle_in_do_not_lengthen_the_time_and_an_answer_does() {
        let (mut client, io) = duplex(64);
        let (slot, evicted) = PreAuthQueue::new(1).enter();
        let mut connection = Connection::new(io, slot, evicted);
        for at in 0..3 {
            client.write_all(b"x").await.unwrap();
            assert_eq!(connection.read_u8().await.unwrap(), b'x');
            tokio::time::sleep(IDLE_TIME / 4).await;
            if at == 0 {
                connection.write_all(b"y").await.unwrap();
            }
        }
        tokio::time::sleep(IDLE_TIME / 2).await;
        client.write_all(b"x").await.unwrap();
        let failed = connection.read_u8().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_read_ends() {
        let (_client, io) = duplex(4);
        let (slot, evicted) = PreAuthQueue::new(1).enter();
        let mut connection = Connection::new(io, slot, evicted);
        let failed = connection.write_all(b"more than fits").await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_gives_way() {
        let queue = PreAuthQueue::new(1);
        let (_client, io) = duplex(4);
        let (slot, evicted) = queue.enter();
        let mut oldest = Connection::new(io, slot, evicted);
        let _next = queue.enter();
        let failed = oldest.read_u8().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::ConnectionAborted);
    }
}
