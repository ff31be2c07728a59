//! Bytes that are no clean HTTP: whatever comes, the gateway goes on, and nothing leaves that was not judged.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinSet;

use crate::support::agent::{Agent, exchange};
use crate::support::gateway::{Builder, Gateway};
use crate::support::property::samples;
use crate::support::upstream::Upstream;

const HOST: &str = "api.test";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
http: true
auth: none
routes:
  - { action: item.touch, match: '* /items/{item}', risk: low }
  - { action: item.write, match: 'POST|PUT /written/{item}', risk: low, params: { title: $.title } }
  - { action: secret.read, match: 'GET /smuggled', risk: low }
fallback: { risk: low }
";

const POLICY: &str = "
permissions: [{ agents: [ci], allow: [api.*, api.unknown] }]
policies: [{ id: secrets-stay, actions: [api.secret.read], decision: deny }]
";

/// What an attacker wants sent without it being judged. It ends the connection where it is judged.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n";

/// How long a connection may be silent after its first answer before its other side is closed too.
const QUIET: Duration = Duration::from_millis(300);

/// Longest wait for that answer: some cases leave the gateway waiting for more, and it gives up after a second.
const TIME_LIMIT: Duration = Duration::from_secs(20);

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(texts)
}

fn request_line() -> impl Strategy<Value = String> {
    let method = one_of(&[
        "GET", "GET", "POST", "POST", "PUT", "HEAD", "OPTIONS", "get", "CONNECT", "TRACE", "PRI",
        "G\u{1}T", "",
    ]);
    let target = one_of(&[
        "/items/1",
        "/items/1",
        "/written/1",
        "/written/1",
        "*",
        "",
        "//",
        "/items/1#x",
        "/items/%00",
        "/items/\u{7f}",
        "/items/a b",
        "/items/é",
        "?",
        "http://api.test/items/2",
        "https://api.test/items/3",
        "http://evil.test/items/4",
        "http://api.test@evil.test/items/5",
        "http://api.test:80/items/6",
        "api.test:443",
        "http://[::1]/items/7",
        "http://api.test",
        "/items/1?a=b&c",
        "/items/1?;",
        "/items/1?a=\u{202e}",
    ]);
    let version = one_of(&[
        "HTTP/1.1",
        "HTTP/1.1",
        "HTTP/1.1",
        "HTTP/1.0",
        "HTTP/2.0",
        "HTTP/1.11",
        "",
        "http/1.1",
    ]);
    (method, target, version)
        .prop_map(|(method, target, version)| format!("{method} {target} {version}\r\n"))
}

fn header() -> impl Strategy<Value = &'static str> {
    one_of(&[
        "Host: api.test\r\n",
        "Host: evil.test\r\n",
        "Host: api.test:80\r\n",
        "host:api.test\r\n",
        "Host : api.test\r\n",
        "Host:\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 0\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length:\r\n",
        "Content-Length\u{b}: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: Chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n",
        "Transfer_Encoding: chunked\r\n",
        "X: y\r\n",
        "X: y\n",
        "X: y\r",
        "X: a\r\n b\r\n",
        " X: y\r\n",
        "X\u{0}: y\r\n",
        "X: \u{0}\r\n",
        ": y\r\n",
        "X\r\n",
        "Expect: 100-continue\r\n",
        "Expect: x\r\n",
        "Connection: close\r\n",
        "Connection: Host\r\n",
        "Connection: Content-Length\r\n",
        "Connection: upgrade\r\n",
        "Upgrade: h2c\r\n",
        "Upgrade: websocket\r\n",
        "HTTP2-Settings: AAMAAABk\r\n",
        "TE: trailers\r\n",
        "Trailer: X\r\n",
        "Content-Encoding: gzip\r\n",
        "Content-Type: application/json\r\n",
        "Proxy-Connection: close\r\n",
    ])
}

fn body() -> impl Strategy<Value = &'static str> {
    one_of(&[
        "",
        "",
        "hello",
        "{\"title\":\"a\"}",
        "0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "5;a=\"\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "5\nhello\n0\n\n",
        "-1\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\n",
        "5\r\nhelloworld\r\n0\r\n\r\n",
        "0\r\nContent-Length: 5\r\n\r\n",
        "\r\n",
        "\u{0}",
    ])
}

/// Heads of bits that servers are known to cut in different ways, each followed by what it would smuggle. Half of them begin
/// as a request should, with `good`.
fn attempts(good: &'static [&'static str], count: usize) -> Vec<String> {
    let line = prop_oneof![one_of(good).prop_map(str::to_owned), request_line()];
    let headers = prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(header(), 1..2),
        prop::collection::vec(header(), 1..4),
    ];
    let bits = (line, headers, prop::bool::weighted(0.9), body());
    let attempt = bits.prop_map(|(line, headers, named, body)| {
        let host = if named { "Host: api.test\r\n" } else { "" };
        format!("{line}{host}{}\r\n{body}{SMUGGLED}", headers.concat())
    });
    samples(&attempt, count)
}

async fn start() -> (Upstream, Upstream, Gateway) {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        print(panic);
    }));
    let upstream = Upstream::start(&[HOST]).await;
    let plain = Upstream::plain().await;
    let gateway = Builder::new()
        .connector("api", CONNECTOR)
        .policy("api", POLICY)
        .upstream("api.test:443", &upstream)
        .upstream("api.test:80", &plain)
        .settings("limits: { request_head: 1s }")
        .start()
        .await;
    (upstream, plain, gateway)
}

