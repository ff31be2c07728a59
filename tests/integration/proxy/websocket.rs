//! WebSockets: opened only where a route says so, judged as an action of their own, counted, and ended when nothing passes.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _, stream};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};

use super::rig::{self, HOST, PLAIN};
use crate::support::agent::{exchange, is_closed, read_answer, read_interim};
use crate::support::upstream::Upstream;
use crate::support::wire::{Connection, Stream, Wire};

/// The example of RFC 6455 section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A correct opening, without its last line.
fn opening(host: &str, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
    )
}

/// Accepts the opening on an upstream's connection; returns what was asked, too.
async fn accept(connection: Connection) -> (WebSocketStream<Box<dyn Stream>>, http::HeaderMap) {
    let mut asked = http::HeaderMap::new();
    #[expect(
        clippy::result_large_err,
        reason = "the callback's type is tungstenite's"
    )]
    let look = |request: &Request, response: Response| {
        asked.clone_from(request.headers());
        Ok(response)
    };
    let accepted = accept_hdr_async(connection.stream, look).await.unwrap();
    (accepted, asked)
}

/// Opens `/feed` over a tunnel and echoes two messages, one of them over many reads.
async fn echo<S: AsyncRead + AsyncWrite + Unpin + Send>(tunnel: S, upstream: &Wire, host: &str) {
    let agent = client_async(format!("ws://{host}/feed"), tunnel);
    let serve = async { accept(upstream.accept().await).await };
    let (agent, (mut served, asked)) = tokio::join!(agent, serve);
    let (mut agent, answer) = agent.unwrap();
    assert!(answer.headers().contains_key("tollgate-request-id"));
    assert_eq!(answer.headers()["tollgate-decision"], "allow");
    assert_eq!(asked["host"], host);
    assert_eq!(asked["connection"], "Upgrade");
    assert_eq!(asked.get("proxy-authorization"), None);
    let injected = (host == HOST).then_some("Bearer injected");
    assert_eq!(
        asked
            .get("authorization")
            .map(|value| value.to_str().unwrap()),
        injected
    );
    let long = Bytes::from(vec![7; 1 << 20]);
    for message in [Message::text("hello"), Message::binary(long)] {
        agent.send(message.clone()).await.unwrap();
        assert_eq!(served.next().await.unwrap().unwrap(), message);
        served.send(message.clone()).await.unwrap();
        assert_eq!(agent.next().await.unwrap().unwrap(), message);
    }
    // The upstream speaks without being asked.
    served.send(Message::text("news")).await.unwrap();
    assert_eq!(agent.next().await.unwrap().unwrap(), Message::text("news"));
    agent.close(None).await.unwrap();
    assert!(served.next().await.unwrap().unwrap().is_close());
    while served.next().await.is_some() {}
    // A server closes the connection first, RFC 6455 section 7.1.1.
    drop(served);
    while agent.next().await.is_some() {}
}

/// Asserts that the only exchange ended as an open WebSocket with these messages does.
fn check_record(finished: &serde_json::Value) {
    assert_eq!(rig::outcome(finished), "answered 101");
    for name in ["request_bytes", "response_bytes"] {
        let bytes = finished[name].as_u64().unwrap();
        assert!((1 << 20..(1 << 20) + 1000).contains(&bytes), "{finished}");
    }
}

#[tokio::test]
async fn carries_messages_both_ways_over_tls() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    echo(tunnel, &upstream, HOST).await;
    check_record(&gateway.finished(1).await[0]);
    let decided = gateway.decided(1).await;
    assert_eq!(decided[0]["actions"][0]["name"], "api.feed.open");
}

#[tokio::test]
async fn carries_messages_both_ways_without_tls() {
    let upstream = Wire::plain().await;
    let gateway = rig::wired(&upstream).await;
    let tunnel = gateway.agent.tunnel(&format!("{PLAIN}:80")).await;
    echo(tunnel, &upstream, PLAIN).await;
    check_record(&gateway.finished(1).await[0]);
}

