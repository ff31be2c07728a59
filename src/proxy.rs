//! Accepts agents' connections, sends permitted requests upstream, and returns answers and refusals.
//!
//! INVARIANT: only a request with a `Permit` reaches an upstream. Nothing but this folder knows Pingora.

mod answer;
mod authority;
mod body;
mod chunked;
mod connection;
mod dial;
mod drain;
mod edge;
mod end;
mod exchange;
mod failure;
mod framed;
mod head;
mod header_deadline;
mod http1;
mod http2;
mod http2_support;
mod idle_timeouts;
mod intercept;
mod internal;
mod io;
mod leaf;
mod listener;
mod masked_tasks;
mod outer;
mod peer;
mod pre_auth;
mod receive;
mod relay;
mod repeat;
mod respond;
mod response_buffer;
mod reuse;
mod roots;
mod services;
mod slot;
mod status;
mod streams;
mod tail;
mod turn_away;
mod upstream;
mod watch;
mod wrapper;

pub use authority::CertificateAuthority;
pub use drain::Drain;
pub use listener::Listener;
pub use outer::OuterTls;
pub use roots::{Certificates, merge_roots};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pingora::apps::HttpServerApp as _;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::model::clock::Clock;
use crate::pipeline::Gateway;
use crate::pipeline::record::{summarize_refusals, summarize_unauthenticated};
use edge::Edge;
use http2_support::Http2Support;
use intercept::Intercept;
use leaf::Leaves;
use pre_auth::PreAuthQueue;
use services::Services;

/// How long a stop waits for the first request of a connection that was accepted before.
const MOMENT: Duration = Duration::from_secs(1);

