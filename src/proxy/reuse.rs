//! Decides whether an HTTP/1.1 upstream connection may carry another exchange.
//!
//! INVARIANT: reuse is opt-in. A connection carries a second exchange only if both directions of the first one ended exactly
//! where they should. Any other connection is closed, because the next exchange would read its leftovers.

use std::net::{Shutdown, SocketAddr, TcpStream as StdStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use parking_lot::Mutex;
use pingora::connectors::L4Connect;
use pingora::http::ResponseHeader;
use pingora::protocols::l4::ext::connect;
use pingora::protocols::l4::socket::SocketAddr as PeerAddr;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{Digest, GetProxyDigest as _};
use pingora::{Error, ErrorType, Result};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::dial::dial;
use super::upstream::Framing;
use crate::pipeline::Gateway;
use crate::pipeline::forward::Chain;
use crate::pipeline::permit_validity::PermitValidity;

/// Name of the error of a connection that must not carry another exchange. Nothing of the request was sent on it.
pub(super) const NOT_CLEAN: &str = "a kept connection is not clean";

/// Made, and not used yet.
const FRESH: u8 = 0;
/// Carries an exchange, or has carried one that did not end cleanly.
const USED: u8 = 1;
/// Has carried exchanges that all ended cleanly.
const CLEAN: u8 = 2;

/// State of one upstream connection, for as long as it is open.
#[derive(Debug)]
pub(super) struct Cleanness {
    state: AtomicU8,
    /// A second handle to the socket, so that it can be closed where Pingora would keep it; `None` for HTTP/2, which frames for itself.
    socket: Mutex<Option<StdStream>>,
    /// Held until the first exchange begins: until then the connection ends with what that exchange rests on.
    unbegun: Mutex<Option<oneshot::Sender<()>>>,
}

/// Connects, to the address that Pingora was given, in a way that remembers how exchanges ended.
#[derive(Debug)]
pub(super) struct Connects {
    /// The operator's proxy, where one is in between.
    pub(super) chain: Option<Arc<Chain>>,
    pub(super) connect_timeout: Duration,
    /// What the exchange rests on that needs the connection: connecting ends with it, and what Pingora keeps is watched. `None` in
    /// the HTTP/1.1 lane, which does both by itself.
    pub(super) rests_on: Option<RestsOn>,
}

/// What an exchange rests on: who is asked whether its permit still holds.
pub(super) type RestsOn = (Arc<Gateway>, Arc<PermitValidity>);

/// Watches one exchange on a connection.
#[derive(Debug)]
pub(super) struct Tracker {
    connection: Option<Arc<Cleanness>>,
    reused: bool,
    /// Bytes of the request's body that the head promises; `None` if its end is marked.
    promised: Option<u64>,
    sent: u64,
    request_ended: bool,
}

impl Cleanness {
    /// Returns the state of the connection that an attempt uses.
    fn of(digest: Option<&Digest>) -> Option<Arc<Self>> {
        let data = digest?.proxy_digest.as_ref()?.user_data.as_ref()?;
        data.downcast_ref::<Arc<Self>>().cloned()
    }

    /// Ends the connection where its first exchange may not begin any more: a TLS handshake can hang for as long as an upstream likes.
    fn end_with(self: &Arc<Self>, rests_on: RestsOn) {
        let (unbegun, begun) = oneshot::channel();
        *self.unbegun.lock() = Some(unbegun);
        let connection = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::select! {
                // It has begun, or there is no connection any more.
                _ = begun => {}
                () = revoked(Some(&rests_on)) => {
                    let connection = connection.upgrade();
                    if let Some(socket) = connection.and_then(|connection| connection.socket.lock().take()) {
                        // Gone already is as good.
                        let _ = socket.shutdown(Shutdown::Both);
                    }
                }
            }
        });
    }

    /// Stops all reads from the connection, so Pingora closes it instead of keeping it.
    fn condemn(&self) {
        self.state.store(USED, Ordering::Release);
        if let Some(socket) = self.socket.lock().take() {
            // Gone already is as good.
            let _ = socket.shutdown(Shutdown::Read);
        }
    }
}

impl Tracker {
    /// Begins to watch an attempt.
    pub(super) fn new(digest: Option<&Digest>, reused: bool) -> Self {
        Self {
            connection: Cleanness::of(digest),
            reused,
            promised: None,
            sent: 0,
            request_ended: false,
        }
    }

