//! What one agent may use ends where it would be missing for others; over a limit there is an answer that can be read.

use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::rig::{self, HOST};
use crate::support::agent::{Agent, exchange, is_closed, outbox, read_answer, read_interim};
use crate::support::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, Frames, HEADERS, block, frame,
};
use crate::support::gateway::Gateway;
use crate::support::upstream::{Reply, Speaks, Upstream};

const OTHER: &str = "tga_other_0123456789abcdef01234567890";

/// Agents `ci` and `other` may both use what the upstream has.
async fn start(upstream: &Upstream, limits: &str) -> Gateway {
    let policy = "permissions: [{ agents: [other], connector: api, access: full }, { agents: [other], allow: [api.unknown] }]";
    rig::describe()
        .settings(limits)
        .agent("other", OTHER, "{}")
        .policy("other", policy)
        .trust(&upstream.ca_pem)
        .resolve(&format!("{HOST}:443"), &[upstream.address])
        .start()
        .await
}

fn url(path: &str) -> String {
    format!("https://{HOST}{path}")
}

fn connect(agent: &Agent) -> String {
    format!(
        "CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n{}\r\n",
        agent.authorization()
    )
}

/// Asserts that a metric has a value.
async fn counts(gateway: &Gateway, line: &str) {
    let metrics = gateway.metrics().await;
    assert!(
        metrics.lines().any(|shown| shown == line),
        "{line} is not in\n{metrics}"
    );
}