#[tokio::test]
async fn carries_messages_both_ways_through_a_unix_socket() {
    let upstream = Wire::plain().await;
    let gateway = rig::describe()
        .resolve(&format!("{PLAIN}:80"), &[upstream.address])
        .listen("unix:proxy.sock")
        .start()
        .await;
    let mut tunnel = UnixStream::connect(gateway.path("proxy.sock"))
        .await
        .unwrap();
    let head = format!(
        "CONNECT {PLAIN}:80 HTTP/1.1\r\nHost: {PLAIN}:80\r\n{}\r\n",
        gateway.agent.authorization()
    );
    tunnel.write_all(head.as_bytes()).await.unwrap();
    let mut opened = Vec::new();
    while !opened.ends_with(b"\r\n\r\n") {
        opened.push(tunnel.read_u8().await.unwrap());
    }
    echo(tunnel, &upstream, PLAIN).await;
    check_record(&gateway.finished(1).await[0]);
}

#[tokio::test]
async fn refuses_an_opening_that_no_route_describes() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    for (path, code) in [
        ("/elsewhere", "no_websocket"),
        ("/read", "no_websocket"),
        // Allowed by no name, and a preset never allows one.
        ("/closed", "denied"),
    ] {
        let answer = exchange(&mut tunnel, &format!("{}\r\n", opening(HOST, path))).await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.json()["code"], code);
    }
    // And a request that opens nothing is not the route that does.
    let plain = format!("GET /feed HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    assert_eq!(exchange(&mut tunnel, &plain).await.status, 200);
    assert_eq!(upstream.only().header("upgrade"), None);
    let decided = gateway.decided(4).await;
    assert_eq!(decided[2]["actions"][0]["name"], "api.closed.open");
    assert_eq!(decided[3]["actions"][0]["name"], "api.unknown");
}

