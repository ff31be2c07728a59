//! How agents get to the proxy: CONNECT, whole URLs, the gateway's own pages, and what is no HTTP.

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};

use super::rig::{self, HOST, PLAIN};
use crate::support::agent::{exchange, is_closed, read_answer};
use crate::support::upstream::Upstream;

#[tokio::test]
async fn challenges_with_basic_first_and_goes_on_in_the_same_connection() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut socket = gateway.agent.connect().await;
    let bare = format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n");
    let refused = exchange(&mut socket, &bare).await;
    assert_eq!(refused.status, 407);
    let offers: Vec<_> = refused
        .head
        .lines()
        .filter(|line| line.starts_with("proxy-authenticate"))
        .collect();
    assert!(
        offers[0].contains("Basic realm=\"tollgate\"") && offers[1].contains("Bearer"),
        "{offers:?}"
    );
    assert!(refused.header("tollgate-request-id").is_some());
    assert_eq!(refused.json()["code"], "proxy_authentication_required");

    let head = format!(
        "CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n{}\r\n",
        gateway.agent.authorization()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    // Without a length, so only the head is waited for.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tokio::io::AsyncReadExt::read_u8(&mut socket).await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 200 "));
    let mut tls = gateway.agent.handshake(socket, HOST).await.unwrap();
    let answer = exchange(
        &mut tls,
        &format!("GET /a?b=c HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
    )
    .await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    let received = upstream.only();
    assert_eq!(
        (received.path.as_str(), received.query.as_deref()),
        ("/a", Some("b=c"))
    );
    assert_eq!(received.host, HOST);
}

#[tokio::test]
async fn ends_a_connection_that_keeps_asking_without_a_token() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut socket = gateway.agent.connect().await;
    let bare = format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n");
    for _ in 0..4 {
        assert_eq!(exchange(&mut socket, &bare).await.status, 407);
    }
    assert!(is_closed(&mut socket).await);
}

#[tokio::test]
async fn takes_a_handshake_that_comes_with_the_connect() {
    // Some clients do not wait for the 200.
    let upstream = Upstream::plain().await;
    let gateway = rig::start(&upstream).await;
    let mut socket = gateway.agent.connect().await;
    let both = format!(
        "CONNECT {PLAIN}:80 HTTP/1.1\r\nHost: {PLAIN}:80\r\n{}\r\nGET /early HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n",
        gateway.agent.authorization()
    );
    socket.write_all(both.as_bytes()).await.unwrap();
    let mut opened = Vec::new();
    while !opened.ends_with(b"\r\n\r\n") {
        opened.push(tokio::io::AsyncReadExt::read_u8(&mut socket).await.unwrap());
    }
    assert_eq!(read_answer(&mut socket).await.status, 200);
    assert_eq!(upstream.only().path, "/early");
}

#[tokio::test]
async fn refuses_plaintext_inside_a_tunnel_to_443() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut socket = gateway.agent.tunnel(&format!("{HOST}:443")).await;
    let answer = exchange(
        &mut socket,
        &format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
    )
    .await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (400, Some("close"))
    );
    assert_eq!(answer.json()["code"], "bad_request");
    assert!(is_closed(&mut socket).await);
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn serves_whole_urls() {
    let upstream = Upstream::plain().await;
    let gateway = rig::start(&upstream).await;
    let mut socket = gateway.agent.connect().await;
    for (url, path, query) in [
        (format!("http://{PLAIN}/a/b?c=1"), "/a/b", Some("c=1")),
        (format!("http://{PLAIN}"), "/", None),
        (format!("HTTP://{PLAIN}?q"), "/", Some("q")),
    ] {
        let request = format!(
            "GET {url} HTTP/1.1\r\nHost: {PLAIN}\r\n{}\r\n",
            gateway.agent.authorization()
        );
        let answer = exchange(&mut socket, &request).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "ok"),
            "{url}"
        );
        let received = upstream.received().pop().unwrap();
        assert_eq!(
            (received.path.as_str(), received.query.as_deref()),
            (path, query),
            "{url}"
        );
        assert_eq!(received.header("host"), Some(PLAIN));
        assert_eq!(received.header("proxy-authorization"), None);
    }
    let bare = exchange(
        &mut socket,
        &format!("GET http://{PLAIN}/ HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"),
    )
    .await;
    assert_eq!(bare.status, 407);
}

