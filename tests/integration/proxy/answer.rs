//! Answers that pass: as they come, with trailers, or without a body.

use http::{HeaderMap, HeaderValue, Version};

use super::rig::{self, HOST};
use crate::support::upstream::{Reply, Speaks, Upstream};

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
    use http_body_util::BodyExt as _;

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
async fn passes_answers_without_a_body() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    upstream.reply(
        "/none",
        Reply::new(204, "").header("set-cookie", "session=1"),
    );
    upstream.reply("/unchanged", Reply::new(304, ""));
    let client = gateway.agent.http1();
    let answer = client
        .delete(format!("https://{HOST}/none"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers().get("set-cookie")),
        (204, None)
    );
    let answer = client
        .get(format!("https://{HOST}/unchanged"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 304);
    let answer = client
        .head(format!("https://{HOST}/any"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["content-length"].to_str().unwrap()
        ),
        (200, "2")
    );
    assert_eq!(
        client
            .get(format!("https://{HOST}/after"))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "ok"
    );
}
