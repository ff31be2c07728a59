//! Streams: answers that may go on for ever pass bit by bit, and end with the permission that they were opened by.

use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use http_body_util::BodyExt as _;
use serde_json::Value as Json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use super::rig::{self, HOST};
use crate::support::agent::{Agent, outbox};
use crate::support::gateway::Gateway;
use crate::support::upstream::{Reply, Speaks, Upstream};

#[tokio::test]
async fn a_silent_stream_ends_when_a_reload_denies_it_and_its_neighbour_does_not() {
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let upstream = Upstream::speaking(&[HOST], speaks).await;
        let gateway = rig::start(&upstream).await;
        let client = gateway.agent.http2();
        let open = async |path: &str| {
            let (reply, feed) = Reply::streamed(200);
            upstream.reply(path, reply.header("content-type", "text/event-stream"));
            let request = client.post(format!("https://{HOST}{path}")).body("{}");
            let mut answer = request.send().await.unwrap();
            feed.send("data: 1\n\n").await;
            assert_eq!(answer.chunk().await.unwrap().unwrap(), "data: 1\n\n");
            (answer, feed)
        };
        let (mut denied, quiet) = open("/read").await;
        let (mut neighbour, events) = open("/other").await;
        let deny = "policies: [{ id: now, actions: [api.pad.read], decision: deny }]";
        gateway.write("policies.d/now.yaml", deny).await;
        // The upstream says nothing, so it is not a byte that shows that the permit is void.
        assert!(denied.chunk().await.is_err());
        events.send("data: 2\n\n").await;
        assert_eq!(neighbour.chunk().await.unwrap().unwrap(), "data: 2\n\n");
        drop((quiet, events));
        assert_eq!(neighbour.text().await.unwrap(), "");
        let mut outcomes: Vec<String> =
            gateway.finished(2).await.iter().map(rig::outcome).collect();
        outcomes.sort();
        assert_eq!(outcomes, ["answered 200", "refused denied"]);
    }
}

/// Turns the kill switch for agent `ci`.
async fn halt(gateway: &Gateway, how: Method) {
    let path = "/api/v1/kill-switch/agent/ci";
    assert_eq!(gateway.admin(how, path, &Json::Null).await.0, 200);
}

/// Halts the agent in the middle of an upload.
async fn upload(speaks: Speaks, client: impl Fn(&Agent) -> reqwest::Client) {
    let upstream = Upstream::speaking(&[HOST], speaks).await;
    let gateway = rig::start(&upstream).await;
    let (outbox, body) = outbox();
    let request = client(&gateway.agent).put(format!("https://{HOST}/upload"));
    let answer = tokio::spawn(request.body(body).send());
    outbox.send("one".into()).await.unwrap();
    gateway.decided(1).await;
    halt(&gateway, Method::PUT).await;
    // Fails where the client has read the answer by then.
    let _ = outbox.send("two".into()).await;
    let answer = answer.await.unwrap();
    let answer = answer.unwrap_or_else(|error| panic!("{speaks:?}: {error:?}"));
    assert_eq!(answer.status(), 403, "{speaks:?}");
    let told: Json = answer.json().await.unwrap();
    assert_eq!(told["code"], "killed", "{speaks:?}");
    let finished = &gateway.finished(1).await[0];
    assert_eq!(rig::outcome(finished), "refused killed", "{speaks:?}");
}

#[tokio::test]
async fn an_upload_ends_with_a_halt_and_the_agent_reads_why() {
    tokio::join!(
        upload(Speaks::Http1, Agent::http1),
        upload(Speaks::Http1, Agent::http2),
        upload(Speaks::Http2, Agent::http1),
        upload(Speaks::Http2, Agent::http2),
    );
}

