//! Finds a connection to a peer: one that was kept, or a new one. Verification, pinning and pool keys are Pingora's.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::v2::Connector;
use pingora::protocols::Stream;
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::http::v2::client::Http2Session;
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::{HttpPeer, Peer as _};
use pingora::{Error, ErrorType, Result};
use tokio::io::{AsyncReadExt as _, ReadHalf, WriteHalf};

use super::source::HEAD_READ;

/// The upstream connections of all agents that speak HTTP/1.1.
pub(in crate::proxy) struct Upstreams(Connector);

/// A connection that carries one exchange.
pub(super) enum Link {
    Http1(Box<Kept>),
    Http2(Box<Http2Session>, Box<HttpPeer>),
}

/// A connection of HTTP/1.1 between two exchanges, or within one.
pub(super) struct Kept {
    pub(super) reader: ReadHalf<Stream>,
    pub(super) writer: WriteHalf<Stream>,
    /// Read, and not taken yet; nothing between two exchanges.
    pub(super) input: BytesMut,
    pub(super) key: Key,
    peer: Box<HttpPeer>,
}

/// What connections are grouped by, the address, and whether TLS is spoken.
pub(super) type Key = (u64, SocketAddr, bool);

impl Upstreams {
    pub(in crate::proxy) fn new(conf: &ServerConf) -> Self {
        let options = ConnectorOptions::from_server_conf(conf);
        Self(Connector::new(Some(options)))
    }

    /// Returns a connection, and whether it has carried an exchange before. One of HTTP/1.1 has not, where `fresh` says so.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn connect(
        &self,
        peer: Box<HttpPeer>,
        key: Key,
        fresh: bool,
    ) -> Result<(Link, bool)> {
        let transport = self.0.transport();
        let (oldest, newest) = {
            let alpn = &peer.options.alpn;
            (alpn.get_min_http_version(), alpn.get_max_http_version())
        };
        if newest == 2
            && let Some(session) = self.0.reused_http_session(&*peer).await?
        {
            return Ok((Link::Http2(Box::new(session), peer), true));
        }
        if oldest == 1
            && !fresh
            && let Some(stream) = transport.reused_stream(&*peer).await
        {
            return Ok((Link::of(stream, key, peer), true));
        }
        if newest == 1 {
            let stream = transport.new_stream(&*peer).await?;
            return Ok((Link::of(stream, key, peer), false));
        }
        match self.0.new_http_session::<_, ()>(&*peer).await? {
            HttpSession::H1(session) => Ok((Link::of(session.into_inner(), key, peer), false)),
            HttpSession::H2(session) => Ok((Link::Http2(Box::new(session), peer), false)),
            HttpSession::Custom(()) => Error::e_explain(
                ErrorType::InternalError,
                "a protocol that was not asked for",
            ),
        }
    }

    /// Asks an upstream for HTTP/1.1 from now on, which has said that it wants that, or whose HTTP/2 cannot be read.
    pub(super) fn note_failed(&self, peer: &HttpPeer, error: &Error) {
        let wants = matches!(error.etype(), ErrorType::H2Downgrade | ErrorType::InvalidH2);
        if wants && peer.options.alpn.get_min_http_version() == 1 {
            self.0.prefer_h1(peer);
        }
    }

    /// Keeps a connection for the next request with the same key.
    pub(super) fn keep(&self, kept: Kept, idle: Duration) {
        let hash = kept.peer.reuse_hash();
        let stream = kept.reader.unsplit(kept.writer);
        self.0.transport().release_stream(stream, hash, Some(idle));
    }

    /// Ends a stream of HTTP/2 whose exchange has ended.
    pub(super) fn keep_http2(&self, session: Http2Session, peer: &HttpPeer, idle: Duration) {
        self.0.release_http_session(session, peer, Some(idle));
    }
}

impl Link {
    fn of(stream: Stream, key: Key, peer: Box<HttpPeer>) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self::Http1(Box::new(Kept {
            reader,
            writer,
            input: BytesMut::new(),
            key,
            peer,
        }))
    }
}

impl Kept {
    /// Gives memory back that only a large answer needs.
    pub(super) fn shrink(&mut self) {
        if self.input.capacity() > HEAD_READ {
            self.input = BytesMut::new();
        }
    }

    /// Returns whether nothing has come since the last exchange, as far as the system has told.
    pub(super) async fn is_quiet(&mut self) -> bool {
        tokio::select! {
            biased;
            () = self.ended() => false,
            () = std::future::ready(()) => true,
        }
    }

    /// Waits until the upstream closes, or sends what belongs to no exchange. Safe to drop.
    pub(super) async fn ended(&mut self) {
        let mut byte = [0];
        // Whatever comes belongs to no exchange.
        let _ = self.reader.read(&mut byte).await;
    }
}
