//! Bare Pingora: CONNECT, a leaf, `HttpProxy`, TLS to the upstream, one static header. What an interception costs that judges nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use http::header::AUTHORIZATION;
use pingora::apps::ServerApp as _;
use pingora::http::RequestHeader;
use pingora::listeners::tls::Acceptor;
use pingora::protocols::ALPN;
use pingora::protocols::l4::stream::Stream;
use pingora::proxy::{HttpProxy, ProxyHttp, Session, http_proxy};
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::certificates::Certificates;
use crate::process;
use crate::wire::{HOST, REAL};

struct Bare {
    upstream: SocketAddr,
}

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    fn init_downstream_modules(&self, _modules: &mut pingora::modules::http::HttpModules) {}

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        _context: &mut (),
    ) -> pingora::Result<Box<HttpPeer>> {
        let mut peer = HttpPeer::new(self.upstream, true, HOST.to_owned());
        peer.options.alpn = ALPN::H1;
        Ok(Box::new(peer))
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        request: &mut RequestHeader,
        _context: &mut (),
    ) -> pingora::Result<()> {
        request.insert_header(AUTHORIZATION, REAL)
    }
}

/// Serves as the upstream's file does, for an upstream on this port.
pub(crate) async fn serve(directory: &Path, upstream: u16) -> Result<()> {
    let certificates = Certificates::at(directory);
    let acceptor = Acceptor::from_server_config(certificates.server(&["http/1.1"])?);
    let conf = ServerConf {
        ca_file: Some(certificates.authority.to_string_lossy().into_owned()),
        upstream_keepalive_pool_size: 512,
        threads: std::thread::available_parallelism()?.get(),
        ..ServerConf::default()
    };
    let upstream = SocketAddr::from(([127, 0, 0, 1], upstream));
    let proxy = Arc::new(http_proxy(&Arc::new(conf), Bare { upstream }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    process::tell_port(listener.local_addr()?.port())?;
    let acceptor = Arc::new(acceptor);
    let (_alive, shutdown) = watch::channel(false);
    let mut orphaned = std::pin::pin!(process::orphaned());
    loop {
        let (socket, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = &mut orphaned => return Ok(()),
        };
        let (proxy, acceptor) = (Arc::clone(&proxy), Arc::clone(&acceptor));
        let shutdown = shutdown.clone();
        // A connection that breaks is the load's to report.
        tokio::spawn(async move { tunnel(socket, &acceptor, proxy, shutdown).await });
    }
}

async fn tunnel(
    mut socket: TcpStream,
    acceptor: &Acceptor,
    proxy: Arc<HttpProxy<Bare>>,
    shutdown: watch::Receiver<bool>,
) -> Result<()> {
    socket.set_nodelay(true)?;
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(
            socket.read_buf(&mut head).await? > 0,
            "the agent left before its CONNECT"
        );
    }
    socket
        .write_all(b"HTTP/1.1 200 Connection Established\r\n\r\n")
        .await?;
    let tls = acceptor
        .tls_handshake(Stream::from(socket))
        .await
        .context("TLS with the agent")?;
    proxy.process_new(Box::new(tls), &shutdown).await;
    Ok(())
}
