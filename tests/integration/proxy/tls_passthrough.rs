//! `tls: passthrough`: a tunnel is one action, judged before its CONNECT is answered; what passes inside is the two sides' own.

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;

use super::{chain, rig};
use crate::support::agent::{Agent, Raw, exchange, is_closed, read_answer};
use crate::support::certificate::{Issued, Validity};
use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::{Speaks, Upstream};
use crate::support::wire::{Connection, Wire};

const HOST: &str = "app.pinned.test";
const AUTHORITY: &str = "app.pinned.test:443";

const CONNECTOR: &str = "
connector: pins
name: Pinned
version: 1
domains: [api.test, { host: '*.pinned.test', tls: passthrough }]
auth: [{ id: token, fields: [token], bearer: '{token}' }]
routes: [{ action: item.get, match: 'GET /items/{item}' }]
";

/// No preset opens a tunnel.
const FULL: &str = "permissions: [{ agents: [ci], connector: pins, access: full }]";

const NAMED: &str = "
permissions:
  - { agents: [ci], connector: pins, access: full }
  - { agents: [ci], allow: [pins.tunnel.open] }
";

/// Has nothing to do with tunnels.
const OTHER: &str = "policies: [{ id: other, actions: [pins.item.get], decision: deny }]";
const DENYING: &str = "policies: [{ id: closed, actions: [pins.tunnel.open], decision: deny }]";
const ASKING: &str =
    "policies: [{ id: ask, actions: [pins.tunnel.open], decision: require_approval }]";

/// Describes a gateway that holds a credential of the connector's, and trusts no certificate of the host's.
fn describe(upstream: std::net::SocketAddr) -> Builder {
    Builder::new()
        .connector("pins", CONNECTOR)
        .policy("pins", NAMED)
        .credential("pins", "api.test", ("token", "injected"))
        .resolve(AUTHORITY, &[upstream])
}

/// Returns the agent as one that trusts the upstream's authority alone.
fn pinning(gateway: &Gateway, ca_pem: &str) -> Agent {
    Agent {
        ca_pem: ca_pem.to_owned(),
        ..gateway.agent.clone()
    }
}

/// Sends a CONNECT and returns what answers it.
async fn ask(agent: &Agent) -> Raw {
    let mut socket = agent.connect().await;
    let head = format!(
        "CONNECT {AUTHORITY} HTTP/1.1\r\nHost: {AUTHORITY}\r\n{}\r\n",
        agent.authorization()
    );
    exchange(&mut socket, &head).await
}

/// Opens a tunnel in which both sides have spoken.
async fn open(gateway: &Gateway, upstream: &Wire) -> (TlsStream<TcpStream>, Connection) {
    let mut tls = pinning(gateway, &upstream.ca_pem)
        .tls_tunnel(AUTHORITY, HOST)
        .await;
    let mut served = upstream.accept().await;
    tls.write_all(b"ping\r\n\r\n").await.unwrap();
    assert_eq!(served.head().await, "ping\r\n\r\n");
    served.write("pong").await;
    let mut pong = [0; 4];
    tls.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"pong");
    (tls, served)
}

#[tokio::test]
async fn carries_what_nobody_reads_and_the_certificate_is_the_upstreams() {
    let issued = Issued::new(&[HOST], Validity::Now);
    let upstream = Upstream::with(&issued, Speaks::Both).await;
    let gateway = describe(upstream.address).start().await;
    let agent = pinning(&gateway, &upstream.ca_pem);
    // No request that is read could have this target, or this header.
    let url = format!("https://{HOST}/a/..%2f?secret=1");
    for client in [agent.http1(), agent.http2()] {
        let request = client.get(&url).header("authorization", "Bearer own");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers().get("tollgate-request-id"), None);
        assert_eq!(answer.text().await.unwrap(), "ok");
    }
    let tls = agent.tls_tunnel(AUTHORITY, HOST).await;
    let shown = tls.get_ref().1.peer_certificates().unwrap();
    let leaf = CertificateDer::from_pem_slice(issued.leaf_pem.as_bytes()).unwrap();
    assert_eq!(shown[0], leaf);
    drop(tls);
    for received in upstream.received() {
        assert_eq!(received.path, "/a/..%2f");
        assert_eq!(received.header("authorization"), Some("Bearer own"));
        assert_eq!(received.header("via"), None);
    }
    for decided in gateway.decided(3).await {
        assert_eq!(decided["decision"], "allow");
        assert_eq!(decided["connector"], "pins");
        assert_eq!(decided["method"], "CONNECT");
        assert_eq!(decided["actions"][0]["name"], "pins.tunnel.open");
        assert_eq!(decided["actions"][0]["params"]["host"], AUTHORITY);
        assert_eq!(decided.get("credential"), None);
        assert!(!decided.to_string().contains("secret=1"));
    }
    for finished in gateway.finished(3).await {
        assert_eq!(rig::outcome(&finished), "answered 200");
        assert!(finished["request_bytes"].as_u64().unwrap() > 100);
        assert!(finished["response_bytes"].as_u64().unwrap() > 500);
    }
}