#[tokio::test]
async fn connections_of_one_agent_leave_room_for_another() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream, "  tunnels: 5\n  tunnels_per_agent: 3").await;
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(gateway.agent.tunnel(&format!("{HOST}:443")).await);
    }
    // A connection for whole URLs is one too.
    let mut direct = gateway.agent.connect().await;
    let request = format!(
        "GET http://tollgate.internal/whoami HTTP/1.1\r\nHost: tollgate.internal\r\n{}\r\n",
        gateway.agent.authorization()
    );
    assert_eq!(exchange(&mut direct, &request).await.status, 200);

    let mut socket = gateway.agent.connect().await;
    let refused = exchange(&mut socket, &connect(&gateway.agent)).await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("1"))
    );
    let problem = refused.json();
    assert_eq!(
        (&problem["code"], &problem["detail"]),
        (
            &json!("busy"),
            &json!("This agent has too many connections.")
        )
    );
    assert!(is_closed(&mut socket).await);
    let mut socket = gateway.agent.connect().await;
    let refused = exchange(&mut socket, &request).await;
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (429, Some("busy"))
    );
    counts(
        &gateway,
        r#"tollgate_limit_reached_total{limit="tunnels_per_agent"} 2"#,
    )
    .await;
    let decided = gateway.decided(2).await;
    assert!(
        decided
            .iter()
            .any(|one| one["code"] == "busy" && one["host"] == format!("{HOST}:443"))
    );

    let other = gateway.other("other", OTHER);
    let answer = other.http1().get(url("/b")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    // What ends makes room.
    open.pop();
    let opened = async {
        loop {
            let mut socket = gateway.agent.connect().await;
            let head = connect(&gateway.agent);
            socket.write_all(head.as_bytes()).await.unwrap();
            if read_interim(&mut socket).await.starts_with("HTTP/1.1 200 ") {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), opened)
        .await
        .unwrap();
}

#[tokio::test]
async fn requests_of_one_agent_leave_room_for_another() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream, "  streams: 5\n  streams_per_agent: 3").await;
    let client = gateway.agent.http2();
    let mut feeds = Vec::new();
    let mut answers = Vec::new();
    for number in 0..3 {
        let path = format!("/stream/{number}");
        let (reply, feed) = Reply::streamed(200);
        upstream.reply(&path, reply);
        answers.push(client.get(url(&path)).send().await.unwrap());
        feeds.push(feed);
    }
    let refused = client.get(url("/more")).send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (429, &"1".parse().unwrap())
    );
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(
        problem["detail"],
        "This agent has too many requests under way."
    );
    counts(
        &gateway,
        r#"tollgate_limit_reached_total{limit="streams_per_agent"} 1"#,
    )
    .await;
    let other = gateway.other("other", OTHER);
    let answer = other.http2().get(url("/more")).send().await.unwrap();
    assert_eq!(answer.status(), 200);

    drop(feeds.pop());
    assert_eq!(answers.pop().unwrap().text().await.unwrap(), "");
    gateway.finished(2).await;
    let answer = client.get(url("/more")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn bodies_of_one_agent_leave_memory_for_another() {
    const BODY: usize = 4 << 20;
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream, "  body_total: 8MiB\n  body_per_agent: 4MiB").await;
    // Promises much and sends little.
    let mut slow = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let head = format!("POST /read HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {BODY}\r\n\r\n{{");
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.flush().await.unwrap();
    let taken = async {
        let line = format!("tollgate_body_bytes {BODY}");
        while !gateway.metrics().await.lines().any(|shown| shown == line) {}
    };
    tokio::time::timeout(Duration::from_secs(20), taken)
        .await
        .unwrap();

    let post = |agent: &Agent| {
        let client = agent.http2();
        client.post(url("/read/1")).body(r#"{"pad":"a"}"#).send()
    };
    let refused = post(&gateway.agent).await.unwrap();
    assert_eq!(refused.status(), 429);
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(
        problem["detail"],
        "This agent has too many bytes of request bodies."
    );
    // What nobody reads takes none of it.
    let answer = gateway.agent.http2().get(url("/b")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = post(&gateway.other("other", OTHER)).await.unwrap();
    assert_eq!(answer.status(), 200);
    drop(slow);
    let freed = async { while post(&gateway.agent).await.unwrap().status() != 200 {} };
    tokio::time::timeout(Duration::from_secs(20), freed)
        .await
        .unwrap();
    counts(&gateway, "tollgate_body_bytes 0").await;
}

#[tokio::test]
async fn memory_is_taken_for_what_a_body_is_decoded_to() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream, "  body_per_agent: 4MiB").await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut encoder, br#"{"pad":"a"}"#).unwrap();
    let body = encoder.finish().unwrap();
    let request = gateway.agent.http1().post(url("/read/1"));
    let answer = request
        .header("content-encoding", "gzip")
        .body(body.clone())
        .send()
        .await
        .unwrap();
    // 4 MiB may come of it, beside its own bytes.
    assert_eq!(answer.status(), 429);

    let gateway = start(&upstream, "  body_per_agent: 5MiB").await;
    for _ in 0..3 {
        let request = gateway.agent.http1().post(url("/read/1"));
        let request = request.header("content-encoding", "gzip");
        let answer = request.body(body.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    counts(&gateway, "tollgate_body_bytes 0").await;
}

#[tokio::test]
async fn who_only_connects_takes_no_place_from_agents() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream, "  unauthenticated: 4").await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(gateway.agent.connect().await);
    }
    let client = gateway.agent.http1();
    let answer = client.get(url("/new")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(is_closed(&mut silent[0]).await);
    // One that was let in is none of them any more.
    for _ in 0..8 {
        silent.push(gateway.agent.connect().await);
    }
    assert!(is_closed(&mut silent[7]).await);
    let request = format!("GET /old HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    assert_eq!(exchange(&mut tunnel, &request).await.status, 200);
    counts(&gateway, "tollgate_unauthenticated_connections 4").await;
}

#[tokio::test]
async fn a_head_that_does_not_come_in_time_is_told_so_and_silence_ends() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream, "  request_head: 100ms").await;
    let mut slow = gateway.agent.connect().await;
    let answer = exchange(&mut slow, "CONNECT api.te").await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.json()["detail"],
        "the request head did not arrive in time"
    );
    assert!(is_closed(&mut slow).await);
    let mut silent = gateway.agent.connect().await;
    assert!(is_closed(&mut silent).await);
    // A handshake has as long.
    let mut tunnel = gateway.agent.tunnel(&format!("{HOST}:443")).await;
    tunnel.write_all(&[0x16, 3, 1]).await.unwrap();
    assert!(is_closed(&mut tunnel).await);
    // So has the beginning of HTTP/2, which the gateway begins as well.
    let place = format!("{HOST}:443");
    let mut http2 = gateway.agent.http2_wire(&place, HOST).await;
    while !is_closed(&mut http2).await {}
    counts(&gateway, "tollgate_unauthenticated_connections 0").await;
}

