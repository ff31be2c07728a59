//! Addresses that agents may not reach, end to end: in every spelling, behind every name, before any name is asked for.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use http::Method;
use tollgate::egress::{Lookup, LookupError};
use tollgate::pipeline::forward::forward;
use tollgate::pipeline::tls_passthrough;

use super::rig::{ALLOWING, Rig};
use crate::support::agent::{Raw, exchange, read_answer};
use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::Upstream;

/// Counts how often it is asked.
#[derive(Debug, Default)]
struct Counting(AtomicUsize);

#[async_trait]
impl Lookup for Counting {
    async fn addresses(&self, _: &str) -> Result<Vec<IpAddr>, LookupError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(vec!["192.0.2.1".parse().unwrap()])
    }
}

#[tokio::test]
async fn no_name_is_looked_up_before_a_permit() {
    let lookup = Arc::new(Counting::default());
    let denying =
        format!("{ALLOWING}\npolicies: [{{ id: p, actions: [api.item.delete], decision: deny }}]");
    let rig = Rig::asking(&denying, Arc::clone(&lookup) as Arc<dyn Lookup>).await;
    for (method, path) in [
        (Method::DELETE, "/items/1"),
        (Method::GET, "/nowhere"),
        (Method::GET, "/items/..%2f1"),
    ] {
        assert!(rig.ask(method, path).await.is_err(), "{path}");
    }
    assert!(
        rig.send("nobody", Method::GET, "/items/1", "")
            .await
            .is_err()
    );
    assert_eq!(lookup.0.load(Ordering::SeqCst), 0, "asked before a permit");
    let (permit, ticket) = rig.ask(Method::GET, "/items/1").await.unwrap();
    assert_eq!(lookup.0.load(Ordering::SeqCst), 0, "asked by judging");
    // The answer is a documentation address, so the permit leads nowhere; but it was asked for, once.
    let refusal = forward(&rig.gateway, &permit).await.unwrap_err();
    assert_eq!(refusal.code().as_str(), "forbidden_address");
    assert_eq!(lookup.0.load(Ordering::SeqCst), 1);
    drop(ticket);
    rig.end().await;
}

#[tokio::test]
async fn no_name_is_looked_up_for_a_tunnel_before_a_permit() {
    let connector = "{ connector: api, name: Pinned, version: 1, auth: none, domains: [{ host: api.test, tls: passthrough }] }";
    let lookup = Arc::new(Counting::default());
    let rig = Rig::asking(ALLOWING, Arc::clone(&lookup) as Arc<dyn Lookup>).await;
    let head = rig.head("ci", Method::CONNECT, "");
    rig.swap(connector, ALLOWING);
    let found = tls_passthrough::find(&rig.gateway, &head.authority).unwrap();
    let refusal = tls_passthrough::judge(&rig.gateway, found, &head)
        .await
        .unwrap_err();
    assert_eq!(refusal.code().as_str(), "denied");
    let named = "permissions: [{ agents: [ci], allow: [api.tunnel.open] }]";
    rig.swap(connector, named);
    let found = tls_passthrough::find(&rig.gateway, &head.authority).unwrap();
    let (permit, ticket) = tls_passthrough::judge(&rig.gateway, found, &head)
        .await
        .unwrap();
    assert_eq!(lookup.0.load(Ordering::SeqCst), 0, "asked before a permit");
    assert!(forward(&rig.gateway, &permit).await.is_err());
    assert_eq!(lookup.0.load(Ordering::SeqCst), 1);
    drop(ticket);
    rig.end().await;
}

/// Every spelling of a host that leads to this machine, to a private network or to a cloud's metadata.
const LITERALS: [&str; 14] = [
    "127.0.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "10.0.0.1",
    "192.168.1.1",
    "100.100.100.200",
    "[::1]",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "0.0.0.0",
];

/// Spellings that some resolvers read as addresses, and none that is a host name.
const ODD: [&str; 8] = [
    "0x7f.1",
    "2130706433",
    "017700000001",
    "127.1",
    "0x7f000001",
    "[fe80::1%25eth0]",
    "127.0.0.1.",
    "①②⑦.0.0.1",
];

fn connector(domains: &[&str]) -> String {
    let domains: Vec<String> = domains
        .iter()
        .map(|domain| format!("\"{domain}\""))
        .collect();
    format!(
        "connector: inner\nname: Inner\nversion: 1\ndomains: [{}]\nauth: none\nroutes: [{{ action: page.get, match: 'GET /{{*path}}', risk: low }}]\n",
        domains.join(", ")
    )
}