#[tokio::test]
async fn carries_on_in_one_direction_when_the_other_has_ended() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = describe(upstream.address).start().await;
    let (mut tls, mut served) = open(&gateway, &upstream).await;
    // More than all buffers on the way hold.
    let many = vec![7; 8 << 20];
    let agent = async {
        tls.write_all(&many).await.unwrap();
        tls.shutdown().await.unwrap();
        let mut read = Vec::new();
        tls.read_to_end(&mut read).await.unwrap();
        read
    };
    let upstream = async {
        let read = served.rest().await;
        served.write(&many).await;
        served.stream.shutdown().await.unwrap();
        read
    };
    let (from_upstream, from_agent) = tokio::join!(agent, upstream);
    assert!(from_upstream == many && from_agent == many);
    let finished = &gateway.finished(1).await[0];
    assert_eq!(rig::outcome(finished), "answered 200");
    assert!(finished["request_bytes"].as_u64().unwrap() > 8 << 20);
}

#[tokio::test]
async fn is_refused_on_the_connect_and_no_packet_leaves() {
    let upstream = Upstream::start(&[HOST]).await;
    for (policy, more, code, decision) in [
        (FULL, OTHER, "denied", "deny"),
        (NAMED, DENYING, "denied", "deny"),
        (NAMED, ASKING, "approval_required", "require_approval"),
    ] {
        let gateway = describe(upstream.address)
            .policy("pins", policy)
            .policy("more", more)
            .start()
            .await;
        let answer = ask(&gateway.agent).await;
        assert_eq!(answer.status, 403, "{policy}");
        assert_eq!(answer.header("tollgate-code"), Some(code));
        assert_eq!(answer.header("tollgate-decision"), Some(decision));
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(answer.json()["code"], code);
        assert_eq!(answer.json()["action"], "pins.tunnel.open");
        let decided = &gateway.decided(1).await[0];
        assert_eq!(decided["code"], code);
        assert_eq!(
            decided["request_id"].as_str(),
            answer.header("tollgate-request-id")
        );
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn ends_with_a_halt_and_stays_closed() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = describe(upstream.address).start().await;
    let (mut tls, mut served) = open(&gateway, &upstream).await;
    let path = "/api/v1/kill-switch/connector/pins";
    let nothing = serde_json::Value::Null;
    assert_eq!(
        gateway.admin(http::Method::PUT, path, &nothing).await.0,
        200
    );
    // Neither side says anything more.
    assert!(is_closed(&mut tls).await);
    assert!(served.rest().await.is_empty());
    let finished = &gateway.finished(1).await[0];
    assert_eq!(rig::outcome(finished), "refused killed");
    let answer = ask(&gateway.agent).await;
    assert_eq!(
        (answer.status, answer.header("tollgate-code")),
        (403, Some("killed"))
    );
    assert!(upstream.accepted().await.is_none());
}

#[tokio::test]
async fn ends_when_a_reload_denies_it_or_reads_what_was_passed_through() {
    // The action stays, for another host.
    let ended = CONNECTOR.replace(
        "'*.pinned.test', tls: passthrough",
        "'*.pinned.test' }, { host: pinned.other.test, tls: passthrough",
    );
    for (file, text, code) in [
        ("policies.d/more.yaml", DENYING, "denied"),
        ("policies.d/more.yaml", ASKING, "approval_required"),
        ("connectors.d/pins.yaml", ended.as_str(), "no_connector"),
    ] {
        let upstream = Wire::tls(&[HOST]).await;
        let gateway = describe(upstream.address).start().await;
        let (mut tls, mut served) = open(&gateway, &upstream).await;
        gateway.write("policies.d/other.yaml", OTHER).await;
        tls.write_all(b"still open\r\n\r\n").await.unwrap();
        assert_eq!(served.head().await, "still open\r\n\r\n");
        gateway.write(file, text).await;
        assert!(is_closed(&mut tls).await);
        assert!(served.rest().await.is_empty());
        let finished = &gateway.finished(1).await[0];
        assert_eq!(rig::outcome(finished), format!("refused {code}"));
    }
}

#[tokio::test]
async fn sends_nothing_on_before_the_agent_asks_for_the_host_in_tls() {
    let upstream = Wire::plain().await;
    let gateway = describe(upstream.address).start().await;
    // An address is not named in TLS.
    for other in ["other.pinned.test", "127.0.0.1"] {
        let tunnel = gateway.agent.tunnel(AUTHORITY).await;
        let mut served = upstream.accept().await;
        let error = gateway.agent.handshake(tunnel, other).await.unwrap_err();
        assert!(error.to_string().contains("UnrecognisedName"), "{error}");
        assert!(served.rest().await.is_empty());
    }
    for plain in [
        "GET / HTTP/1.1\r\nHost: app.pinned.test\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n",
    ] {
        let mut tunnel = gateway.agent.tunnel(AUTHORITY).await;
        let mut served = upstream.accept().await;
        tunnel.write_all(plain.as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut tunnel).await.json()["code"], "bad_request");
        assert!(served.rest().await.is_empty());
    }
    let finished = gateway.finished(4).await;
    let outcomes: Vec<String> = finished.iter().map(rig::outcome).collect();
    assert_eq!(outcomes[..2], ["refused names_disagree"; 2]);
    assert_eq!(outcomes[2..], ["refused bad_request"; 2]);
    assert!(
        finished
            .iter()
            .all(|finished| finished["request_bytes"] == 0)
    );
}