#[tokio::test]
async fn refuses_every_other_switch_of_protocols() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let good = format!("{}\r\n", opening(HOST, "/feed"));
    let bad = [
        good.replace("Upgrade: websocket", "Upgrade: h2c"),
        good.replace("Upgrade: websocket", "Upgrade: websocket, h2c"),
        good.replace("Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: h2c"),
        good.replace(
            "Upgrade: websocket",
            "Upgrade: websocket\r\nHTTP2-Settings: AAMAAABk",
        ),
        good.replace("Upgrade: websocket\r\n", "HTTP2-Settings: AAMAAABk\r\n"),
        good.replace("Connection: keep-alive, Upgrade", "Connection: keep-alive"),
        good.replace("Connection: keep-alive, Upgrade\r\n", ""),
        good.replace("GET", "POST"),
        good.replace("HTTP/1.1", "HTTP/1.0"),
        good.replace("Version: 13", "Version: 8"),
        good.replace("Version: 13", "Version: 13\r\nSec-WebSocket-Version: 8"),
        good.replace(KEY, "c2hvcnQ="),
        good.replace(KEY, "not base64"),
        good.replace(
            "Upgrade: websocket",
            "Upgrade: websocket\r\nContent-Length: 5",
        ),
        good.replace(
            "Upgrade: websocket",
            "Upgrade: websocket\r\nTransfer-Encoding: chunked",
        ),
    ];
    for head in bad {
        let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        let body = if head.contains("Content-Length") {
            "hello"
        } else if head.contains("chunked") {
            "0\r\n\r\n"
        } else {
            ""
        };
        let answer = exchange(&mut tunnel, &format!("{head}{body}")).await;
        assert_eq!(answer.status, 400, "{head}");
        assert_eq!(answer.json()["code"], "bad_request", "{head}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn refuses_a_subprotocol_that_carries_a_credential() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    for entries in [
        "realtime, openai-insecure-api-key.sk-abc",
        "base64url.bearer.authorization.k8s.io.dG9rZW4",
        "graphql-ws, Bearer",
        "chat,eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    ] {
        let head = format!(
            "{}Sec-WebSocket-Protocol: {entries}\r\n\r\n",
            opening(HOST, "/feed")
        );
        let answer = exchange(&mut tunnel, &head).await;
        assert_eq!(answer.status, 403, "{entries}");
        assert_eq!(answer.json()["code"], "client_credential", "{entries}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn passes_the_upstreams_no() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let ask = format!("{}\r\n", opening(HOST, "/feed"));
    tunnel.write_all(ask.as_bytes()).await.unwrap();
    let mut served = upstream.accept().await;
    served.head().await;
    served
        .write("HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 2\r\n\r\nno")
        .await;
    let answer = read_answer(&mut tunnel).await;
    assert_eq!((answer.status, answer.text().as_str()), (426, "no"));
    assert_eq!(rig::outcome(&gateway.finished(1).await[0]), "answered 426");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stays_open_however_early_the_upstream_accepts() {
    // An answer that is there before Pingora first looks for one is a matter of microseconds, hence so many.
    const OPENINGS: usize = 300;
    let upstream = Wire::plain().await;
    let gateway = rig::wired(&upstream).await;
    let serve = async {
        loop {
            let mut served = upstream.accept().await;
            tokio::spawn(async move {
                let answer = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
                );
                served.write(answer).await;
                let mut received = Vec::new();
                while !received.ends_with(b"\r\n\r\nping") {
                    let Ok(byte) = served.stream.read_u8().await else {
                        return;
                    };
                    received.push(byte);
                }
                served.write(b"pong").await;
            });
        }
    };
    let open = async |_| {
        let mut tunnel = gateway.agent.tunnel(&format!("{PLAIN}:80")).await;
        let ask = format!("{}\r\n", opening(PLAIN, "/feed"));
        tunnel.write_all(ask.as_bytes()).await.unwrap();
        let switched = read_interim(&mut tunnel).await;
        assert!(switched.starts_with("HTTP/1.1 101 "), "{switched}");
        tunnel.write_all(b"ping").await.unwrap();
        tunnel.read_exact(&mut [0; 4]).await.is_ok()
    };
    let openings = stream::iter(0..OPENINGS).map(open).buffer_unordered(32);
    let stayed = openings
        .filter(|stayed| std::future::ready(*stayed))
        .count();
    tokio::select! {
        stayed = stayed => assert_eq!(stayed, OPENINGS),
        () = serve => {}
    }
}

#[tokio::test]
async fn refuses_a_switch_that_was_not_agreed_on() {
    // What follows a 101 passes unread, so one that something behind the upstream made up must not open a way.
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let accept = format!("Sec-WebSocket-Accept: {ACCEPT}");
    let asks = [
        (
            format!("{}\r\n", opening(HOST, "/feed")),
            "Upgrade: websocket\r\nConnection: Upgrade".to_owned(),
        ),
        (
            format!("{}\r\n", opening(HOST, "/feed")),
            format!("Upgrade: h2c\r\nConnection: Upgrade\r\n{accept}"),
        ),
        (
            format!("{}\r\n", opening(HOST, "/feed")),
            format!("Connection: Upgrade\r\n{accept}"),
        ),
        (
            format!("GET /feed HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
            format!("Upgrade: websocket\r\nConnection: Upgrade\r\n{accept}"),
        ),
    ];
    for (ask, headers) in &asks {
        let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        tunnel.write_all(ask.as_bytes()).await.unwrap();
        let mut served = upstream.accept().await;
        served.head().await;
        served
            .write(format!(
                "HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n\r\n"
            ))
            .await;
        let answer = read_answer(&mut tunnel).await;
        assert_eq!(answer.status, 502, "{headers}");
        assert_eq!(answer.json()["code"], "upstream_malformed");
        assert!(is_closed(&mut tunnel).await);
        assert!(served.rest().await.is_empty());
    }
    for finished in gateway.finished(asks.len()).await {
        assert_eq!(rig::outcome(&finished), "upstream_failed protocol");
    }
}

#[tokio::test]
async fn sends_nothing_behind_an_opening_that_was_not_accepted() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let both = format!(
        "{}\r\nDELETE /denied HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
        opening(HOST, "/feed")
    );
    tunnel.write_all(both.as_bytes()).await.unwrap();
    let mut served = upstream.accept().await;
    served.head().await;
    served
        .write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .await;
    assert_eq!(read_answer(&mut tunnel).await.status, 200);
    assert!(is_closed(&mut tunnel).await);
    // What comes next on the same connection is the next request that was judged.
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let next = format!("{}X-Request-Id: next\r\n\r\n", opening(HOST, "/feed"));
    tunnel.write_all(next.as_bytes()).await.unwrap();
    let head = served.head().await;
    assert!(head.to_lowercase().contains("x-request-id: next"), "{head}");
    assert!(upstream.accepted().await.is_none());
}

#[tokio::test]
async fn gives_up_an_opening_that_is_not_answered() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::describe()
        .trust(&upstream.ca_pem)
        .resolve(&format!("{HOST}:443"), &[upstream.address])
        .settings("  first_byte: 200ms")
        .start()
        .await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let answer = exchange(&mut tunnel, &format!("{}\r\n", opening(HOST, "/feed"))).await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.json()["code"], "upstream_timeout");
    assert_eq!(
        rig::outcome(&gateway.finished(1).await[0]),
        "upstream_failed timeout"
    );
}