/// Writes bytes, and reads until the gateway closes or has nothing more to say.
async fn provoke<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> String {
    // The gateway may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    let mut wait = TIME_LIMIT;
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(wait, stream.read(&mut chunk)).await {
        answer.extend_from_slice(&chunk[..count]);
        wait = QUIET;
    }
    let _ = stream.shutdown().await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Asserts that the gateway is well, and that all that left was judged before.
async fn judge(upstreams: [&Upstream; 2], gateway: &Gateway) {
    let mut tls = gateway.agent.tls_tunnel("api.test:443", HOST).await;
    let last = exchange(
        &mut tls,
        "GET /items/last HTTP/1.1\r\nHost: api.test\r\n\r\n",
    )
    .await;
    assert_eq!(last.status, 200);
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
    let mut sent: HashMap<(String, String), usize> = HashMap::new();
    for received in upstreams.iter().flat_map(|upstream| upstream.received()) {
        // Bits in front of it may make another method of it, which is judged as what it is.
        assert!(received.method != "GET" || received.path != "/smuggled");
        *sent
            .entry((received.method.to_string(), received.path))
            .or_default() += 1;
    }
    for record in gateway.decided(1).await {
        if record["decision"] == "allow" {
            let text = |key: &str| record[key].as_str().unwrap().to_owned();
            let count = sent.entry((text("method"), text("path"))).or_default();
            *count = count.saturating_sub(1);
        }
    }
    sent.retain(|_, count| *count > 0);
    assert!(sent.is_empty(), "sent without a record: {sent:?}");
}

/// What the bytes are written into.
#[derive(Clone, Copy)]
enum Into {
    Tunnel,
    Port,
}

/// Sends each attempt through a connection of its own, all at once.
async fn send(agent: &Agent, into: Into, attempts: Vec<String>) -> Vec<String> {
    let mut tries = JoinSet::new();
    for attempt in attempts {
        let agent = agent.clone();
        tries.spawn(async move {
            let bytes = attempt.as_bytes();
            match into {
                Into::Tunnel => {
                    let mut tls = agent.tls_tunnel("api.test:443", HOST).await;
                    provoke(&mut tls, bytes).await
                }
                Into::Port => provoke(&mut agent.connect().await, bytes).await,
            }
        });
    }
    tries.join_all().await
}

/// Asserts that both sides of the border are tried.
fn check_mix(answers: &[String]) {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for answer in answers {
        *counts.entry(answer.get(..12).unwrap_or("")).or_default() += 1;
    }
    let count = |status: &str| counts.get(status).copied().unwrap_or_default();
    assert!(
        count("HTTP/1.1 200") > 10 && count("HTTP/1.1 400") > 10,
        "{counts:?} {answers:#?}"
    );
}

#[tokio::test]
async fn nothing_unjudged_leaves_a_tunnel_whatever_bytes_are_in_it() {
    let (upstream, plain, gateway) = start().await;
    let attempts = attempts(
        &[
            "GET /items/1 HTTP/1.1\r\n",
            "POST /items/1 HTTP/1.1\r\n",
            "PUT /written/1 HTTP/1.1\r\n",
        ],
        300,
    );
    let answers = send(&gateway.agent, Into::Tunnel, attempts).await;
    check_mix(&answers);
    judge([&upstream, &plain], &gateway).await;
}

#[tokio::test]
async fn nothing_unjudged_leaves_the_proxy_port_whatever_bytes_are_sent_to_it() {
    let (upstream, plain, gateway) = start().await;
    let named = format!("\r\nHost: api.test\r\n{}", gateway.agent.authorization());
    let good = &[
        "GET http://api.test/items/1 HTTP/1.1\r\n",
        "POST http://api.test/items/1 HTTP/1.1\r\n",
        "PUT https://api.test/written/1 HTTP/1.1\r\n",
    ];
    let attempts = attempts(good, 300)
        .iter()
        .map(|attempt| attempt.replace("\r\nHost: api.test\r\n", &named))
        .collect();
    let answers = send(&gateway.agent, Into::Port, attempts).await;
    check_mix(&answers);
    judge([&upstream, &plain], &gateway).await;
}

#[tokio::test]
async fn no_target_of_a_connect_breaks_the_gateway() {
    let (upstream, plain, gateway) = start().await;
    let bits = one_of(&[
        "api.test",
        ":443",
        ":80",
        ":0",
        ":65536",
        ":",
        "[",
        "]",
        "::1",
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "@",
        "%2e",
        "%",
        "..",
        ".",
        "\u{0}",
        "\u{1b}",
        "é",
        "/",
        "?",
        "#",
        "http://",
        "localhost",
        "-",
        "_",
        "*",
        ",",
        " ",
        "\t",
        "443",
    ]);
    let target = prop::collection::vec(bits, 0..4).prop_map(|bits| bits.concat());
    let authorization = gateway.agent.authorization();
    let attempts = samples(&target, 200).into_iter().map(|target| {
        // What follows looks like the beginning of a handshake.
        format!("CONNECT {target} HTTP/1.1\r\nHost: x\r\n{authorization}\r\n\u{16}\u{3}\u{1}")
    });
    let answers = send(&gateway.agent, Into::Port, attempts.collect()).await;
    let answered = answers.iter().filter(|answer| !answer.is_empty()).count();
    assert!(answered > 100, "of 200 only {answered} got an answer");
    for answer in &answers {
        let known = ["HTTP/1.1 400", "HTTP/1.1 200"];
        assert!(
            (answer.is_empty() || known.iter().any(|known| answer.starts_with(known)))
                && !answer.contains(['\u{1b}', '\u{0}']),
            "{answer}"
        );
    }
    judge([&upstream, &plain], &gateway).await;
}
