//! Streams of HTTP/2 that are not what they declare: they are reset, and nothing of them is completed upstream.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::rig::{self, HOST};
use crate::support::upstream::{Speaks, Upstream};
use crate::support::wire::Wire;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
    frame.extend_from_slice(payload);
    frame
}

/// A field that is not indexed.
fn field(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name, value] {
        field.push(u8::try_from(text.len()).unwrap());
        field.extend_from_slice(text.as_bytes());
    }
    field
}

fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    fields
        .iter()
        .flat_map(|(name, value)| field(name, value))
        .collect()
}

fn post(length: &str) -> Vec<u8> {
    fields(&[
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", HOST),
        (":path", "/stream"),
        ("content-length", length),
    ])
}

async fn begin(agent: &crate::support::agent::Agent) -> TlsStream<TcpStream> {
    let mut tls = agent.http2_wire(&format!("{HOST}:443"), HOST).await;
    tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    tls.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    tls
}

/// Returns the kind of the first frame that is about the stream, or ends the connection.
async fn told(tls: &mut TlsStream<TcpStream>) -> u8 {
    loop {
        let mut head = [0; 9];
        tls.read_exact(&mut head).await.unwrap();
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        tls.read_exact(&mut payload).await.unwrap();
        if head[8] == 1 && head[3] != 8 || head[3] == GOAWAY {
            return head[3];
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_not_what_it_declares_is_completed_nowhere() {
    let trailers = |name: &str| frame(HEADERS, END_STREAM | END_HEADERS, &field(name, "x"));
    for (case, frames) in [
        (
            "data after a length of 0",
            vec![
                frame(HEADERS, END_HEADERS, &post("0")),
                frame(DATA, END_STREAM, b"hello"),
            ],
        ),
        (
            "more data than declared",
            vec![
                frame(HEADERS, END_HEADERS, &post("5")),
                frame(DATA, 0, b"hello"),
                frame(DATA, END_STREAM, b"more"),
            ],
        ),
        (
            "trailers in capitals",
            vec![
                frame(HEADERS, END_HEADERS, &post("5")),
                frame(DATA, 0, b"hello"),
                trailers("Upper"),
            ],
        ),
        (
            "trailers of a connection",
            vec![
                frame(HEADERS, END_HEADERS, &post("5")),
                frame(DATA, 0, b"hello"),
                trailers("connection"),
            ],
        ),
    ] {
        for speaks in [Speaks::Http1, Speaks::Http2] {
            let upstream = Upstream::speaking(&[HOST], speaks).await;
            let gateway = rig::start(&upstream).await;
            let mut tls = begin(&gateway.agent).await;
            for frame in &frames {
                tls.write_all(frame).await.unwrap();
                tls.flush().await.unwrap();
            }
            let told = told(&mut tls).await;
            assert!(told == RST_STREAM || told == GOAWAY, "{case}: {told}");
            // What follows comes after whatever became of it.
            drop(tls);
            let url = format!("https://{HOST}/next");
            assert_eq!(
                gateway
                    .agent
                    .http2()
                    .get(url)
                    .send()
                    .await
                    .unwrap()
                    .status(),
                200
            );
            let whole = upstream.received().into_iter().filter(|one| one.whole);
            let paths: Vec<_> = whole.map(|one| one.path).collect();
            assert_eq!(paths, ["/next"], "{case}, {speaks:?}");
        }
    }
}

#[tokio::test]
async fn the_declared_end_of_a_body_waits_for_the_end_of_its_stream() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let mut tls = begin(&gateway.agent).await;
    tls.write_all(&frame(HEADERS, END_HEADERS, &post("8")))
        .await
        .unwrap();
    tls.write_all(&frame(DATA, 0, b"abc")).await.unwrap();
    let mut served = upstream.accept().await;
    served.head().await;
    // What is not the end is not kept back.
    served.exactly("abc").await;
    tls.write_all(&frame(DATA, 0, b"def")).await.unwrap();
    served.exactly("def").await;
    tls.write_all(&frame(DATA, 0, b"gh")).await.unwrap();
    tls.write_all(&frame(DATA, END_STREAM, b"")).await.unwrap();
    served.exactly("gh").await;
    served
        .write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .await;
    assert_eq!(told(&mut tls).await, HEADERS);
    drop(tls);
    let finished = &gateway.finished(1).await[0];
    assert_eq!(rig::outcome(finished), "answered 200");
}
