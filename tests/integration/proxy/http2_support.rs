//! Upstreams of HTTP/2 that answer what cannot be read, or refuse a stream: it costs that exchange, and nothing after it.

use super::rig::{self, HOST};
use crate::support::gateway::Gateway;
use crate::support::wire::{Connection, Wire};

/// HEADERS that end their stream: `:status: 200`.
fn ok(stream: u8) -> [u8; 10] {
    [0, 0, 1, 1, 5, 0, 0, 0, stream, 0x88]
}

/// Resets a stream as refused.
fn refused(stream: u8) -> [u8; 13] {
    [0, 0, 4, 3, 0, 0, 0, 0, stream, 0, 0, 0, 7]
}

/// HEADERS frames that are no answer.
fn malformed(stream: u8) -> Vec<Vec<u8>> {
    let headers = |block: &[u8]| {
        let length = u8::try_from(block.len()).unwrap();
        let mut frame = vec![0, 0, length, 1, 5, 0, 0, 0, stream];
        frame.extend_from_slice(block);
        frame
    };
    vec![
        // No HPACK.
        headers(&[0xff, 0xff, 0xff, 0xff, 0xff]),
        // No status.
        headers(b"\x00\x01x\x01y"),
        // A name in capitals.
        headers(b"\x88\x00\x01X\x01y"),
        // `:status: no`.
        headers(b"\x08\x02no"),
        // `connection: close`.
        headers(b"\x88\x00\x0aconnection\x05close"),
    ]
}

async fn get(gateway: &Gateway, path: &str) -> reqwest::Response {
    let url = format!("https://{HOST}{path}");
    gateway.agent.http1().get(url).send().await.unwrap()
}

/// Waits for a request of HTTP/2, on a kept connection or on a new one.
async fn request(upstream: &Wire, kept: Option<Connection>) -> (Connection, u8) {
    if let Some(mut kept) = kept {
        tokio::select! {
            () = kept.readable() => {
                let stream = kept.headers().await;
                return (kept, stream);
            }
            mut fresh = upstream.accept() => {
                fresh.begin_http2().await;
                let stream = fresh.headers().await;
                return (fresh, stream);
            }
        }
    }
    let mut fresh = upstream.accept().await;
    fresh.begin_http2().await;
    let stream = fresh.headers().await;
    (fresh, stream)
}

#[tokio::test]
async fn an_answer_of_http2_that_cannot_be_read_costs_its_exchange_only() {
    for case in 0..malformed(0).len() {
        let upstream = Wire::http2(&[HOST]).await;
        let gateway = rig::wired(&upstream).await;
        for round in 0..3 {
            let serve = async {
                let (mut served, stream) = request(&upstream, None).await;
                served.write(&malformed(stream)[case]).await;
                served
            };
            let (answer, served) = tokio::join!(get(&gateway, "/page"), serve);
            assert_eq!(answer.status(), 502, "{case}");
            let problem: serde_json::Value = answer.json().await.unwrap();
            assert_eq!(problem["code"], "upstream_malformed", "{case}");
            drop(served);
            // Only HTTP/2 is spoken here, so nothing else can have been asked for.
            let serve = async {
                let (mut served, stream) = request(&upstream, None).await;
                served.write(ok(stream)).await;
                served
            };
            let (answer, served) = tokio::join!(get(&gateway, "/page"), serve);
            assert_eq!(answer.status(), 200, "{case}, {round}");
            drop(served);
        }
        assert!(upstream.accepted().await.is_none(), "{case}");
    }
}

#[tokio::test]
async fn a_stream_that_is_refused_unread_is_asked_for_once_more() {
    for method in ["GET", "POST"] {
        for refusals in [1, 2] {
            let upstream = Wire::http2(&[HOST]).await;
            let gateway = rig::wired(&upstream).await;
            let client = gateway.agent.http1();
            let url = format!("https://{HOST}/stream");
            let ask = client.request(method.parse().unwrap(), url).send();
            let serve = async {
                let (mut served, stream) = request(&upstream, None).await;
                served.write(refused(stream)).await;
                let (mut served, stream) = request(&upstream, Some(served)).await;
                let again = if refusals == 1 {
                    ok(stream).to_vec()
                } else {
                    refused(stream).to_vec()
                };
                served.write(again).await;
                served
            };
            let (answer, mut served) = tokio::join!(ask, serve);
            let answer = answer.unwrap();
            let expected = if refusals == 1 { 200 } else { 502 };
            assert_eq!(answer.status(), expected, "{method}");
            let outcome = rig::outcome(&gateway.finished(1).await[0]);
            if refusals == 1 {
                assert_eq!(outcome, "answered 200", "{method}");
            } else {
                assert_eq!(outcome, "upstream_failed unprocessed", "{method}");
                let problem: serde_json::Value = answer.json().await.unwrap();
                assert_eq!(problem["code"], "upstream_unreachable", "{method}");
                let detail = problem["detail"].as_str().unwrap();
                assert!(detail.contains("took no effect"), "{detail}");
            }
            // The next request on the wire is the next one of the agent.
            let serve = async {
                let stream = tokio::select! {
                    stream = served.headers() => stream,
                    mut fresh = upstream.accept() => {
                        fresh.begin_http2().await;
                        let stream = fresh.headers().await;
                        served = fresh;
                        stream
                    }
                };
                served.write(ok(stream)).await;
                served
            };
            let (answer, _served) = tokio::join!(get(&gateway, "/next"), serve);
            assert_eq!(answer.status(), 200, "{method}");
        }
    }
}