/// Reasons why the proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The operator's `ca`, or the one in the state directory.
    #[error("the certificate authority cannot be used: {0}")]
    Authority(String),
    /// Making or signing one.
    #[error("a certificate cannot be made")]
    Certificate(#[source] rcgen::Error),
    /// A certificate and its key do not fit together.
    #[error("a certificate cannot be served")]
    Tls(#[source] rustls::Error),
    /// The roots that verify upstreams.
    #[error("no usable root certificates: {0}")]
    Roots(String),
    /// A file cannot be read or written.
    #[error("cannot use the file `{}`", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// The certificate of the proxy port.
    #[error("`proxy.tls` cannot be used: {0}")]
    Outer(String),
    /// The address, and the system's error.
    #[error("cannot listen on `{0}`")]
    Listen(String, #[source] std::io::Error),
}

/// How long the proxy waits.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// The first head of a connection, a TLS handshake, and each silence within a request body.
    pub request_head: Duration,
    /// An upstream connection with its TLS.
    pub connect: Duration,
    /// Each silence of an upstream, the one before its answer included.
    pub first_byte: Duration,
    /// Unused connections, on both sides; a body that is read before it is judged, whole.
    pub idle: Duration,
}

impl Timeouts {
    /// Returns these, but for how long the upstream of a request may take, where its connector says so.
    fn awaiting(self, first_byte: Option<Duration>) -> Self {
        Self {
            first_byte: first_byte.unwrap_or(self.first_byte),
            ..self
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        let seconds = Duration::from_secs;
        Self {
            request_head: seconds(30),
            connect: seconds(10),
            first_byte: minutes(10),
            idle: minutes(10),
        }
    }
}

/// Dependencies of a proxy.
#[derive(Debug)]
pub struct ProxyDependencies {
    /// Judges requests and records them.
    pub gateway: Arc<Gateway>,
    /// Signs what agents see.
    pub authority: CertificateAuthority,
    /// PEM file of all roots that upstreams are verified by; see [`merge_roots`].
    pub roots: PathBuf,
    /// TLS that agents on other machines must use.
    pub outer_tls: Option<OuterTls>,
    /// See `limits` in `tollgate.yaml`.
    pub timeouts: Timeouts,
    /// Connections at once that have not shown a token.
    pub unauthenticated: usize,
    /// For certificates and request ids.
    pub clock: Clock,
}

/// A running proxy. It serves on the tokio runtime that [`Proxy::serve`] is called on.
#[derive(Debug)]
pub struct Proxy {
    edge: Arc<Edge>,
    authority: Arc<CertificateAuthority>,
}

impl Proxy {
    /// Builds a proxy; nothing is listened on yet.
    ///
    /// # Errors
    /// When the authority has run out or the roots file cannot be used.
    pub fn new(dependencies: ProxyDependencies) -> Result<Self, ProxyError> {
        dependencies.authority.check_validity(&dependencies.clock)?;
        check_roots(&dependencies.roots)?;
        let drain = Drain::new();
        let authority = Arc::new(dependencies.authority);
        let intercept = Intercept {
            gateway: Arc::clone(&dependencies.gateway),
            authority: Arc::clone(&authority),
            drain: Arc::clone(&drain),
            timeouts: dependencies.timeouts,
            clock: dependencies.clock.clone(),
            http2_support: Arc::new(Http2Support::default()),
        };
        let edge = Edge {
            services: Services::new(intercept, &dependencies.roots),
            gateway: dependencies.gateway,
            leaves: Leaves::new(Arc::clone(&authority), dependencies.clock.clone())?,
            drain,
            outer_tls: dependencies.outer_tls,
            unauthenticated: PreAuthQueue::new(dependencies.unauthenticated),
            timeouts: dependencies.timeouts,
            clock: dependencies.clock,
        };
        Ok(Self {
            edge: Arc::new(edge),
            authority,
        })
    }

    /// Serves a listener until the proxy has drained; await or spawn it.
    pub fn serve(&self, listener: Listener) -> impl Future<Output = ()> + Send + 'static {
        listener::serve(Arc::clone(&self.edge), listener)
    }

    /// Returns the counts of open exchanges, and whether a stop has begun.
    #[must_use]
    pub fn drain_state(&self) -> &Arc<Drain> {
        &self.edge.drain
    }

    /// Returns how many connections have not shown a token.
    #[must_use]
    pub fn unauthenticated(&self) -> usize {
        self.edge.unauthenticated.len()
    }

    /// Records the refusals of unauthenticated connections since the last call. Call it every minute and at the end.
    pub async fn summarize_unauthenticated(&self) {
        summarize_unauthenticated(&self.edge.gateway).await;
    }

    /// Waits a few seconds for tokens that are being minted. Call it before the store is closed: a refresh token that comes with one
    /// and is not sealed would be lost.
    pub async fn minting_ended(&self) {
        self.edge.gateway.minting_ended().await;
    }

    /// Notes the free bytes of the journal's disk; below a limit, refusals are only counted.
    pub fn note_free(&self, bytes: u64) {
        self.edge.gateway.dependencies().refusals.note_free(bytes);
    }

    /// Writes down what agents were refused too often to record each; to be called every second, and at the end.
    pub async fn summarize_refusals(&self) {
        summarize_refusals(&self.edge.gateway).await;
    }

    /// Returns the certificate that agents must trust, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        self.authority.certificate_pem()
    }

    /// Stops: takes on nothing new, closes idle connections, and waits for requests under way, at most for `deadline`.
    /// Returns how many were left.
    pub async fn drain(&self, deadline: Duration) -> usize {
        let begun = Instant::now();
        self.edge.drain.begin();
        // Waiting requests are told to retry, which the next gateway receives.
        self.edge.gateway.dependencies().approvals.close();
        self.edge.drain.settle(deadline.min(MOMENT)).await;
        // Wakes keep-alive connections that wait for a next request.
        self.edge.services.http.http_cleanup().await;
        let rest = deadline.saturating_sub(begun.elapsed());
        self.edge.drain.wait(rest).await
    }
}

/// Pingora panics on roots that it cannot read.
fn check_roots(file: &std::path::Path) -> Result<(), ProxyError> {
    let unusable = |reason: &str| ProxyError::Roots(format!("`{}`: {reason}", file.display()));
    if file.to_str().is_none() {
        return Err(unusable("its path is not UTF-8"));
    }
    let bytes = std::fs::read(file).map_err(|error| ProxyError::File(file.to_owned(), error))?;
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(&bytes) {
        let root = root.map_err(|_| unusable("not PEM"))?;
        store
            .add(root)
            .map_err(|_| unusable("has a certificate that cannot be read"))?;
    }
    if store.is_empty() {
        return Err(unusable("has no certificate"));
    }
    Ok(())
}

/// Returns a new `Tollgate-Request-Id`.
fn request_id(clock: &Clock) -> String {
    ulid::Ulid::from_datetime(clock.now()).to_string()
}
