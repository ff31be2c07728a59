//! An agent's connection of HTTP/1.1 and the upstream's connection that stays with it: when it is used again, repeated on, or handed on.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::rig::{self, HOST};
use crate::support::agent::{exchange, is_closed, read_answer, read_interim};
use crate::support::gateway::Gateway;
use crate::support::upstream::{Speaks, Upstream};
use crate::support::wire::Wire;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const SOON: Duration = Duration::from_secs(20);

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// Waits until no tunnel is open.
async fn all_closed(gateway: &Gateway) {
    let state = gateway.serving().drain_state();
    let closed = async {
        while state.tunnels_active() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, closed).await.unwrap();
}

#[tokio::test]
async fn a_tunnel_keeps_its_upstream_connection_and_leaves_it_to_the_next() {
    let upstream = Upstream::speaking(&[HOST], Speaks::Http1).await;
    let gateway = rig::start(&upstream).await;
    for _ in 0..2 {
        let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        for _ in 0..3 {
            assert_eq!(exchange(&mut tunnel, &get("/a")).await.status, 200);
        }
        drop(tunnel);
        all_closed(&gateway).await;
    }
    assert_eq!(upstream.connections(), 1);
    assert_eq!(upstream.received().len(), 6);
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_turn() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let post = format!(
        "POST /read HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
    );
    let both = format!("{}{post}{}", get("/one"), get("/two"));
    write(&mut tunnel, &both).await;
    for _ in 0..3 {
        // Byte by byte, since the next answer may be right behind.
        let head = read_interim(&mut tunnel).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let mut body = [0; 2];
        tokio::io::AsyncReadExt::read_exact(&mut tunnel, &mut body)
            .await
            .unwrap();
        assert_eq!(&body, b"ok");
    }
    let paths: Vec<String> = upstream
        .received()
        .into_iter()
        .map(|one| one.path)
        .collect();
    assert_eq!(paths, ["/one", "/read", "/two"]);
}

/// Answers one request, then closes under the next one without an answer.
async fn stale(wire: &Wire, tunnel: &mut (impl AsyncRead + AsyncWrite + Unpin), next: &str) {
    write(tunnel, &get("/first")).await;
    let mut served = wire.accept().await;
    served.head().await;
    served.write(OK).await;
    assert_eq!(read_answer(tunnel).await.text(), "ok");
    write(tunnel, next).await;
    served.head().await;
    drop(served);
}

#[tokio::test]
async fn a_safe_request_is_repeated_once_on_a_new_connection() {
    let wire = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&wire).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    stale(&wire, &mut tunnel, &get("/again")).await;
    let mut fresh = wire.accept().await;
    assert!(fresh.head().await.starts_with("GET /again "));
    // A new connection that ends is no stale one.
    drop(fresh);
    let answer = read_answer(&mut tunnel).await;
    assert_eq!(answer.json()["code"], "upstream_closed");
    assert!(is_closed(&mut tunnel).await);
    assert!(wire.accepted().await.is_none());
}

#[tokio::test]
async fn a_request_with_an_effect_is_not_repeated() {
    let wire = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&wire).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let post = format!("POST /stream HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\n{{}}");
    stale(&wire, &mut tunnel, &post).await;
    let answer = read_answer(&mut tunnel).await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (502, Some("upstream_closed"))
    );
    assert!(wire.accepted().await.is_none());
}

#[tokio::test]
async fn a_connection_that_ends_or_speaks_while_it_is_kept_carries_nothing_more() {
    for unasked in ["", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"] {
        let wire = Wire::tls(&[HOST]).await;
        let gateway = rig::wired(&wire).await;
        let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        write(&mut tunnel, &get("/first")).await;
        let mut served = wire.accept().await;
        served.head().await;
        served.write(OK).await;
        assert_eq!(read_answer(&mut tunnel).await.text(), "ok");
        if unasked.is_empty() {
            served.stream.shutdown().await.unwrap();
        } else {
            served.write(unasked).await;
        }
        // The gateway closes it at once, not with the next request.
        served.rest().await;
        let post =
            format!("POST /stream HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\n{{}}");
        write(&mut tunnel, &post).await;
        let mut fresh = wire.accept().await;
        assert!(fresh.head().await.starts_with("POST /stream "));
        fresh.write(OK).await;
        assert_eq!(read_answer(&mut tunnel).await.text(), "ok", "{unasked}");
    }
}

#[tokio::test]
async fn the_upstreams_date_is_passed_on_and_ours_stands_in() {
    let wire = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&wire).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let then = "Thu, 01 Jan 1970 00:00:00 GMT";
    let dated = OK.replace("\r\n\r\n", &format!("\r\nDate: {then}\r\n\r\n"));
    write(&mut tunnel, &get("/a")).await;
    let mut served = wire.accept().await;
    served.head().await;
    served.write(dated).await;
    assert_eq!(read_answer(&mut tunnel).await.header("date"), Some(then));
    write(&mut tunnel, &get("/b")).await;
    served.head().await;
    served.write(OK).await;
    let answer = read_answer(&mut tunnel).await;
    assert!(answer.header("date").is_some_and(|date| date != then));
    let refused = exchange(
        &mut tunnel,
        &format!("POST /denied HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n"),
    )
    .await;
    assert_eq!(refused.status, 403);
    assert!(refused.header("date").is_some());
}
