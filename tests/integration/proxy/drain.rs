//! A stop lets what is under way finish, and nothing else begin.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use super::rig::{self, HOST};
use crate::support::agent::{exchange, is_closed};
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