#[tokio::test]
async fn certificates_are_made_for_so_many_new_hosts_of_an_agent() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream, "  idle: 30s").await;
    // Known from here on, so it stays open to one who asks for too many others.
    let request = format!("GET /old HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    assert_eq!(exchange(&mut tunnel, &request).await.status, 200);
    let ask = async |agent: &Agent, host: &str| {
        let mut socket = agent.connect().await;
        let authorization = agent.authorization();
        let head =
            format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n{authorization}\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        // Whether it opens or not, nothing else is to come.
        socket.shutdown().await.unwrap();
        read_answer(&mut socket).await
    };
    let mut refused = None;
    for at in 0..2_000 {
        let answer = ask(&gateway.agent, &format!("new-{at}.test")).await;
        if answer.status != 200 {
            refused = Some((at, answer));
            break;
        }
    }
    let (opened, answer) = refused.expect("certificates without end");
    assert!(opened >= 199, "{opened}");
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (429, Some("1"))
    );
    let problem = answer.json();
    assert_eq!(
        (&problem["code"], &problem["detail"]),
        (
            &json!("busy"),
            &json!("This agent opens tunnels to new hosts too quickly.")
        )
    );
    counts(
        &gateway,
        r#"tollgate_limit_reached_total{limit="leaves"} 1"#,
    )
    .await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    assert_eq!(exchange(&mut tunnel, &request).await.status, 200);
    let other = gateway.other("other", OTHER);
    assert_eq!(ask(&other, "new-of-other.test").await.status, 200);
}

