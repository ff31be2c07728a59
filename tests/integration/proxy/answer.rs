//! Answers that pass: as they come, with trailers, or without a body.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Version};
use http_body_util::BodyExt as _;
use tokio::io::AsyncWriteExt as _;

use super::rig::{self, HOST};
use crate::support::agent::{outbox, read_answer, read_interim};
use crate::support::upstream::{Reply, Speaks, Upstream};
use crate::support::wire::Wire;

#[tokio::test]
async fn passes_events_on_as_they_come() {
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let upstream = Upstream::speaking(&[HOST], speaks).await;
        let gateway = rig::start(&upstream).await;
        for client in [gateway.agent.http1(), gateway.agent.http2()] {
            let (reply, feed) = Reply::streamed(200);
            upstream.reply("/read", reply.header("content-type", "text/event-stream"));
            let mut answer = client
                .post(format!("https://{HOST}/read"))
                .body("{}")
                .send()
                .await
                .unwrap();
            for event in ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"] {
                feed.send(event).await;
                // Sent only after the one before was read: a gateway that gathers them would wait forever.
                assert_eq!(answer.chunk().await.unwrap().unwrap(), event);
            }
            drop(feed);
            assert_eq!(answer.text().await.unwrap(), "");
        }
        for finished in gateway.finished(2).await {
            assert_eq!(rig::outcome(&finished), "answered 200");
            assert_eq!(finished["response_bytes"], 27);
        }
    }
}

#[tokio::test]
async fn passes_trailers_of_grpc() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let (reply, feed) = Reply::streamed(200);
    upstream.reply(
        "/pkg.Service/Call",
        reply.header("content-type", "application/grpc"),
    );
    let request = gateway
        .agent
        .http2()
        .post(format!("https://{HOST}/pkg.Service/Call"));
    let answer = request
        .header("content-type", "application/grpc")
        .body("x")
        .send()
        .await
        .unwrap();
    feed.send("message").await;
    let trailers = HeaderMap::from_iter([(
        "grpc-status".parse().unwrap(),
        HeaderValue::from_static("0"),
    )]);
    feed.trailers(trailers).await;
    drop(feed);
    let collected = reqwest::Body::from(answer).collect().await.unwrap();
    assert_eq!(
        collected.trailers().unwrap().get("grpc-status").unwrap(),
        "0"
    );
    let received = upstream.only();
    assert_eq!(
        (received.version, received.header("te")),
        (Version::HTTP_2, Some("trailers"))
    );
}

#[tokio::test]
async fn carries_a_call_in_which_both_sides_talk_at_once() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    upstream.reply("/pkg.Service/Talk", Reply::echo());
    let (outbox, body) = outbox();
    let call = gateway
        .agent
        .http2()
        .post(format!("https://{HOST}/pkg.Service/Talk"))
        .header("content-type", "application/grpc+proto")
        .body(body);
    let answer = call.send().await.unwrap();
    let mut answer = reqwest::Body::from(answer);
    for number in 0..50 {
        // A message goes out only after the one before has come back, some of them larger than a window.
        let length: u32 = 1 << (number % 18);
        // A message of gRPC that is not compressed: a zero, its length, its bytes.
        let mut message = [&[0][..], &length.to_be_bytes()].concat();
        message.resize(5 + usize::try_from(length).unwrap(), number);
        let message = Bytes::from(message);
        outbox.send(message.clone()).await.unwrap();
        let mut echoed = Vec::new();
        while echoed.len() < message.len() {
            let frame = answer.frame().await.unwrap().unwrap();
            echoed.extend_from_slice(frame.data_ref().unwrap());
        }
        assert_eq!(echoed, message);
    }
    drop(outbox);
    let collected = answer.collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
    let finished = gateway.finished(1).await;
    assert_eq!(rig::outcome(&finished[0]), "answered 200");
    let (sent, received) = (
        finished[0]["request_bytes"].as_u64().unwrap(),
        finished[0]["response_bytes"].as_u64().unwrap(),
    );
    // The request's head is counted, too.
    assert!((received..received + 1000).contains(&sent), "{finished:?}");
}

#[tokio::test]
async fn passes_an_answer_of_trailers_only() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let reply = Reply::new(200, "").header("content-type", "application/grpc");
    upstream.reply("/pkg.Service/Call", reply.header("grpc-status", "5"));
    let request = gateway
        .agent
        .http2()
        .post(format!("https://{HOST}/pkg.Service/Call"));
    let answer = request
        .header("content-type", "application/grpc")
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["grpc-status"], "5");
    assert_eq!(answer.text().await.unwrap(), "");
}