/// Asks for a page inside a tunnel, where one opens; else returns the answer to CONNECT.
async fn ask(gateway: &Gateway, authority: &str) -> Raw {
    use tokio::io::AsyncWriteExt as _;
    let mut socket = gateway.agent.connect().await;
    let head = format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{}\r\n",
        gateway.agent.authorization()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut opened = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut socket, &mut opened)
        .await
        .unwrap();
    if &opened != b"HTTP/1.1 200" {
        return read_answer(&mut tokio::io::AsyncReadExt::chain(
            opened.as_slice(),
            socket,
        ))
        .await;
    }
    // The rest of the head of the 200, then TLS as the agent's library would speak it.
    let mut rest = Vec::new();
    while !rest.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tokio::io::AsyncReadExt::read_exact(&mut socket, &mut byte)
            .await
            .unwrap();
        rest.extend_from_slice(&byte);
    }
    let host = authority.rsplit_once(':').unwrap().0;
    let sni = host
        .trim_matches(['[', ']'])
        .trim_end_matches('.')
        .to_owned();
    let mut tls = gateway.agent.handshake(socket, &sni).await.unwrap();
    exchange(
        &mut tls,
        &format!("GET /page HTTP/1.1\r\nHost: {authority}\r\n\r\n"),
    )
    .await
}

#[tokio::test]
async fn no_spelling_of_a_special_address_is_reached_although_a_connector_lists_it() {
    let upstream = Upstream::start(&["api.test"]).await;
    let hosts: Vec<String> = LITERALS.iter().map(|host| (*host).to_owned()).collect();
    let with_port: Vec<String> = hosts
        .iter()
        .map(|host| format!("{host}:{}", upstream.address.port()))
        .collect();
    let domains: Vec<&str> = hosts.iter().chain(&with_port).map(String::as_str).collect();
    let gateway = Builder::new()
        .connector("inner", &connector(&domains))
        .policy(
            "inner",
            "permissions: [{ agents: [ci], connector: inner, access: full }]",
        )
        .start()
        .await;
    for host in domains {
        let authority = if host.rsplit(']').next().unwrap().contains(':') {
            host.to_owned()
        } else {
            format!("{host}:443")
        };
        let answer = ask(&gateway, &authority).await;
        assert_eq!(answer.status, 403, "{authority}: {}", answer.text());
        assert_eq!(answer.json()["code"], "forbidden_address", "{authority}");
        assert!(!answer.text().contains("egress"), "{}", answer.text());
    }
    assert_eq!(upstream.connections(), 0, "a packet was sent");
    assert_eq!(gateway.finished(28).await.len(), 28);
}

#[tokio::test]
async fn an_address_that_nobody_lists_is_a_readable_refusal_too() {
    let gateway = Builder::new().start().await;
    for host in LITERALS {
        let answer = ask(&gateway, &format!("{host}:443")).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (403, &"no_connector".into()),
            "{host}"
        );
    }
    for host in ODD {
        let answer = ask(&gateway, &format!("{host}:443")).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (400, &"bad_request".into()),
            "{host}"
        );
    }
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused_and_so_are_our_own_ports() {
    let upstream = Upstream::start(&["localhost"]).await;
    let port = upstream.address.port();
    let describe = |settings: &str| {
        Builder::new()
            .connector("inner", &connector(&[&format!("localhost:{port}")]))
            .policy(
                "inner",
                "permissions: [{ agents: [ci], connector: inner, access: full }]",
            )
            .trust(&upstream.ca_pem)
            .settings(settings)
    };
    let gateway = describe("").start().await;
    for name in ["localhost", "LOCALHOST", "localhost."] {
        let answer = ask(&gateway, &format!("{name}:{port}")).await;
        assert_eq!(answer.status, 403, "{name}: {}", answer.text());
        assert_eq!(answer.json()["code"], "forbidden_address", "{name}");
    }
    assert_eq!(upstream.connections(), 0);
    // The operator may open it by name and port.
    let gateway = describe("")
        .env("TOLLGATE_EGRESS_ALLOW", &format!("localhost:{port}"))
        .start()
        .await;
    assert_eq!(
        ask(&gateway, &format!("localhost:{port}")).await.status,
        200
    );
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test]
async fn our_own_listeners_stay_closed_although_the_operator_opens_everything() {
    // Handed over open, so that nobody else takes the port that the connector has to name.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let names = [
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "localhost",
        "127.0.0.2",
        "[::1]",
    ];
    let domains: Vec<String> = names.iter().map(|name| format!("{name}:{port}")).collect();
    let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
    let gateway = Builder::new()
        .connector("inner", &connector(&domains))
        .policy(
            "inner",
            "permissions: [{ agents: [ci], connector: inner, access: full }]",
        )
        .handed(listener)
        .env(
            "TOLLGATE_EGRESS_ALLOW",
            &format!("localhost:{port},127.0.0.0/8:{port},[::1]:{port}"),
        )
        .start()
        .await;
    for domain in domains {
        let answer = ask(&gateway, domain).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (403, &"forbidden_address".into()),
            "{domain}"
        );
    }
}