#[tokio::test]
async fn a_call_in_which_nobody_talks_ends_with_a_halt() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    upstream.reply("/pkg.Service/Talk", Reply::echo());
    let (outbox, body) = outbox();
    let call = gateway
        .agent
        .http2()
        .post(format!("https://{HOST}/pkg.Service/Talk"))
        .header("content-type", "application/grpc");
    outbox.send("hello".into()).await.unwrap();
    let mut answer = reqwest::Body::from(call.body(body).send().await.unwrap());
    let echoed = answer.frame().await.unwrap().unwrap();
    assert_eq!(echoed.data_ref().unwrap(), "hello");
    halt(&gateway, Method::PUT).await;
    assert!(answer.frame().await.is_none_or(|frame| frame.is_err()));
    let finished = &gateway.finished(1).await[0];
    assert_eq!(rig::outcome(finished), "refused killed");
    drop(outbox);
}

/// Halts the agent while nothing at all passes: the upstream has the request and says nothing, or has begun an answer of a known
/// length and says no more. It never goes on, so the agent's request ends by the halt alone.
async fn silence(speaks: Speaks, client: impl Fn(&Agent) -> reqwest::Client, begun: bool) {
    let upstream = Upstream::speaking(&[HOST], speaks).await;
    let gateway = rig::start(&upstream).await;
    let (reply, feed) = Reply::streamed(200);
    let reply = if begun {
        reply.header("content-length", "1000000")
    } else {
        reply
    };
    upstream.reply("/read", if begun { reply } else { Reply::silence() });
    let request = client(&gateway.agent).post(format!("https://{HOST}/read"));
    let asked = tokio::spawn(request.body("{}").send());
    if begun {
        // So much that it is not kept back for want of more.
        feed.send(vec![b'x'; 200_000]).await;
        let mut answer = asked.await.unwrap().unwrap();
        assert!(answer.chunk().await.unwrap().is_some());
        halt(&gateway, Method::PUT).await;
        while answer.chunk().await.is_ok_and(|chunk| chunk.is_some()) {}
    } else {
        upstream.wait_for(1).await;
        halt(&gateway, Method::PUT).await;
        let answer = asked.await.unwrap().unwrap();
        assert_eq!(answer.status(), 403, "{speaks:?}");
    }
    let finished = &gateway.finished(1).await[0];
    assert_eq!(
        rig::outcome(finished),
        "refused killed",
        "{speaks:?} {begun}"
    );
    drop(feed);
}

/// Halts the agent while its upstream is being connected to, which never comes to an end.
async fn connecting(address: SocketAddr, upstream: impl Future<Output = ()>) {
    let gateway = rig::reaching(&[address], "").await;
    let request = gateway.agent.http1().get(format!("https://{HOST}/page"));
    let asked = tokio::spawn(request.send());
    gateway.decided(1).await;
    upstream.await;
    halt(&gateway, Method::PUT).await;
    let answer = asked.await.unwrap().unwrap();
    assert_eq!(answer.status(), 403);
    let finished = &gateway.finished(1).await[0];
    assert_eq!(rig::outcome(finished), "refused killed");
}

#[tokio::test]
async fn connecting_to_an_upstream_that_does_not_answer_ends_with_a_halt() {
    let loopback = "127.0.0.1:0".parse().unwrap();
    let silent = TcpListener::bind::<SocketAddr>(loopback).await.unwrap();
    let address = silent.local_addr().unwrap();
    let mut accepted = Vec::new();
    // It takes the connection and says nothing in the handshake of TLS.
    connecting(address, async {
        accepted.push(silent.accept().await.unwrap())
    })
    .await;

    // An agent that comes once its queue is full waits for a place.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(loopback).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(Ok(waiting)) =
        timeout(Duration::from_millis(50), TcpStream::connect(address)).await
    {
        queue.push(waiting);
        assert!(queue.len() < 64);
    }
    connecting(address, async {}).await;
}

#[tokio::test]
async fn an_answer_that_is_awaited_or_has_fallen_silent_ends_with_a_halt() {
    for begun in [false, true] {
        tokio::join!(
            silence(Speaks::Http1, Agent::http1, begun),
            silence(Speaks::Http1, Agent::http2, begun),
            silence(Speaks::Http2, Agent::http1, begun),
            silence(Speaks::Http2, Agent::http2, begun),
        );
    }
}
