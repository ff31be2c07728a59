//! Wraps an agent's socket, and bytes already read from it, as a stream that Pingora accepts.
//!
//! INVARIANT: every stream that Pingora gets is a `TunnelIo`, so every request knows the connection that it came through.

use std::io;
use std::os::fd::AsRawFd as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::{Buf as _, Bytes};
use http::StatusCode;
use pingora::http::ResponseHeader;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufWriter, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use super::connection::Connection;
use super::header_deadline::Arriving;

/// Small writes are gathered up to this; an idle tunnel must stay cheap.
const WRITE_BUFFER: usize = 4096;

/// A socket of an agent's connection.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    /// With TLS around everything.
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

/// A socket, what was read of it ahead, and the connection's description.
#[derive(Debug)]
pub(super) struct TunnelIo {
    socket: BufWriter<Socket>,
    ahead: Bytes,
    digest: Arc<ProxyDigest>,
    connection: Arc<Connection>,
    arriving: Arriving,
}

impl TunnelIo {
    /// # Errors
    /// Never with a status of 200; the builder is fallible.
    pub(super) fn new(
        socket: Socket,
        ahead: Bytes,
        connection: Arc<Connection>,
    ) -> pingora::Result<Self> {
        let response = Box::new(ResponseHeader::build(StatusCode::OK, Some(0))?);
        let known = Box::new(Arc::clone(&connection));
        let digest = Arc::new(ProxyDigest::new(response, Some(known)));
        Ok(Self {
            socket: BufWriter::with_capacity(WRITE_BUFFER, socket),
            ahead,
            digest,
            connection,
            arriving: Arriving::default(),
        })
    }
}

impl AsyncRead for TunnelIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let header_deadline = &this.connection.header_deadline;
        if this.ahead.is_empty() {
            let before = buf.filled().len();
            return match Pin::new(&mut this.socket).poll_read(cx, buf) {
                Poll::Ready(Ok(())) if buf.filled().len() > before => {
                    Poll::Ready(this.arriving.note(header_deadline))
                }
                Poll::Pending => {
                    // Where more is there already, the agent has not waited.
                    if this.connection.take_hurry() {
                        this.socket.get_ref().acknowledge();
                    }
                    this.arriving.poll_late(header_deadline, cx).map(Err)
                }
                ended @ Poll::Ready(_) => ended,
            };
        }
        this.arriving.note(header_deadline)?;
        let take = this.ahead.len().min(buf.remaining());
        let (now, _) = this.ahead.split_at(take);
        buf.put_slice(now);
        this.ahead.advance(take);
        if this.ahead.is_empty() {
            // Gives the memory back.
            this.ahead = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TunnelIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}

#[async_trait]
impl Shutdown for TunnelIo {
    async fn shutdown(&mut self) {
        // The peer may be gone already.
        let _ = AsyncWriteExt::shutdown(&mut self.socket).await;
    }
}

impl UniqueID for TunnelIo {
    fn id(&self) -> UniqueIDType {
        match self.socket.get_ref() {
            Socket::Tcp(socket) => socket.as_raw_fd(),
            Socket::Tls(stream) => stream.get_ref().0.as_raw_fd(),
            Socket::Unix(socket) => socket.as_raw_fd(),
        }
    }
}

impl Ssl for TunnelIo {}

impl Peek for TunnelIo {}

impl GetTimingDigest for TunnelIo {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for TunnelIo {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(Arc::clone(&self.digest))
    }
}

impl GetSocketDigest for TunnelIo {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}

impl Socket {
    /// Acknowledges received bytes at once; the system would wait for more, 40 ms on Linux, and so would the agent.
    fn acknowledge(&self) {
        #[cfg(target_os = "linux")]
        {
            let socket = match self {
                Self::Tcp(socket) => socket,
                Self::Tls(stream) => stream.get_ref().0,
                Self::Unix(_) => return,
            };
            // Without it a request takes longer, and nothing else.
            let _ = socket.set_quickack(true);
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(socket) => Pin::new(socket).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(socket) => Pin::new(socket).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_has_come_of_a_request_is_acknowledged_at_once() {
        use tokio::net::{TcpListener, TcpStream};

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (agent, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (_agent, (accepted, _)) = (agent.unwrap(), accepted.unwrap());
        // As the system does for a socket that answers what it reads.
        accepted.set_quickack(false).unwrap();
        assert!(!accepted.quickack().unwrap());
        let socket = super::Socket::Tcp(accepted);
        socket.acknowledge();
        assert!(matches!(&socket, super::Socket::Tcp(accepted) if accepted.quickack().unwrap()));
    }
}