    /// Frees what HTTP/2 does not need.
    pub(super) fn is_http2(&self) {
        if let Some(connection) = &self.connection {
            connection.socket.lock().take();
            connection.unbegun.lock().take();
        }
    }

    /// Takes the connection for a request that is about to be sent.
    ///
    /// # Errors
    /// When the exchange before has not ended cleanly; nothing was sent.
    pub(super) fn begin(&mut self, framing: Framing) -> Result<()> {
        self.promised = match framing {
            Framing::Replayed(length) => Some(length as u64),
            Framing::Streamed(length) => length,
        };
        let before = self.connection.as_ref().map(|connection| {
            connection.unbegun.lock().take();
            connection.state.swap(USED, Ordering::AcqRel)
        });
        match (before, self.reused) {
            (Some(CLEAN), true) | (Some(FRESH), false) => Ok(()),
            _ => Error::e_explain(ErrorType::Custom(NOT_CLEAN), "not taken"),
        }
    }

    /// Notes the bytes of the request's body that are passed on.
    pub(super) fn note_sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// Notes that the request has passed to its last byte.
    pub(super) fn note_request_end(&mut self) {
        self.request_ended = true;
    }

    /// Notes that the answer has ended. Where the request has not, what would still be sent belongs to no exchange for an upstream
    /// that takes its answer for the end, so the connection is closed.
    pub(super) fn note_answered(&self) {
        let Some(connection) = &self.connection else {
            return;
        };
        let whole = match self.promised {
            Some(promised) => self.sent == promised,
            None => self.request_ended,
        };
        if whole {
            connection.state.store(CLEAN, Ordering::Release);
        } else {
            connection.condemn();
        }
    }

    /// Closes the connection once the exchange is over.
    pub(super) fn condemn(&self) {
        if let Some(connection) = &self.connection {
            connection.condemn();
        }
    }
}

#[async_trait]
impl L4Connect for Connects {
    async fn connect(&self, address: &PeerAddr) -> Result<Stream> {
        let Some(address) = address.as_inet().copied() else {
            return Error::e_explain(ErrorType::InternalError, "a peer is not an address");
        };
        let dialled = tokio::select! {
            biased;
            dialled = timeout(self.connect_timeout, self.dial(address)) => dialled,
            () = revoked(self.rests_on.as_ref()) => {
                return Error::e_explain(ErrorType::ConnectError, "the permit was revoked");
            }
        };
        let socket = match dialled {
            Ok(socket) => socket?,
            Err(_) => return Error::e_explain(ErrorType::ConnectTimedout, "took too long"),
        };
        let Some(rests_on) = &self.rests_on else {
            return Ok(Stream::from(socket));
        };
        let cleanness = Arc::new(Cleanness {
            state: AtomicU8::new(FRESH),
            socket: Mutex::new(Some(second_handle(&socket)?)),
            unbegun: Mutex::default(),
        });
        cleanness.end_with(rests_on.clone());
        let known = Box::new(cleanness);
        let unused = Box::new(ResponseHeader::build(StatusCode::OK, Some(0))?);
        let mut stream = Stream::from(socket);
        stream.set_proxy_digest(ProxyDigest::new(unused, Some(known)));
        Ok(stream)
    }
}

impl Connects {
    async fn dial(&self, address: SocketAddr) -> Result<TcpStream> {
        let Some(chain) = &self.chain else {
            return connect(&address, None).await;
        };
        match dial(chain, address).await {
            Some(socket) => Ok(socket),
            None => Error::e_explain(ErrorType::ConnectProxyFailure, "the proxy does not connect"),
        }
    }
}

fn second_handle(socket: &TcpStream) -> Result<StdStream> {
    match socket.as_fd().try_clone_to_owned() {
        Ok(handle) => Ok(StdStream::from(handle)),
        Err(error) => Error::e_because(ErrorType::InternalError, "a second handle", error),
    }
}

/// Returns once the permit that a connection is opened for is revoked.
async fn revoked(rests_on: Option<&RestsOn>) {
    match rests_on {
        Some((gateway, validity)) => {
            validity.barred(gateway).await;
        }
        None => std::future::pending().await,
    }
}
