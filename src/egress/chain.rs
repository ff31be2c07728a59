//! Opens connections to permitted addresses through the operator's own HTTP proxy (`egress.proxy`).
//!
//! INVARIANT: the proxy is asked for an address that the rules have permitted, never for a name that it would look up itself.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ipnet::IpNet;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::lookup::Lookup;
use crate::model::secret::Secret;
use crate::model::target::{Authority, Host};

/// Longest answer to a CONNECT, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// The operator's proxy and its login.
#[derive(Debug, Clone)]
pub struct ChainRules {
    /// Host and port where the proxy listens.
    pub proxy: Authority,
    /// Value of `Proxy-Authorization`, with its scheme.
    pub authorization: Option<Secret>,
    /// Targets that are reached without the proxy.
    pub except: Vec<Except>,
}

/// An upstream that is reached without the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Except {
    /// Asked for by this name, or by this address.
    Host(Host),
    /// These addresses, under any name.
    Network(IpNet),
}

/// Connects through the proxy.
#[derive(Debug)]
pub struct Chain {
    rules: ChainRules,
    lookup: Arc<dyn Lookup>,
}

/// Reasons why there is no connection; for logs, not for agents.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The proxy's name has no address.
    #[error("the proxy `{0}` does not resolve")]
    Unresolvable(String),
    /// It is not there, or gone.
    #[error("the proxy cannot be reached")]
    Unreachable(#[source] io::Error),
    /// The proxy answered CONNECT with this status, not 2xx.
    #[error("the proxy answers CONNECT with {0}")]
    Refused(u16),
    /// The proxy's answer is not HTTP.
    #[error("the proxy's answer to CONNECT cannot be read")]
    Unreadable,
}

impl Chain {
    pub(super) fn new(rules: ChainRules, lookup: Arc<dyn Lookup>) -> Self {
        Self { rules, lookup }
    }

    /// Returns whether connections for an authority to this address go through the proxy.
    #[must_use]
    pub fn carries(&self, authority: &Authority, address: SocketAddr) -> bool {
        !self.rules.except.iter().any(|except| match except {
            Except::Host(host) => *host == authority.host,
            Except::Network(network) => network.contains(&address.ip().to_canonical()),
        })
    }

    /// Opens a connection to an address through the proxy. The caller bounds the time.
    ///
    /// # Errors
    ///
    /// If the proxy cannot be reached or refuses.
    pub async fn dial(&self, target: SocketAddr) -> Result<TcpStream, ChainError> {
        let mut stream = self.reach().await?;
        let mut head =
            Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes());
        if let Some(authorization) = &self.rules.authorization {
            head.extend_from_slice(b"Proxy-Authorization: ");
            head.extend_from_slice(authorization.expose());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        // Else the head would wait for an acknowledgement of what it follows.
        let _ = stream.set_nodelay(true);
        stream
            .write_all(&head)
            .await
            .map_err(ChainError::Unreachable)?;
        match read_status(&mut stream).await? {
            200..=299 => Ok(stream),
            status => Err(ChainError::Refused(status)),
        }
    }

    async fn reach(&self) -> Result<TcpStream, ChainError> {
        let Authority { host, port } = &self.rules.proxy;
        let addresses = match host {
            Host::Ip(address) => vec![*address],
            Host::Name(name) => self.lookup.addresses(name).await.unwrap_or_default(),
        };
        let mut last = ChainError::Unresolvable(self.rules.proxy.to_string());
        for address in addresses {
            match TcpStream::connect((address, *port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = ChainError::Unreachable(error),
            }
        }
        Err(last)
    }
}

/// Reads the answer's head, byte by byte: what follows it is the upstream's.
async fn read_status(stream: &mut TcpStream) -> Result<u16, ChainError> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return Err(ChainError::Unreadable);
        }
        head.push(stream.read_u8().await.map_err(ChainError::Unreachable)?);
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(&head) {
        Ok(httparse::Status::Complete(_)) => response.code.ok_or(ChainError::Unreadable),
        Ok(httparse::Status::Partial) | Err(_) => Err(ChainError::Unreadable),
    }
}
