//! The wire: a request in, through CONNECT and TLS where there is a proxy, and how it was answered out. As little as HTTP/1.1 needs.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The upstream that all requests are for.
pub(crate) const HOST: &str = "acme.atlassian.net";

/// The credential that the upstream wants; a proxy puts it on.
pub(crate) const REAL: &str = "Bearer bench-0123456789abcdef-real";

/// The token that `REAL` is made of, as the vault keeps it.
pub(crate) const REAL_TOKEN: &str = "bench-0123456789abcdef-real";

/// A request, read: bytes of head and body, and whether it carried the credential.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange {
    pub(crate) length: usize,
    pub(crate) authorized: bool,
}

/// How a contender is reached.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// The proxy, or the upstream itself.
    pub(crate) address: SocketAddr,
    /// What CONNECT carries; `None` where there is no proxy.
    pub(crate) proxy_authorization: Option<String>,
    /// Trusts the contender's authority.
    pub(crate) tls: Arc<ClientConfig>,
}

/// A connection that requests go over.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Route {
    /// Connects, opens a tunnel where there is a proxy, and speaks TLS.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        Ok(Connection {
            stream: self.tls().await?,
            buffer: Vec::with_capacity(8 * 1024),
        })
    }

    /// The same, for another HTTP than this file's.
    pub(crate) async fn tls(&self) -> Result<TlsStream<TcpStream>> {
        let mut socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        if let Some(authorization) = &self.proxy_authorization {
            tunnel(&mut socket, authorization).await?;
        }
        let name = ServerName::try_from(HOST)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        Ok(connector.connect(name, socket).await?)
    }
}

async fn tunnel(socket: &mut TcpStream, authorization: &str) -> Result<()> {
    let connect = format!(
        "CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\nProxy-Authorization: {authorization}\r\n\r\n"
    );
    socket.write_all(connect.as_bytes()).await?;
    let mut answer = Vec::with_capacity(512);
    while !answer.ends_with(b"\r\n\r\n") {
        // The TLS that follows is ours to begin, so nothing is read too far.
        ensure!(
            socket.read_buf(&mut answer).await? > 0,
            "the proxy closed the connection"
        );
    }
    let status = std::str::from_utf8(&answer)?.split(' ').nth(1);
    ensure!(
        status == Some("200"),
        "CONNECT was answered {}",
        String::from_utf8_lossy(&answer)
    );
    Ok(())
}

impl Connection {
    /// Sends a request and reads its whole answer; returns the status.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.buffer.clear();
        let (status, whole) = loop {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the connection was closed before an answer");
            if let Some(found) = head(&self.buffer)? {
                break found;
            }
        };
        while self.buffer.len() < whole {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the answer ended early");
        }
        ensure!(
            self.buffer.len() == whole,
            "the answer goes on after its end"
        );
        Ok(status)
    }

    /// Returns the last answer, head and body.
    pub(crate) fn answer(&self) -> &[u8] {
        &self.buffer
    }
}

/// Returns status and length of head and body together, once the head is there.
fn head(buffer: &[u8]) -> Result<Option<(u16, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(buffer)? else {
        return Ok(None);
    };
    let status = response.code.context("an answer has a status")?;
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let Some(length) = length else {
        bail!("the answer has no length");
    };
    let body: usize = std::str::from_utf8(length.value)?.parse()?;
    Ok(Some((status, head + body)))
}