#[tokio::test]
async fn takes_a_first_message_that_comes_bit_by_bit() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(upstream.address).start().await;
    let agent = pinning(&gateway, &upstream.ca_pem);
    let mut tunnel = agent.tunnel(AUTHORITY).await;
    tunnel.set_nodelay(true).unwrap();
    let (near, mut far) = tokio::io::duplex(7);
    let carry = async { tokio::io::copy_bidirectional(&mut far, &mut tunnel).await };
    let shake = agent.handshake(near, HOST);
    tokio::select! {
        shaken = shake => { shaken.unwrap(); }
        _ = carry => panic!("the tunnel ended first"),
    }
}

#[tokio::test]
async fn ends_when_nothing_passes() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = describe(upstream.address)
        .settings("limits:\n  idle: 300ms")
        .start()
        .await;
    let (mut tls, mut served) = open(&gateway, &upstream).await;
    assert!(is_closed(&mut tls).await);
    assert!(served.rest().await.is_empty());
    let finished = &gateway.finished(1).await[0];
    assert_eq!(rig::outcome(finished), "answered 200");
}

#[tokio::test]
async fn is_cut_at_the_deadline_of_a_stop() {
    let upstream = Wire::tls(&[HOST]).await;
    let mut gateway = describe(upstream.address).start().await;
    let (mut tls, _served) = open(&gateway, &upstream).await;
    assert_eq!(gateway.stop(Duration::from_millis(100)).await.unwrap(), 1);
    assert!(is_closed(&mut tls).await);
    let finished = &gateway.finished(1).await[0];
    assert_eq!(rig::outcome(finished), "answered 200");
    assert!(finished["response_bytes"].as_u64().unwrap() > 500);
}

#[tokio::test]
async fn counts_as_a_connection_of_its_agent() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = describe(upstream.address)
        .settings("limits:\n  tunnels_per_agent: 1")
        .start()
        .await;
    let _open = open(&gateway, &upstream).await;
    let answer = ask(&gateway.agent).await;
    assert_eq!(
        (answer.status, answer.header("tollgate-code")),
        (429, Some("busy"))
    );
}

#[tokio::test]
async fn tells_on_the_connect_that_the_upstream_is_not_there() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let gateway = describe(address).start().await;
    let answer = ask(&gateway.agent).await;
    assert_eq!(
        (answer.status, answer.header("tollgate-code")),
        (502, Some("upstream_unreachable"))
    );
    let finished = &gateway.finished(1).await[0];
    assert_eq!(rig::outcome(finished), "upstream_failed connect");
}

#[tokio::test]
async fn goes_through_the_operators_proxy_too() {
    let upstream = Upstream::start(&[HOST]).await;
    let proxy = Wire::plain().await;
    let gateway = describe(upstream.address)
        .egress(&format!("proxy: 'http://{}'", proxy.address))
        .start()
        .await;
    let agent = pinning(&gateway, &upstream.ca_pem);
    let client = agent.http1();
    let (answer, (head, _carried)) = tokio::join!(
        client.get(format!("https://{HOST}/")).send(),
        chain::pass(&proxy, upstream.address)
    );
    assert_eq!(answer.unwrap().status(), 200);
    let address = upstream.address;
    assert_eq!(
        head,
        format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n")
    );
}
