//! Upstreams that answer anything at all: the agent gets one answer or an end, nothing that is not meant for it, and every
//! exchange has its two records.

use std::collections::HashMap;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::rig::{self, HOST};
use crate::support::gateway::Gateway;
use crate::support::property::samples;
use crate::support::wire::Wire;

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(texts)
}

fn status_line() -> impl Strategy<Value = &'static str> {
    one_of(&[
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 204 \r\n",
        "HTTP/1.1 304 x\r\n",
        "HTTP/1.0 200 OK\r\n",
        "HTTP/1.1 99 x\r\n",
        "HTTP/1.1 000 x\r\n",
        "HTTP/1.1 1000 x\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n",
        "HTTP/1.1 407 x\r\n",
        "HTTP/1.1 103 Early\r\nSet-Cookie: early=hidden-cookie\r\n\r\nHTTP/1.1 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
        "HTTP/2 200\r\n",
        "ICY 200 OK\r\n",
        "200 OK\r\n",
        "\r\n",
        "",
        "\u{0}\u{0}\u{0}",
    ])
}

fn header() -> impl Strategy<Value = &'static str> {
    one_of(&[
        "Content-Length: 2\r\n",
        "Content-Length: 2\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 2, 2\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: x\r\n",
        "Set-Cookie: session=hidden-cookie\r\n",
        "Set-Cookie2: session=hidden-cookie\r\n",
        "set-cookie:session=hidden-cookie\r\n",
        "Tollgate-Decision: forged\r\n",
        "Tollgate-Code: forged\r\n",
        "Tollgate-Request-Id: forged\r\n",
        "Proxy-Authenticate: Basic realm=\"forged\"\r\n",
        "Connection: close\r\n",
        "Connection: Tollgate-Decision\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n",
        "Upgrade: h2c\r\n",
        "Trailer: Set-Cookie\r\n",
        "Content-Encoding: x\r\n",
        "X: a\n b\r\n",
        "X\u{0}: y\r\n",
        ": y\r\n",
        "X: \u{e9}\r\n",
        "no header\r\n",
    ])
}

fn body() -> impl Strategy<Value = &'static str> {
    one_of(&[
        "ok",
        "ok",
        "",
        "2\r\nok\r\n0\r\n\r\n",
        "2\r\nok\r\n0\r\nSet-Cookie: trailer=1\r\n\r\n",
        "2;a=\"\r\nok\r\n0\r\n\r\n",
        "-2\r\nok\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nok\r\n0\r\n\r\n",
        "okHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
        "\u{0}\u{1}\u{2}",
    ])
}

/// Answers of bits that HTTP libraries are known to read in different ways.
fn answers(count: usize) -> Vec<String> {
    let headers = prop::collection::vec(header(), 0..4);
    let answer = (status_line(), headers, body())
        .prop_map(|(line, headers, body)| format!("{line}{}\r\n{body}", headers.concat()));
    samples(&answer, count)
}

/// Asks once; returns all that the agent reads until the connection ends.
async fn ask(gateway: &Gateway, at: usize) -> String {
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let request = format!("GET /items/{at} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    tls.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    // Broken off without a farewell is an end, too.
    let _ = tls.read_to_end(&mut read).await;
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn whatever_an_upstream_answers_the_agent_reads_what_is_meant_for_it_and_the_gateway_goes_on()
{
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let mut statuses: HashMap<String, usize> = HashMap::new();
    let answers = answers(250);
    for (at, answer) in answers.iter().enumerate() {
        let serve = async {
            let mut connection = upstream.accept().await;
            connection.head().await;
            connection.write(answer).await;
            // What is open at both ends would wait for the other.
            let _ = connection.stream.shutdown().await;
        };
        let (read, ()) = tokio::join!(ask(&gateway, at), serve);
        assert!(
            !read.contains("hidden-cookie"),
            "{answer:?} became {read:?}"
        );
        let (head, _) = read.split_once("\r\n\r\n").unwrap_or((&read, ""));
        assert!(!head.contains("forged"), "{answer:?} became {read:?}");
        let status = read.get(..12).unwrap_or("").to_owned();
        *statuses.entry(status).or_default() += 1;
    }
    let count = |status: &str| statuses.get(status).copied().unwrap_or_default();
    assert!(
        count("HTTP/1.1 200") > 5 && count("HTTP/1.1 502") > 20,
        "{statuses:?}"
    );
    let finished = gateway.finished(answers.len()).await;
    assert_eq!(finished.len(), answers.len());
    let decided = gateway.decided(answers.len()).await;
    assert_eq!(decided.len(), answers.len());
    for record in finished {
        assert_ne!(record["outcome"], "unknown", "{record}");
    }
}
