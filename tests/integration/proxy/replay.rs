//! What is read before the decision reaches the upstream whole, over every pair of HTTP versions.

use bytes::Bytes;
use http::Version;

use super::rig::{self, HOST};
use crate::support::agent::{exchange, read_answer, read_interim};
use crate::support::upstream::{Speaks, Upstream};

const MEBI: usize = 1 << 20;

/// JSON of this length whose bytes show a lost, doubled or moved chunk; empty for 0.
fn body(length: usize) -> Bytes {
    let Some(pad) = length.checked_sub(r#"{"pad":""}"#.len()) else {
        return Bytes::new();
    };
    let pad: String = (0..pad)
        .map(|at| char::from(b'0' + u8::try_from(at % 73).unwrap()))
        .collect();
    let pad = pad.replace('\\', "~");
    Bytes::from(format!(r#"{{"pad":"{pad}"}}"#))
}

/// A request body without a declared length.
fn unsized_body(bytes: &Bytes) -> reqwest::Body {
    let chunks: Vec<_> = bytes
        .chunks(9000)
        .map(|chunk| Ok::<_, std::io::Error>(bytes.slice_ref(chunk)))
        .collect();
    reqwest::Body::wrap(http_body_util::StreamBody::new(Chunks(chunks.into_iter())))
}

struct Chunks<I>(I);

impl<I: Iterator<Item = Result<Bytes, std::io::Error>> + Unpin> futures_core::Stream for Chunks<I> {
    type Item = Result<hyper::body::Frame<Bytes>, std::io::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(
            self.get_mut()
                .0
                .next()
                .map(|chunk| chunk.map(hyper::body::Frame::data)),
        )
    }
}

async fn check(down: Version, up: Speaks, path: &str) {
    let upstream = Upstream::speaking(&[HOST], up).await;
    let gateway = rig::start(&upstream).await;
    let client = if down == Version::HTTP_2 {
        gateway.agent.http2()
    } else {
        gateway.agent.http1()
    };
    for (length, sized) in [(14, true), (MEBI, true), (MEBI, false), (0, true)] {
        let bytes = body(length);
        let request = client.post(format!("https://{HOST}{path}"));
        let request = if sized {
            request.body(bytes.clone())
        } else {
            request.body(unsized_body(&bytes))
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.version(), down);
        assert!(answer.headers().contains_key("tollgate-request-id"));
        assert_eq!(answer.text().await.unwrap(), "ok");
        let received = upstream.received().pop().unwrap();
        assert!(
            received.body == bytes,
            "{} of {length} bytes arrived",
            received.body.len()
        );
        assert_eq!(received.version == Version::HTTP_2, up == Speaks::Http2);
        assert_eq!(received.header("authorization"), Some("Bearer injected"));
        assert_eq!(received.header("proxy-authorization"), None);
        assert_eq!(received.path, path);
    }
    assert_eq!(upstream.received().len(), 4);
    // The first may still be on its way back to the pool when the next request comes.
    assert!(
        upstream.connections() < 4,
        "upstream connections are reused"
    );
}

#[tokio::test]
async fn replays_a_judged_body_from_http1_to_http1() {
    check(Version::HTTP_11, Speaks::Http1, "/read").await;
}

#[tokio::test]
async fn replays_a_judged_body_from_http1_to_http2() {
    check(Version::HTTP_11, Speaks::Http2, "/read").await;
}

#[tokio::test]
async fn replays_a_judged_body_from_http2_to_http1() {
    check(Version::HTTP_2, Speaks::Http1, "/read").await;
}

#[tokio::test]
async fn replays_a_judged_body_from_http2_to_http2() {
    check(Version::HTTP_2, Speaks::Http2, "/read").await;
}

#[tokio::test]
async fn streams_an_unread_body_over_every_pair_of_versions() {
    for down in [Version::HTTP_11, Version::HTTP_2] {
        for up in [Speaks::Http1, Speaks::Http2] {
            check(down, up, "/stream").await;
        }
    }
}

#[tokio::test]
async fn frames_a_chunked_body_that_was_read_with_its_length() {
    let upstream = Upstream::speaking(&[HOST], Speaks::Http1).await;
    let gateway = rig::start(&upstream).await;
    let request = gateway
        .agent
        .http1()
        .post(format!("https://{HOST}/read"))
        .body(unsized_body(&body(20_000)));
    assert_eq!(request.send().await.unwrap().status(), 200);
    let received = upstream.only();
    assert_eq!(received.header("content-length"), Some("20000"));
    assert_eq!(received.header("transfer-encoding"), None);
}

#[tokio::test]
async fn answers_an_expectation_and_keeps_the_connection() {
    let upstream = Upstream::speaking(&[HOST], Speaks::Http1).await;
    let gateway = rig::start(&upstream).await;
    for path in ["/read", "/stream"] {
        let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        for _ in 0..2 {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n"
            );
            let interim = {
                use tokio::io::AsyncWriteExt as _;
                tls.write_all(head.as_bytes()).await.unwrap();
                read_interim(&mut tls).await
            };
            assert!(interim.starts_with("HTTP/1.1 100 "), "{interim}");
            let answer = exchange(&mut tls, "{\"a\":1}").await;
            assert_eq!(answer.status, 200, "{}", answer.head);
        }
    }
    for received in upstream.received() {
        assert_eq!(&received.body[..], b"{\"a\":1}");
        assert_eq!(received.header("expect"), None);
    }
    assert_eq!(upstream.received().len(), 4);
}

#[tokio::test]
async fn reuses_an_http1_connection_after_a_replay() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    for _ in 0..3 {
        let answer = exchange(
            &mut tls,
            &format!("POST /read HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\n{{}}"),
        )
        .await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    }
    assert_eq!(upstream.received().len(), 3);
}

#[tokio::test]
async fn refuses_a_large_body_readably() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    for client in [gateway.agent.http1(), gateway.agent.http2()] {
        let answer = client
            .post(format!("https://{HOST}/read"))
            .body(body(5 * MEBI))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 413);
        let problem: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], "body_too_large");
    }
    assert!(upstream.received().is_empty());
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn refuses_before_reading_a_body_readably_and_keeps_the_connection() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    for client in [gateway.agent.http1(), gateway.agent.http2()] {
        for _ in 0..2 {
            let answer = client
                .post(format!("https://{HOST}/denied"))
                .body(body(200_000))
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 403);
            assert!(answer.headers().contains_key("tollgate-request-id"));
            let problem: serde_json::Value = answer.json().await.unwrap();
            assert_eq!(problem["code"], "denied");
        }
    }
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let denied = format!("POST /denied HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(exchange(&mut tls, &denied).await.status, 403);
    assert_eq!(exchange(&mut tls, &denied).await.status, 403);
    let expecting = format!(
        "POST /denied HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    );
    let answer = read_after(&mut tls, &expecting).await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (403, Some("close"))
    );
    assert_eq!(upstream.connections(), 0);
}

async fn read_after<S>(stream: &mut S, request: &str) -> crate::support::agent::Raw
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    use tokio::io::AsyncWriteExt as _;
    stream.write_all(request.as_bytes()).await.unwrap();
    read_answer(stream).await
}
