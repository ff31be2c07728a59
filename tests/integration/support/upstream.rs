//! An upstream: a real TLS server on port 0 that keeps what it received and answers as told.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

use super::certificate::{Issued, Validity};
pub(crate) use super::reply::Reply;

/// What the upstream saw of one request.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the body has come to its end.
    pub(crate) whole: bool,
    pub(crate) version: Version,
    /// Of the request's `Host` or `:authority`.
    pub(crate) host: String,
    /// Counts accepted connections from 0.
    pub(crate) connection: usize,
}

impl Received {
    /// Returns a header that is there once, or `None`.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        assert!(values.next().is_none(), "`{name}` came twice");
        Some(value.to_str().unwrap())
    }
}

/// Which HTTP it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    Http2,
    Both,
}

impl Speaks {
    fn alpn(self) -> &'static [&'static [u8]] {
        match self {
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2"],
            Self::Both => &[b"h2", b"http/1.1"],
        }
    }
}

/// How it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    Tls(Speaks),
    Plain,
}

/// The server. It ends when dropped.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    /// The authority that signed its certificate.
    pub(crate) ca_pem: String,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

struct State {
    received: Mutex<Vec<Received>>,
    arrived: watch::Sender<usize>,
    replies: Mutex<HashMap<String, Vec<Reply>>>,
    connections: AtomicUsize,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    /// Starts a TLS server for these names with HTTP/1.1 and HTTP/2.
    pub(crate) async fn start(names: &[&str]) -> Self {
        Self::speaking(names, Speaks::Both).await
    }

    pub(crate) async fn speaking(names: &[&str], speaks: Speaks) -> Self {
        Self::with(&Issued::new(names, Validity::Now), speaks).await
    }

    /// Starts a TLS server with a certificate of the test's own.
    pub(crate) async fn with(issued: &Issued, speaks: Speaks) -> Self {
        let tls = Some(TlsAcceptor::from(Arc::new(issued.server(speaks.alpn()))));
        let ca_pem = issued.ca_pem.clone();
        Self::run("127.0.0.1:0", (tls, ca_pem), Reached::Tls(speaks)).await
    }

    /// Starts a server without TLS.
    pub(crate) async fn plain() -> Self {
        Self::run("127.0.0.1:0", (None, String::new()), Reached::Plain).await
    }

    /// Starts a TLS server for these names that is reached over IPv6 only.
    pub(crate) async fn over_ipv6(names: &[&str]) -> Self {
        let issued = Issued::new(names, Validity::Now);
        let tls = TlsAcceptor::from(Arc::new(issued.server(Speaks::Both.alpn())));
        let reached = Reached::Tls(Speaks::Both);
        Self::run("[::1]:0", (Some(tls), issued.ca_pem), reached).await
    }

    /// Sets what the next request for a path gets; several queue up. Without one it gets `200 ok`.
    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        self.state
            .replies
            .lock()
            .entry(path.to_owned())
            .or_default()
            .push(reply);
    }

    /// Returns everything received so far, bodies read whole.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.lock().clone()
    }

    /// Returns the only request.
    pub(crate) fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "{received:#?}");
        received.into_iter().next().unwrap()
    }

    /// Waits until so many requests have arrived with their bodies.
    pub(crate) async fn wait_for(&self, count: usize) {
        self.state
            .arrived
            .subscribe()
            .wait_for(|arrived| *arrived >= count)
            .await
            .unwrap();
    }

    /// Returns how many connections were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    async fn run(
        place: &str,
        (tls, ca_pem): (Option<TlsAcceptor>, String),
        reached: Reached,
    ) -> Self {
        let listener = TcpListener::bind(place).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            received: Mutex::default(),
            arrived: watch::Sender::new(0),
            replies: Mutex::default(),
            connections: AtomicUsize::new(0),
        });
        let task = tokio::spawn(accept(listener, tls, reached, Arc::clone(&state)));
        Self {
            address,
            ca_pem,
            state,
            task,
        }
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    reached: Reached,
    state: Arc<State>,
) {
    while let Ok((socket, _)) = listener.accept().await {
        let connection = state.connections.fetch_add(1, Ordering::SeqCst);
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            socket.set_nodelay(true).unwrap();
            match tls {
                None => serve(socket, reached, connection, state).await,
                // A failed handshake is the gateway's to report.
                Some(tls) => {
                    if let Ok(socket) = tls.accept(socket).await {
                        serve(socket, reached, connection, state).await;
                    }
                }
            }
        });
    }
}

async fn serve<S>(socket: S, reached: Reached, connection: usize, state: Arc<State>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let builder = auto::Builder::new(TokioExecutor::new());
    let builder = match reached {
        Reached::Tls(Speaks::Http2) => builder.http2_only(),
        Reached::Tls(Speaks::Http1) | Reached::Plain => builder.http1_only(),
        Reached::Tls(Speaks::Both) => builder,
    };
    let (cut, mut cuts) = mpsc::channel::<()>(1);
    let service = service_fn(move |request| {
        let (state, cut) = (Arc::clone(&state), cut.clone());
        async move { Ok::<_, Infallible>(answer(request, connection, &state, &cut).await) }
    });
    tokio::select! {
        // Whatever goes wrong on the wire shows in the test.
        _ = builder.serve_connection_with_upgrades(TokioIo::new(socket), service) => {}
        Some(()) = cuts.recv() => {}
    }
}

async fn answer(
    request: Request<Incoming>,
    connection: usize,
    state: &State,
    cut: &mpsc::Sender<()>,
) -> Response<BoxBody<Bytes, Infallible>> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let host = parts.uri.authority().map(ToString::to_string).or_else(|| {
        parts
            .headers
            .get("host")
            .map(|host| host.to_str().unwrap().to_owned())
    });
    let mut reply = {
        let mut replies = state.replies.lock();
        let queue = replies.get_mut(&path).filter(|queue| !queue.is_empty());
        queue.map_or_else(|| Reply::new(200, "ok"), |queue| queue.remove(0))
    };
    let body = reply.take(body).await;
    state.received.lock().push(Received {
        method: parts.method,
        path,
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers,
        whole: body.is_some(),
        body: body.unwrap_or_default(),
        version: parts.version,
        host: host.unwrap_or_default(),
        connection,
    });
    state.arrived.send_modify(|arrived| *arrived += 1);
    reply.send(cut).await
}
