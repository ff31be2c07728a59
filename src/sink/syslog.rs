//! Sends records by syslog: each is a message of RFC 5424, over UDP (RFC 5426), TCP with octet counting (RFC 6587), TLS (RFC 5425) or a Unix socket.
//!
//! Syslog has no acknowledgement: what a server loses after it has taken it is lost.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpStream, UdpSocket, UnixDatagram, lookup_host};
use tokio_rustls::client::TlsStream;

use crate::config::SyslogServer;
use crate::journal::{Kind, Line};
use crate::outbound::Roots;

/// Log audit, of RFC 5424 section 6.2.1.
const FACILITY: u8 = 13;

/// Severities of the same section.
const WARNING: u8 = 4;
const INFORMATIONAL: u8 = 6;

/// A server with what is open to it.
pub(super) struct Syslog {
    server: SyslogServer,
    roots: Roots,
    socket: Option<Socket>,
}

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixDatagram),
}

impl Syslog {
    pub(super) fn to(server: SyslogServer, roots: Roots) -> Self {
        Self {
            server,
            roots,
            socket: None,
        }
    }

    /// Sends lines over what is open, which is closed after an error.
    pub(super) async fn send(&mut self, lines: &[Line]) -> io::Result<()> {
        let mut kept = self.socket.take();
        if let Some(socket) = &mut kept
            && !socket.is_open().await
        {
            kept = None;
        }
        let mut socket = match kept {
            Some(socket) => socket,
            None => connect(&self.server, &self.roots).await?,
        };
        socket.send(lines).await?;
        self.socket = Some(socket);
        Ok(())
    }
}

impl Socket {
    /// A server that has closed takes the next write all the same, and loses it.
    async fn is_open(&mut self) -> bool {
        let has_ended = |stream: &TcpStream| match stream.try_read(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        match self {
            Self::Udp(_) | Self::Unix(_) => true,
            Self::Tcp(stream) => !has_ended(stream),
            Self::Tls(stream) => poll_fn(|cx| poll_open(stream, cx)).await,
        }
    }

    async fn send(&mut self, lines: &[Line]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => {
                for line in lines {
                    socket.send(&message(line)).await?;
                }
                Ok(())
            }
            Self::Unix(socket) => {
                for line in lines {
                    socket.send(&message(line)).await?;
                }
                Ok(())
            }
            Self::Tcp(stream) => stream.write_all(&framed(lines)).await,
            Self::Tls(stream) => {
                stream.write_all(&framed(lines)).await?;
                stream.flush().await
            }
        }
    }
}

/// Reads what a session has sent, which are tickets and its end.
fn poll_open(stream: &mut TlsStream<TcpStream>, cx: &mut Context<'_>) -> Poll<bool> {
    let mut bytes = [0; 256];
    loop {
        let mut read = ReadBuf::new(&mut bytes);
        match Pin::new(&mut *stream).poll_read(cx, &mut read) {
            Poll::Pending => return Poll::Ready(true),
            Poll::Ready(Ok(())) if !read.filled().is_empty() => {}
            Poll::Ready(_) => return Poll::Ready(false),
        }
    }
}

async fn connect(server: &SyslogServer, roots: &Roots) -> io::Result<Socket> {
    match server {
        SyslogServer::Udp(at) => {
            let address = lookup_host(at).await?.next();
            let address = address.ok_or(io::ErrorKind::NotFound)?;
            let any = if address.is_ipv4() {
                "0.0.0.0:0"
            } else {
                "[::]:0"
            };
            let socket = UdpSocket::bind(any).await?;
            socket.connect(address).await?;
            Ok(Socket::Udp(socket))
        }
        SyslogServer::Tcp(at) => Ok(Socket::Tcp(TcpStream::connect(at).await?)),
        SyslogServer::Tls(at) => {
            let host = at.rsplit_once(':').map_or(at.as_str(), |(host, _)| host);
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let stream = roots.connect(host, TcpStream::connect(at).await?).await?;
            Ok(Socket::Tls(Box::new(stream)))
        }
        SyslogServer::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            Ok(Socket::Unix(socket))
        }
    }
}

/// Messages one behind the other, each behind its length.
fn framed(lines: &[Line]) -> Vec<u8> {
    let mut framed = Vec::new();
    for line in lines {
        let message = message(line);
        framed.extend_from_slice(format!("{} ", message.len()).as_bytes());
        framed.extend_from_slice(&message);
    }
    framed
}

/// Returns the record as a message: its kind as message id, its JSON as text.
fn message(line: &Line) -> Vec<u8> {
    let front = line.front();
    let kind = front.as_ref().map_or("-", |front| front.kind.as_str());
    let time = front.as_ref().map_or("-", |front| front.time);
    let is_refusal = front
        .as_ref()
        .is_some_and(|front| front.kind == Kind::Decided)
        && line
            .decided()
            .is_some_and(|decided| !decided.code.is_empty());
    let severity = if is_refusal { WARNING } else { INFORMATIONAL };
    let priority = FACILITY * 8 + severity;
    let process = std::process::id();
    // The host is the server's to fill in. JSON is UTF-8, which section 6.4 wants a mark for.
    let mut message =
        format!("<{priority}>1 {time} - tollgate {process} {kind} - \u{feff}").into_bytes();
    message.extend_from_slice(line.as_bytes());
    message
}