#[tokio::test]
async fn serves_whole_https_urls_over_tls_upstream() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut socket = gateway.agent.connect().await;
    let request = format!(
        "GET https://{HOST}/x HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n",
        gateway.agent.authorization()
    );
    assert_eq!(exchange(&mut socket, &request).await.status, 200);
    assert_eq!(upstream.only().path, "/x");
}

#[tokio::test]
async fn answers_requests_that_come_early_in_their_order() {
    let plain = Upstream::plain().await;
    let tls = Upstream::start(&[HOST]).await;
    for (upstream, host, port) in [(&plain, PLAIN, 80), (&tls, HOST, 443)] {
        let gateway = rig::start(upstream).await;
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        // Read whole and judged; streamed; refused unread; not understood.
        let post = |path: &str, body: &str| {
            let length = body.len();
            format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        };
        let all = [
            get("/1"),
            post("/read", "{\"pad\":\"x\"}"),
            post("/streamed", "some bytes"),
            get("/a/..;/b"),
            get("/2"),
        ];
        let authority = format!("{host}:{port}");
        let statuses = if port == 80 {
            early(&mut gateway.agent.tunnel(&authority).await, &all).await
        } else {
            early(&mut gateway.agent.tls_tunnel(&authority, host).await, &all).await
        };
        assert_eq!(statuses, [200, 200, 200, 400, 200], "{host}");
        let paths: Vec<String> = upstream
            .received()
            .into_iter()
            .map(|received| received.path)
            .collect();
        assert_eq!(paths, ["/1", "/read", "/streamed", "/2"], "{host}");
    }
}

/// Writes everything at once, then reads the answers.
async fn early<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, requests: &[String]) -> Vec<u16> {
    stream
        .write_all(requests.concat().as_bytes())
        .await
        .unwrap();
    stream.flush().await.unwrap();
    let mut statuses = Vec::new();
    let mut reader = BufReader::new(stream);
    for _ in requests {
        let mut status = 0;
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).await.unwrap();
            let lower = line.trim().to_ascii_lowercase();
            if let Some(rest) = lower.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(rest) = lower.strip_prefix("content-length: ") {
                length = rest.parse().unwrap();
            } else if lower.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).await.unwrap();
        statuses.push(status);
    }
    statuses
}

