//! `egress.proxy`: upstreams are reached through the operator's own proxy, by address, and verified by name inside.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::rig::{self, HOST, PLAIN};
use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::Upstream;
use crate::support::wire::Wire;

/// Describes a gateway that reaches both hosts at an upstream's address, through a proxy.
fn describe(upstream: &Upstream, proxy: &Wire, more: &str) -> Builder {
    let builder = rig::describe()
        .trust(&upstream.ca_pem)
        .resolve(&format!("{HOST}:443"), &[upstream.address])
        .resolve(&format!("{PLAIN}:80"), &[upstream.address]);
    let url = format!("http://{}", proxy.address);
    builder.egress(&format!("proxy: {{ url: '{url}', {more} }}"))
}

/// Lets the next connection of the proxy through to an address; returns what it was asked.
pub(super) async fn pass(proxy: &Wire, to: SocketAddr) -> (String, JoinHandle<()>) {
    let mut asked = proxy.accept().await;
    let head = asked.head().await;
    asked
        .write("HTTP/1.1 200 Connection established\r\nVia: 1.1 corp\r\n\r\n")
        .await;
    let mut beyond = TcpStream::connect(to).await.unwrap();
    let carried = tokio::spawn(async move {
        // Ends with either side.
        let _ = tokio::io::copy_bidirectional(&mut asked.stream, &mut beyond).await;
    });
    (head, carried)
}

async fn get(gateway: &Gateway, url: &str) -> (u16, serde_json::Value) {
    let answer = gateway.agent.http1().get(url).send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[tokio::test]
async fn asks_the_proxy_for_the_pinned_address_and_verifies_the_name_inside() {
    let upstream = Upstream::start(&[HOST]).await;
    let proxy = Wire::plain().await;
    let gateway = describe(
        &upstream,
        &proxy,
        "username: gate, password: { file: secrets/api }",
    )
    .start()
    .await;
    let url = format!("https://{HOST}/through");
    let (answer, (head, _carried)) =
        tokio::join!(get(&gateway, &url), pass(&proxy, upstream.address));
    assert_eq!(answer.0, 200);
    let address = upstream.address;
    // `gate:injected`, the name and the bytes of the file.
    let expected = format!(
        "CONNECT {address} HTTP/1.1\r\nHost: {address}\r\nProxy-Authorization: Basic Z2F0ZTppbmplY3RlZA==\r\n\r\n"
    );
    assert_eq!(head, expected);
    assert_eq!(
        upstream.only().header("authorization"),
        Some("Bearer injected")
    );
}

#[tokio::test]
async fn refuses_a_certificate_for_another_name_behind_the_proxy() {
    let upstream = Upstream::start(&["other.test"]).await;
    let proxy = Wire::plain().await;
    let gateway = describe(&upstream, &proxy, "").start().await;
    let url = format!("https://{HOST}/through");
    let ((status, problem), (head, _carried)) =
        tokio::join!(get(&gateway, &url), pass(&proxy, upstream.address));
    assert_eq!(
        (status, &problem["code"]),
        (502, &"upstream_unreachable".into())
    );
    assert!(!head.contains("Proxy-Authorization"), "{head}");
    assert_eq!(
        rig::outcome(&gateway.finished(1).await[0]),
        "upstream_failed tls"
    );
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn carries_plain_http_in_a_tunnel_too() {
    let upstream = Upstream::plain().await;
    let proxy = Wire::plain().await;
    let gateway = describe(&upstream, &proxy, "").start().await;
    let url = format!("http://{PLAIN}/through");
    let (answer, (head, _carried)) =
        tokio::join!(get(&gateway, &url), pass(&proxy, upstream.address));
    assert_eq!(answer.0, 200);
    assert!(
        head.starts_with(&format!("CONNECT {} ", upstream.address)),
        "{head}"
    );
}

#[tokio::test]
async fn tells_the_proxys_no_from_the_upstreams() {
    let upstream = Upstream::start(&[HOST]).await;
    for answer in [
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\n\r\nsecret policy of the corporation",
        "SSH-2.0-OpenSSH\r\n\r\n",
    ] {
        let proxy = Wire::plain().await;
        let gateway = describe(&upstream, &proxy, "").start().await;
        let url = format!("https://{HOST}/through");
        let refuse = async {
            let mut asked = proxy.accept().await;
            asked.head().await;
            asked.write(answer).await;
        };
        let ((status, problem), ()) = tokio::join!(get(&gateway, &url), refuse);
        assert_eq!(
            (status, &problem["code"]),
            (502, &"upstream_unreachable".into())
        );
        assert!(!problem.to_string().contains("corporation"));
        let finished = &gateway.finished(1).await[0];
        assert_eq!(rig::outcome(finished), "upstream_failed proxy");
        assert_eq!(finished["request_bytes"], 0);
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn gives_up_a_proxy_that_does_not_answer() {
    let upstream = Upstream::start(&[HOST]).await;
    let proxy = Wire::plain().await;
    let gateway = describe(&upstream, &proxy, "")
        .settings("  connect: 200ms")
        .start()
        .await;
    let (status, problem) = get(&gateway, &format!("https://{HOST}/through")).await;
    assert_eq!(
        (status, &problem["code"]),
        (504, &"upstream_timeout".into())
    );
    assert_eq!(
        rig::outcome(&gateway.finished(1).await[0]),
        "upstream_failed timeout"
    );
}

#[tokio::test]
async fn goes_without_the_proxy_where_it_is_told_to() {
    let upstream = Upstream::start(&[HOST]).await;
    let proxy = Wire::plain().await;
    for except in ["127.0.0.0/8", HOST] {
        let gateway = describe(&upstream, &proxy, &format!("except: ['{except}']"))
            .start()
            .await;
        assert_eq!(
            get(&gateway, &format!("https://{HOST}/direct")).await.0,
            200
        );
    }
    assert!(proxy.accepted().await.is_none());
}

#[tokio::test]
async fn keeps_the_egress_rules() {
    let upstream = Upstream::start(&[HOST]).await;
    let proxy = Wire::plain().await;
    // Without an entry in `resolve`, the loopback address is what it is.
    let gateway = rig::describe()
        .connector(
            "literal",
            "{ connector: literal, name: By address, version: 1, domains: [127.0.0.1, 169.254.169.254], auth: none,
               routes: [{ action: any.get, match: 'GET /{*path}', risk: low }] }",
        )
        .policy("literal", "permissions: [{ agents: [ci], connector: literal, access: full }]")
        .trust(&upstream.ca_pem)
        .egress(&format!("proxy: 'http://{}'", proxy.address))
        .start()
        .await;
    for host in ["127.0.0.1", "169.254.169.254"] {
        let (status, problem) = get(&gateway, &format!("https://{host}/latest/meta-data")).await;
        assert_eq!(
            (status, &problem["code"]),
            (403, &"forbidden_address".into())
        );
    }
    assert!(proxy.accepted().await.is_none());
}
