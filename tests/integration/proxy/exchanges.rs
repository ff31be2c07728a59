//! One exchange after the other on a kept upstream connection: it is kept only after both directions have ended exactly where
//! they should, so nobody reads what was left over of somebody else's.

use bytes::Bytes;
use http::StatusCode;
use tokio::io::AsyncWriteExt as _;

use super::rig::{self, HOST};
use crate::support::agent::{Agent, outbox, read_answer};
use crate::support::wire::{Connection, Wire};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const MINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine";

/// Asks for `/next` and answers it on a connection that must be a new one; the one before must be closed by then.
async fn next_is_fresh(client: &reqwest::Client, upstream: &Wire, mut before: Connection) {
    let url = format!("https://{HOST}/next");
    let serve = async {
        let mut fresh = upstream.accept().await;
        assert!(fresh.head().await.starts_with("GET /next "));
        fresh.write(MINE).await;
        fresh
    };
    let (answer, _fresh) = tokio::join!(client.get(url).send(), serve);
    assert_eq!(answer.unwrap().text().await.unwrap(), "mine");
    before.rest().await;
}

#[tokio::test]
async fn an_upload_of_unknown_length_ends_once() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let client = gateway.agent.http2();
    let (outbox, body) = outbox();
    let request = client
        .post(format!("https://{HOST}/stream"))
        .body(body)
        .send();
    let serve = async {
        outbox.send(Bytes::from_static(b"abc")).await.unwrap();
        // An empty frame marks the end.
        drop(outbox);
        let mut served = upstream.accept().await;
        served.head().await;
        served.exactly("3\r\nabc\r\n0\r\n\r\n").await;
        served.write(OK).await;
        served
    };
    let (answer, mut served) = tokio::join!(request, serve);
    assert_eq!(answer.unwrap().text().await.unwrap(), "ok");
    // On whichever connection: what comes next there is the next request, and nothing else.
    let next = client.get(format!("https://{HOST}/next")).send();
    let serve = async {
        let mut serving = tokio::select! {
            head = served.head() => {
                assert!(head.starts_with("GET /next "), "{head:?}");
                served
            }
            mut fresh = upstream.accept() => {
                fresh.head().await;
                fresh
            }
        };
        serving.write(MINE).await;
        serving
    };
    let (answer, _served) = tokio::join!(next, serve);
    assert_eq!(answer.unwrap().text().await.unwrap(), "mine");
}

#[tokio::test]
async fn a_connection_that_was_answered_before_the_upload_was_whole_is_not_kept() {
    for second in [false, true] {
        let upstream = Wire::tls(&[HOST]).await;
        let gateway = rig::wired(&upstream).await;
        let (outbox, body) = outbox();
        let client = client(&gateway.agent, second);
        let request = client.post(format!("https://{HOST}/stream")).body(body);
        let serve = async {
            outbox.send(Bytes::from_static(b"abc")).await.unwrap();
            let mut served = upstream.accept().await;
            served.head().await;
            served.exactly("3\r\nabc\r\n").await;
            served.write(OK).await;
            served
        };
        let (answer, served) = tokio::join!(request.send(), serve);
        let answer = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        drop(outbox);
        let _ = answer.bytes().await;
        gateway.finished(1).await;
        next_is_fresh(&client, &upstream, served).await;
    }
}

#[tokio::test]
async fn a_connection_with_bytes_beyond_the_answer_is_not_kept() {
    for (method, answer) in [
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
        ),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx"),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n0\r\n\r\n",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 103 Early Hints\r\n\r\n",
        ),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\nbody"),
        (
            "GET",
            "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok",
        ),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("GET", "HTTP/1.1 200 OK\r\n\r\nok"),
    ] {
        for second in [false, true] {
            let upstream = Wire::tls(&[HOST]).await;
            let gateway = rig::wired(&upstream).await;
            let client = client(&gateway.agent, second);
            let request = client.request(method.parse().unwrap(), format!("https://{HOST}/page"));
            let serve = async {
                let mut served = upstream.accept().await;
                served.head().await;
                served.write(answer).await;
                if answer.ends_with("\r\n\r\nok") && !answer.contains("Length") {
                    served.stream.shutdown().await.unwrap();
                }
                served
            };
            let (answered, served) = tokio::join!(request.send(), serve);
            let _ = answered.unwrap().bytes().await;
            gateway.finished(1).await;
            next_is_fresh(&client, &upstream, served).await;
        }
    }
}

#[tokio::test]
async fn an_upload_that_is_broken_off_costs_its_connection() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let ask = format!("POST /stream HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\nhalf");
    tunnel.write_all(ask.as_bytes()).await.unwrap();
    let mut served = upstream.accept().await;
    served.head().await;
    served.exactly("half").await;
    drop(tunnel);
    gateway.finished(1).await;
    next_is_fresh(&gateway.agent.http1(), &upstream, served).await;
}

#[tokio::test]
async fn a_connection_is_kept_after_a_clean_exchange() {
    let clean = [
        OK,
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 00\r\n\r\n",
    ];
    // Each version of HTTP has a pool of its own.
    for second in [false, true] {
        let upstream = Wire::tls(&[HOST]).await;
        let gateway = rig::wired(&upstream).await;
        let mut served: Option<Connection> = None;
        let mut reused = 0;
        for (at, answer) in clean.iter().cycle().take(20).enumerate() {
            let client = client(&gateway.agent, second);
            let request = client.post(format!("https://{HOST}/stream")).body("abc");
            let serve = async {
                let mut serving = match served.take() {
                    None => upstream.accept().await,
                    Some(mut kept) => tokio::select! {
                        _ = kept.readable() => {
                            reused += 1;
                            kept
                        }
                        // The other one was still on its way back to the pool.
                        fresh = upstream.accept() => fresh,
                    },
                };
                serving.head().await;
                serving.exactly("abc").await;
                serving.write(answer).await;
                serving
            };
            let (answered, kept) = tokio::join!(request.send(), serve);
            answered.unwrap().bytes().await.unwrap();
            served = Some(kept);
            gateway.finished(at + 1).await;
        }
        assert!(reused > 10, "{reused}");
    }
}

fn client(agent: &Agent, second: bool) -> reqwest::Client {
    if second { agent.http2() } else { agent.http1() }
}

#[tokio::test]
async fn what_an_agent_sends_after_an_early_answer_is_nobodys_request() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let ask = format!("POST /stream HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 6\r\n\r\nabc");
    tunnel.write_all(ask.as_bytes()).await.unwrap();
    let mut served = upstream.accept().await;
    served.head().await;
    served.exactly("abc").await;
    served.write(OK).await;
    assert_eq!(read_answer(&mut tunnel).await.text(), "ok");
    // The rest comes after the answer; it is nobody's request.
    let _ = tunnel.write_all(b"def").await;
    gateway.finished(1).await;
    next_is_fresh(&gateway.agent.http1(), &upstream, served).await;
}