#[tokio::test]
async fn refuses_heads_that_are_not_clean_http() {
    let upstream = Upstream::plain().await;
    let gateway = rig::start(&upstream).await;
    let authorization = gateway.agent.authorization();
    for head in [
        "GET / HTTP/1.1\nHost: api.test\n\n".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
        format!("GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nX: a\r\n b\r\n{authorization}\r\n"),
        format!(
            "POST http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n{authorization}\r\n0\r\n\r\n"
        ),
        format!(
            "POST http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1\r\nContent-Length: 1\r\n{authorization}\r\na"
        ),
        format!(
            "GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nHost: {HOST}\r\n{authorization}\r\n"
        ),
        format!(
            "POST http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: gzip, chunked\r\n{authorization}\r\n0\r\n\r\n"
        ),
        format!(
            "CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3\r\n{authorization}\r\nabc"
        ),
        format!("CONNECT user@{HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n{authorization}\r\n"),
        format!("CONNECT 0x7f.1:443 HTTP/1.1\r\nHost: {HOST}\r\n{authorization}\r\n"),
        format!("GET /origin HTTP/1.1\r\nHost: {HOST}\r\n{authorization}\r\n"),
        format!("GET ftp://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n{authorization}\r\n"),
        format!(
            "GET http://{HOST}/{} HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
            "a".repeat(17_000)
        ),
    ] {
        let mut socket = gateway.agent.connect().await;
        let answer = exchange(&mut socket, &head).await;
        assert_eq!(answer.status, 400, "{head}");
        assert_eq!(answer.json()["code"], "bad_request", "{head}");
        assert!(answer.header("tollgate-request-id").is_some(), "{head}");
        assert!(is_closed(&mut socket).await, "{head}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn gives_the_ca_certificate_without_a_token() {
    let upstream = Upstream::plain().await;
    let gateway = rig::start(&upstream).await;
    let mut direct = gateway.agent.connect().await;
    let request = "GET http://tollgate.internal/ca.pem HTTP/1.1\r\nHost: tollgate.internal\r\n\r\n";
    let answer = exchange(&mut direct, request).await;
    assert_eq!(
        (answer.status, answer.text()),
        (200, gateway.agent.ca_pem.clone())
    );

    let mut tunnel = gateway.agent.connect().await;
    tunnel
        .write_all(b"CONNECT tollgate.internal:80 HTTP/1.1\r\nHost: tollgate.internal:80\r\n\r\n")
        .await
        .unwrap();
    let mut opened = Vec::new();
    while !opened.ends_with(b"\r\n\r\n") {
        opened.push(tokio::io::AsyncReadExt::read_u8(&mut tunnel).await.unwrap());
    }
    let answer = exchange(
        &mut tunnel,
        "GET /ca.pem HTTP/1.1\r\nHost: tollgate.internal\r\n\r\n",
    )
    .await;
    assert_eq!(
        (answer.status, answer.text()),
        (200, gateway.agent.ca_pem.clone())
    );
    let answer = exchange(
        &mut tunnel,
        "GET /whoami HTTP/1.1\r\nHost: tollgate.internal\r\n\r\n",
    )
    .await;
    assert_eq!(answer.status, 407);
    let answer = exchange(
        &mut tunnel,
        "POST /ca.pem HTTP/1.1\r\nHost: tollgate.internal\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    assert_eq!(answer.status, 405);
    let answer = exchange(
        &mut tunnel,
        "GET /else HTTP/1.1\r\nHost: tollgate.internal\r\n\r\n",
    )
    .await;
    assert_eq!(answer.status, 404);
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn tells_an_agent_who_it_is() {
    let upstream = Upstream::plain().await;
    let gateway = rig::start(&upstream).await;
    let who: serde_json::Value = gateway
        .agent
        .http1()
        .get("http://tollgate.internal/whoami")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(who["agent"], "ci");
    let who: serde_json::Value = gateway
        .agent
        .http2()
        .get("https://tollgate.internal/whoami")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(who, serde_json::json!({ "agent": "ci", "labels": {} }));
}

#[tokio::test]
async fn the_status_line_of_a_decision_says_why() {
    let deny = |path: &str, reason: &str| {
        format!(
            "  - {{ id: {path}, actions: [plain.thing.get], when: 'action.path == \"/{path}\"', decision: deny, reason: '{reason}' }}\n"
        )
    };
    let long = deny("long", &"x".repeat(257));
    let policies = [
        &deny("asked", "Ask #infra."),
        &long,
        &deny("foreign", "Nö."),
    ];
    let policies = policies.map(String::as_str).concat();
    let gateway = rig::describe()
        .policy("spoken", &format!("policies:\n{policies}"))
        .start()
        .await;
    let authorization = gateway.agent.authorization();
    let line = async |request: &str, host: &str| {
        let head = format!("{request} HTTP/1.1\r\nHost: {host}\r\n{authorization}\r\n");
        let refused = exchange(&mut gateway.agent.connect().await, &head).await;
        refused.head.lines().next().unwrap().to_owned()
    };
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let denied = format!("POST /denied HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n");
    let refused = exchange(&mut tunnel, &denied).await;
    let told = refused.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(
        refused.head.lines().next().unwrap(),
        format!("HTTP/1.1 403 {told}")
    );
    for (path, phrase) in [
        ("asked", "Ask #infra."),
        ("long", "Forbidden"),
        ("foreign", "Forbidden"),
    ] {
        let told = line(&format!("GET http://{PLAIN}/{path}"), PLAIN).await;
        assert_eq!(told, format!("HTTP/1.1 403 {phrase}"));
    }
}