#[tokio::test]
async fn a_head_inside_a_tunnel_has_as_long_from_its_first_byte() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream, "  request_head: 1s").await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let mut tick = tokio::time::interval(Duration::from_millis(150));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    tick.tick().await;
    // Silence between requests is no head, however long it is, and each head has its own time.
    for _ in 0..2 {
        for _ in 0..8 {
            tick.tick().await;
        }
        for piece in ["GET /old HTT", &format!("P/1.1\r\nHost: {HOST}\r\n\r\n")] {
            tunnel.write_all(piece.as_bytes()).await.unwrap();
            tunnel.flush().await.unwrap();
            tick.tick().await;
        }
        assert_eq!(read_answer(&mut tunnel).await.status, 200);
    }
    // Neither is a body.
    let request = format!("POST /old HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 8\r\n\r\n");
    tunnel.write_all(request.as_bytes()).await.unwrap();
    for _ in 0..8 {
        tunnel.write_all(b"x").await.unwrap();
        tunnel.flush().await.unwrap();
        tick.tick().await;
    }
    assert_eq!(read_answer(&mut tunnel).await.status, 200);
    for written in 0.. {
        if tunnel.write_all(b"G").await.is_err() || tunnel.flush().await.is_err() {
            break;
        }
        assert!(written < 100, "it may go on");
        tick.tick().await;
    }
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_ends_with_the_idle_time() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream, "  idle: 300ms").await;
    let (sender, body) = outbox();
    let answer = gateway.agent.http2().post(url("/read")).body(body).send();
    let answer = tokio::spawn(answer);
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    while !answer.is_finished() {
        tick.tick().await;
        // Nobody takes it once there is an answer.
        let _ = sender.try_send("{".into());
    }
    let answer = answer.await.unwrap().unwrap();
    assert_eq!(answer.status(), 400);
    let problem: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "body_too_slow");
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn unused_connections_end_with_the_idle_time() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream, "  idle: 1s").await;
    let mut unused = gateway.agent.tunnel(&format!("{HOST}:443")).await;
    let mut used = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let request = format!("GET /a HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    used.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut used).await.status, 200);
    let client = gateway.agent.http2();
    let answer = client.get(url("/a")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "ok");
    assert!(is_closed(&mut unused).await);
    assert!(is_closed(&mut used).await);
    let state = gateway.serving().drain_state();
    let ended = async {
        while state.tunnels_active() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .unwrap();
    let mut rest = Vec::new();
    assert!(used.read_to_end(&mut rest).await.is_err() || rest.is_empty());
}

#[tokio::test]
async fn answers_that_an_agent_does_not_read_count_with_its_memory() {
    // A connection each, so that no answer is held up by another one.
    let upstream = Upstream::speaking(&[HOST], Speaks::Http1).await;
    // More than the system keeps for a connection.
    let big = bytes::Bytes::from(vec![b'x'; 64 << 20]);
    for _ in 0..20 {
        upstream.reply("/big", Reply::new(200, big.clone()));
    }
    // Room for twelve, at 320 KiB each.
    let gateway = start(&upstream, "  body_per_agent: 4MiB").await;
    let request = format!("GET /big HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let mut unread = Vec::new();
    for _ in 0..20 {
        let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        tunnel.write_all(request.as_bytes()).await.unwrap();
        unread.push(tunnel);
    }
    // The others are ended: what waits for them would be over the agent's memory.
    let line = "tollgate_limit_reached_total{limit=\"body_per_agent\"} 8";
    let told = async { while !gateway.metrics().await.contains(line) {} };
    let told = tokio::time::timeout(Duration::from_secs(20), told).await;
    assert!(told.is_ok(), "{}", gateway.metrics().await);
    let finished: Vec<String> = gateway.finished(8).await.iter().map(rig::outcome).collect();
    assert_eq!(finished, ["refused busy"; 8]);
    let open = "tollgate_body_bytes 3932160";
    assert!(gateway.metrics().await.contains(open));
    drop(unread);
}

#[tokio::test]
async fn streams_that_an_agent_does_not_read_count_with_its_memory() {
    const CONNECTIONS: usize = 3;
    const STREAMS: u32 = 100;
    let upstream = Upstream::speaking(&[HOST], Speaks::Http1).await;
    // More than a window and all buffers.
    let big = bytes::Bytes::from(vec![b'x'; 4 << 20]);
    for _ in 0..CONNECTIONS * 100 {
        upstream.reply("/big", Reply::new(200, big.clone()));
    }
    // Room for twelve, at 320 KiB each.
    let gateway = start(&upstream, "  body_per_agent: 4MiB").await;
    let head = block(&[
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", HOST),
        (":path", "/big"),
    ]);
    let mut unread = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut agent = Frames::begin(&gateway.agent, HOST).await;
        let asks: Vec<_> = (0..STREAMS)
            .map(|turn| frame(HEADERS, END_STREAM | END_HEADERS, 2 * turn + 1, &head))
            .collect();
        agent.send(&asks).await;
        unread.push(agent);
    }
    let line = "tollgate_limit_reached_total{limit=\"body_per_agent\"} 288";
    let told = async { while !gateway.metrics().await.contains(line) {} };
    let told = tokio::time::timeout(Duration::from_secs(20), told).await;
    assert!(told.is_ok(), "{}", gateway.metrics().await);
    let finished: Vec<String> = gateway
        .finished(288)
        .await
        .iter()
        .map(rig::outcome)
        .collect();
    assert_eq!(finished, ["refused busy"; 288]);
    let open = "tollgate_body_bytes 3932160";
    assert!(gateway.metrics().await.contains(open));
    drop(unread);
}

#[tokio::test]
async fn a_header_block_of_http2_that_does_not_end_costs_its_connection() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream, "  request_head: 1s").await;
    let mut frames = Frames::begin(&gateway.agent, HOST).await;
    let mut tick = tokio::time::interval(Duration::from_millis(150));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // Silence between requests is no head.
    for _ in 0..8 {
        tick.tick().await;
    }
    let fields = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", HOST),
        (":path", "/old"),
    ];
    assert_eq!(
        frames
            .ask(1, &fields)
            .await
            .answer("after a silence")
            .status,
        200
    );
    frames
        .send(&[frame(HEADERS, END_STREAM, 3, &block(&fields))])
        .await;
    let more = frame(CONTINUATION, 0, 3, &block(&[("x-more", "of it")]));
    let pause = async || {
        tick.tick().await;
    };
    frames.send_until_closed(&more, pause).await;
    assert_eq!(upstream.received().len(), 1);
}
