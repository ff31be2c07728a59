//! A stop lets what is under way finish, and nothing else begin.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use super::rig::{self, HOST};
use crate::support::agent::{exchange, is_closed, read_interim};
use crate::support::upstream::{Reply, Speaks, Upstream};

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn waits_for_requests_and_closes_idle_connections() {
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let upstream = Upstream::speaking(&[HOST], speaks).await;
        let mut gateway = rig::start(&upstream).await;
        let mut idle = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        assert_eq!(
            exchange(
                &mut idle,
                &format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
            )
            .await
            .status,
            200
        );
        let mut unused = gateway.agent.tunnel(&format!("{HOST}:443")).await;
        let mut silent = gateway.agent.connect().await;
        let state = std::sync::Arc::clone(gateway.serving().drain_state());
        assert_eq!(
            (
                state.tunnels_active(),
                state.exchanges_active(),
                state.is_draining()
            ),
            (2, 0, false)
        );

        let mut answers = Vec::new();
        for client in [gateway.agent.http1(), gateway.agent.http2()] {
            let (reply, feed) = Reply::streamed(200);
            upstream.reply("/slow", reply);
            let answer = client
                .get(format!("https://{HOST}/slow"))
                .send()
                .await
                .unwrap();
            answers.push((answer, feed));
        }
        let stopped = gateway.stop(LONG);
        assert!(is_closed(&mut idle).await);
        assert!(is_closed(&mut unused).await);
        assert!(is_closed(&mut silent).await);
        assert!(state.is_draining());
        assert!(
            tokio::net::TcpStream::connect(gateway.agent.proxy)
                .await
                .is_err()
        );
        for (answer, feed) in answers {
            feed.send("late").await;
            drop(feed);
            assert_eq!(answer.text().await.unwrap(), "late");
        }
        assert_eq!(stopped.await.unwrap(), 0);
        assert_eq!((state.tunnels_active(), state.exchanges_active()), (0, 0));
    }
}

#[tokio::test]
async fn finishes_what_has_begun_to_arrive_and_says_that_it_is_the_last() {
    let upstream = Upstream::start(&[HOST]).await;
    let mut gateway = rig::start(&upstream).await;
    let addresses = gateway.serving().addresses().clone();
    let state = std::sync::Arc::clone(gateway.serving().drain_state());
    let body = r#"{"pad":"a"}"#;
    let (begin, end) = body.split_at(5);
    let head = format!(
        "POST /read HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n\r\n{begin}",
        body.len()
    );
    let mut begun = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    begun.write_all(head.as_bytes()).await.unwrap();
    begun.flush().await.unwrap();
    let active = async {
        while state.exchanges_active() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, active).await.unwrap();
    // Accepted, but nothing of its request is there yet.
    let mut fresh = gateway.agent.connect().await;
    let connect = format!(
        "CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n{}\r\n",
        gateway.agent.authorization()
    );
    let agent = gateway.agent.clone();
    let stopped = gateway.stop(LONG);
    while !state.is_draining() {
        tokio::task::yield_now().await;
    }
    for (port, path, status) in [
        (addresses.admin[0], "readyz", 503),
        (addresses.metrics[0], "readyz", 503),
        (addresses.admin[0], "healthz", 200),
    ] {
        let answer = reqwest::get(format!("http://{port}/{path}")).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    fresh.write_all(connect.as_bytes()).await.unwrap();
    assert!(read_interim(&mut fresh).await.starts_with("HTTP/1.1 200 "));
    let mut fresh = agent.handshake(fresh, HOST).await.unwrap();
    let request = format!("GET /fresh HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let answer = exchange(&mut fresh, &request).await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (200, Some("close"))
    );
    let answer = exchange(&mut begun, end).await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (200, Some("close"))
    );
    assert!(is_closed(&mut begun).await);
    assert_eq!(stopped.await.unwrap(), 0);
}

#[tokio::test]
async fn gives_up_at_the_deadline() {
    let upstream = Upstream::start(&[HOST]).await;
    let mut gateway = rig::start(&upstream).await;
    upstream.reply("/read", Reply::silence());
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let request = format!("POST /read HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\n{{}}");
    tls.write_all(request.as_bytes()).await.unwrap();
    upstream.wait_for(1).await;
    assert_eq!(gateway.stop(Duration::from_millis(50)).await.unwrap(), 1);
}
