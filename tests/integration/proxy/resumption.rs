//! TLS sessions of agents: a second tunnel to a host resumes the first one's, and nobody else can.

use std::sync::Arc;

use http::Method;
use rustls::client::Resumption;
use rustls::{ClientConfig, HandshakeKind};
use rustls_pki_types::ServerName;
use serde_json::{Value as Json, json};
use tokio_rustls::TlsConnector;

use super::rig::{self, HOST, PLAIN};
use crate::support::agent::{Agent, exchange};
use crate::support::gateway::Gateway;
use crate::support::upstream::Upstream;

/// Returns what an agent connects with that keeps its sessions.
fn keeping(agent: &Agent, version: &'static rustls::SupportedProtocolVersion) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(agent.roots())
        .with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(16);
    Arc::new(config)
}

/// Opens a tunnel, asks once, and returns how its TLS has begun.
async fn begin(agent: &Agent, host: &str, config: &Arc<ClientConfig>) -> HandshakeKind {
    let socket = agent.tunnel(&format!("{host}:443")).await;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let tls = TlsConnector::from(Arc::clone(config));
    let mut tunnel = tls.connect(name, socket).await.unwrap();
    // Tickets come with the answer.
    let request = format!("GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n");
    exchange(&mut tunnel, &request).await;
    tunnel.get_ref().1.handshake_kind().unwrap()
}

async fn gateway() -> (Upstream, Gateway) {
    let upstream = Upstream::start(&[HOST, PLAIN]).await;
    let gateway = rig::describe()
        .upstream(&format!("{HOST}:443"), &upstream)
        .upstream(&format!("{PLAIN}:443"), &upstream)
        .agent("other", "tga_other_0123456789abcdef01234567", "{}")
        .start()
        .await;
    (upstream, gateway)
}

#[tokio::test]
async fn an_agents_second_tunnel_resumes_the_session_of_the_first() {
    let (_upstream, gateway) = gateway().await;
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = keeping(&gateway.agent, version);
        let mut kinds = Vec::new();
        for _ in 0..3 {
            kinds.push(begin(&gateway.agent, HOST, &config).await);
        }
        let expected = [
            HandshakeKind::Full,
            HandshakeKind::Resumed,
            HandshakeKind::Resumed,
        ];
        assert_eq!(kinds, expected, "{:?}", version.version);
    }
}

#[tokio::test]
async fn no_agent_resumes_the_session_of_another() {
    let (_upstream, gateway) = gateway().await;
    let other = gateway.other("other", "tga_other_0123456789abcdef01234567");
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        // As if the other agent had found the ticket.
        let config = keeping(&gateway.agent, version);
        assert_eq!(
            begin(&gateway.agent, HOST, &config).await,
            HandshakeKind::Full
        );
        assert_eq!(begin(&other, HOST, &config).await, HandshakeKind::Full);
        // Its own is good for itself.
        assert_eq!(begin(&other, HOST, &config).await, HandshakeKind::Resumed);
    }
}

/// Adds an agent, or adds it again, and returns it with the token that it got.
async fn add(gateway: &Gateway, name: &str) -> Agent {
    let new = json!({ "name": name });
    let (_, added) = gateway.admin(Method::POST, "/api/v1/agents", &new).await;
    gateway.other(name, added["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_name_that_comes_back_resumes_no_session_of_who_had_it_before() {
    let (_upstream, gateway) = gateway().await;
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let first = add(&gateway, "build").await;
        let config = keeping(&first, version);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            kinds.push(begin(&first, HOST, &config).await);
        }
        let path = "/api/v1/agents/build";
        let (status, removed) = gateway.admin(Method::DELETE, path, &Json::Null).await;
        assert!(status < 300, "{removed}");
        let second = add(&gateway, "build").await;
        kinds.push(begin(&second, HOST, &config).await);
        let (status, _) = gateway.admin(Method::DELETE, path, &Json::Null).await;
        assert!(status < 300);
        let expected = [
            HandshakeKind::Full,
            HandshakeKind::Resumed,
            HandshakeKind::Full,
        ];
        assert_eq!(kinds, expected, "{:?}", version.version);
    }
}

#[tokio::test]
async fn who_shows_no_token_resumes_nothing() {
    let (_upstream, gateway) = gateway().await;
    // Any client reaches the gateway's own host only.
    let stranger = gateway.other("ci", "tga_nobodys_0123456789abcdef0123456789");
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = keeping(&stranger, version);
        for _ in 0..2 {
            let kind = begin(&stranger, "tollgate.internal", &config).await;
            assert_eq!(kind, HandshakeKind::Full, "{:?}", version.version);
        }
    }
}

#[tokio::test]
async fn no_session_is_resumed_for_another_host() {
    let (_upstream, gateway) = gateway().await;
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = keeping(&gateway.agent, version);
        assert_eq!(
            begin(&gateway.agent, HOST, &config).await,
            HandshakeKind::Full
        );
        // The ticket is kept under the name of the host that it is shown to.
        let shown = begin_as(&gateway.agent, PLAIN, &config).await;
        assert_eq!(shown, HandshakeKind::Full);
    }
}

#[tokio::test]
async fn an_agent_that_offers_only_an_old_version_is_served() {
    let (_upstream, gateway) = gateway().await;
    // As `curl --http1.0` does.
    let mut config = ClientConfig::clone(&keeping(&gateway.agent, &rustls::version::TLS13));
    config.alpn_protocols = vec![b"http/1.0".to_vec()];
    let socket = gateway.agent.tunnel(&format!("{HOST}:443")).await;
    let name = ServerName::try_from(HOST).unwrap();
    let tls = TlsConnector::from(Arc::new(config));
    let mut tunnel = tls.connect(name, socket).await.unwrap();
    let request = format!("GET /a HTTP/1.0\r\nHost: {HOST}\r\n\r\n");
    assert_eq!(exchange(&mut tunnel, &request).await.status, 200);
}

/// Opens a tunnel to another host, and shows it the ticket that is kept for `HOST`. The certificate is for the other host, so it is
/// resumed or it fails.
async fn begin_as(agent: &Agent, host: &str, config: &Arc<ClientConfig>) -> HandshakeKind {
    let socket = agent.tunnel(&format!("{host}:443")).await;
    let name = ServerName::try_from(HOST.to_owned()).unwrap();
    let tls = TlsConnector::from(Arc::clone(config));
    match tls.connect(name, socket).await {
        Ok(tunnel) => tunnel.get_ref().1.handshake_kind().unwrap(),
        // A whole handshake, whose certificate names the host of the tunnel.
        Err(_) => HandshakeKind::Full,
    }
}