#[tokio::test]
async fn ends_when_nothing_passes_and_not_while_something_does() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::describe()
        .trust(&upstream.ca_pem)
        .resolve(&format!("{HOST}:443"), &[upstream.address])
        .settings("  first_byte: 150ms\n  idle: 600ms")
        .start()
        .await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    tunnel
        .write_all(format!("{}\r\n", opening(HOST, "/feed")).as_bytes())
        .await
        .unwrap();
    let (served, _) = accept(upstream.accept().await).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tunnel.read_u8().await.unwrap());
    }
    let mut agent = WebSocketStream::from_raw_socket(tunnel, Role::Client, None).await;
    let mut served = served;
    // Longer than both limits together, with the upstream silent: time itself is what is asserted.
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    for number in 0..10 {
        beat.tick().await;
        agent.send(Message::text(number.to_string())).await.unwrap();
        let received = served.next().await.unwrap().unwrap();
        assert_eq!(received, Message::text(number.to_string()));
    }
    assert!(served.next().await.is_none_or(|message| message.is_err()));
    assert!(agent.next().await.is_none_or(|message| message.is_err()));
    assert_eq!(rig::outcome(&gateway.finished(1).await[0]), "answered 101");
}

#[tokio::test]
async fn ends_when_a_reload_denies_it() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let opened = client_async(format!("ws://{HOST}/feed"), tunnel);
    let (opened, (mut served, _)) =
        tokio::join!(opened, async { accept(upstream.accept().await).await });
    let (mut agent, _) = opened.unwrap();
    gateway
        .write(
            "policies.d/other.yaml",
            "policies: [{ id: other, actions: [api.pad.read], decision: deny }]",
        )
        .await;
    agent.send(Message::text("still open")).await.unwrap();
    assert_eq!(
        served.next().await.unwrap().unwrap(),
        Message::text("still open")
    );
    gateway
        .write(
            "policies.d/closed.yaml",
            "policies: [{ id: closed-now, actions: [api.feed.open], decision: deny }]",
        )
        .await;
    // Neither side says anything more.
    assert!(agent.next().await.is_none_or(|message| message.is_err()));
    assert!(served.next().await.is_none_or(|message| message.is_err()));
    assert_eq!(
        rig::outcome(&gateway.finished(1).await[0]),
        "refused denied"
    );
}

#[tokio::test]
async fn ends_with_a_halt() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let opened = client_async(format!("ws://{HOST}/feed"), tunnel);
    let (opened, (mut served, _)) =
        tokio::join!(opened, async { accept(upstream.accept().await).await });
    let (mut agent, _) = opened.unwrap();
    let path = "/api/v1/kill-switch/connector/api";
    let nothing = serde_json::Value::Null;
    assert_eq!(
        gateway.admin(http::Method::PUT, path, &nothing).await.0,
        200
    );
    // Neither side says anything more.
    assert!(agent.next().await.is_none_or(|message| message.is_err()));
    assert!(served.next().await.is_none_or(|message| message.is_err()));
    let finished = &gateway.finished(1).await[0];
    assert_eq!(rig::outcome(finished), "refused killed");
}