#[tokio::test]
async fn passes_what_comes_before_the_answer() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    for _ in 0..2 {
        let ask = format!("GET /page HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        tunnel.write_all(ask.as_bytes()).await.unwrap();
        let mut served = upstream.accept().await;
        served.head().await;
        let hint = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nSet-Cookie: s=1\r\n\r\n";
        served.write(hint).await;
        // The answer itself is not there yet.
        let early = read_interim(&mut tunnel).await;
        assert!(early.starts_with("HTTP/1.1 103 "), "{early}");
        let early = early.to_ascii_lowercase();
        assert!(early.contains("link: </style.css>; rel=preload"), "{early}");
        assert!(!early.contains("set-cookie"), "{early}");
        served
            .write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            .await;
        let answer = read_answer(&mut tunnel).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    }
}

#[tokio::test]
async fn an_agent_of_http2_gets_the_answer_after_what_comes_before_it() {
    // Hints may be dropped, RFC 8297 section 2, but must not be taken for the answer.
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let ask = gateway
        .agent
        .http2()
        .get(format!("https://{HOST}/page"))
        .send();
    let serve = async {
        let mut served = upstream.accept().await;
        served.head().await;
        let hint = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
        served.write(hint).await;
        let processing = "HTTP/1.1 102 Processing\r\n\r\n";
        served.write(processing).await;
        served
            .write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await;
    };
    let (answer, ()) = tokio::join!(ask, serve);
    let answer = answer.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, Version::HTTP_2)
    );
    assert_eq!(answer.text().await.unwrap(), "ok");
    assert_eq!(rig::outcome(&gateway.finished(1).await[0]), "answered 200");
}

#[tokio::test]
async fn passes_answers_without_a_body() {
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let upstream = Upstream::speaking(&[HOST], speaks).await;
        let gateway = rig::start(&upstream).await;
        for client in [gateway.agent.http1(), gateway.agent.http2()] {
            let ask = async |method: Method, path: &str| {
                let request = client.request(method, format!("https://{HOST}{path}"));
                let answer = request.send().await.unwrap();
                let status = answer.status().as_u16();
                let length = answer.headers().get("content-length").cloned();
                let cookie = answer.headers().contains_key("set-cookie");
                (status, length, cookie, answer.text().await.unwrap())
            };
            let none = Reply::new(204, "").header("set-cookie", "session=1");
            upstream.reply("/none", none);
            upstream.reply("/unchanged", Reply::new(304, "").header("etag", "\"a\""));
            upstream.reply(
                "/moved",
                Reply::new(302, "").header("location", "/elsewhere"),
            );
            let (status, _, cookie, body) = ask(Method::DELETE, "/none").await;
            assert_eq!((status, cookie, body.as_str()), (204, false, ""));
            let (status, _, _, body) = ask(Method::GET, "/unchanged").await;
            assert_eq!((status, body.as_str()), (304, ""));
            upstream.reply("/any", Reply::new(200, "").header("content-length", "2"));
            let (status, length, _, body) = ask(Method::HEAD, "/any").await;
            assert_eq!((status, body.as_str()), (200, ""));
            assert_eq!(length.unwrap(), "2");
            // Redirects are the agent's to follow: the next request is judged again.
            let (status, _, _, body) = ask(Method::GET, "/moved").await;
            assert_eq!((status, body.as_str()), (302, ""));
            let (status, _, _, body) = ask(Method::GET, "/after").await;
            assert_eq!((status, body.as_str()), (200, "ok"));
        }
        assert_eq!(upstream.received().len(), 10);
    }
}

#[tokio::test]
async fn drops_trailers_of_a_request() {
    // They come after the decision, and some servers merge them into the headers that were judged.
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    for path in ["/stream", "/read"] {
        let ask = format!(
            "POST {path} HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Role\r\n\r\n\
             2;name=value\r\n{{}}\r\n0\r\nX-Role: admin\r\n\r\n"
        );
        tunnel.write_all(ask.as_bytes()).await.unwrap();
        let mut served = upstream.accept().await;
        let head = served.head().await.to_ascii_lowercase();
        assert!(
            !head.contains("x-role") && !head.contains("trailer:"),
            "{head}"
        );
        // What is streamed is cut anew, so an extension of a chunk is gone, too.
        let body = if path == "/read" {
            "{}"
        } else {
            "2\r\n{}\r\n0\r\n\r\n"
        };
        served
            .write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            .await;
        assert_eq!(read_answer(&mut tunnel).await.status, 200);
        assert_eq!(String::from_utf8(served.rest().await).unwrap(), body);
    }
}
