//! Much at once, and much in a row: through one tunnel, in flat memory.

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;

use super::rig::{self, HOST};
use crate::support::agent::{outbox, read_answer};
use crate::support::upstream::{Reply, Speaks, Upstream};

const MEBI: usize = 1 << 20;

/// Bytes of memory that this process holds.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn streams_a_large_upload_in_flat_memory() {
    const CHUNK: usize = 64 * 1024;
    const CHUNKS: usize = 128 * MEBI / CHUNK;
    for (down, up) in [(1, Speaks::Http1), (2, Speaks::Http2)] {
        let upstream = Upstream::speaking(&[HOST], up).await;
        let gateway = rig::start(&upstream).await;
        let client = if down == 1 {
            gateway.agent.http1()
        } else {
            gateway.agent.http2()
        };
        upstream.reply("/upload", Reply::length());
        let (sender, body) = outbox();
        let request = client.put(format!("https://{HOST}/upload")).body(body);
        let answer = tokio::spawn(request.send());
        let chunk = Bytes::from(vec![b'x'; CHUNK]);
        let mut most = 0;
        let mut least = usize::MAX;
        for number in 0..CHUNKS {
            sender.send(chunk.clone()).await.unwrap();
            // What connections and buffers take is there after the first few mebibytes.
            if number >= 16 * MEBI / CHUNK {
                most = most.max(resident());
                least = least.min(resident());
            }
        }
        drop(sender);
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.text().await.unwrap(), (CHUNK * CHUNKS).to_string());
        // Agent, gateway and upstream share this process, and under other test runners more do.
        let growth = most - least;
        assert!(growth < 24 * MEBI, "grew by {} MiB", growth / MEBI);
        let sent = gateway.finished(1).await[0]["request_bytes"]
            .as_u64()
            .unwrap();
        assert!(sent > (CHUNK * CHUNKS) as u64);
    }
}

#[tokio::test]
async fn carries_a_hundred_requests_at_once_in_one_tunnel() {
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let upstream = Upstream::speaking(&[HOST], speaks).await;
        let gateway = rig::start(&upstream).await;
        let client = gateway.agent.http2();
        // Opens the one connection that all of them share.
        let first = client.get(format!("https://{HOST}/first")).send().await;
        assert_eq!(first.unwrap().status(), 200);
        let mut feeds = Vec::new();
        let mut requests = JoinSet::new();
        for number in 0..100 {
            let path = format!("/stream/{number}");
            let (reply, feed) = Reply::streamed(200);
            upstream.reply(&path, reply);
            feeds.push((number, feed));
            let request = client
                .post(format!("https://{HOST}{path}"))
                .body(number.to_string());
            requests.spawn(async move { (number, request.send().await.unwrap()) });
        }
        // All of them are there before any is answered.
        upstream.wait_for(101).await;
        assert_eq!(gateway.serving().drain_state().tunnels_active(), 1);
        assert_eq!(gateway.serving().drain_state().exchanges_active(), 100);
        for (number, feed) in feeds {
            feed.send(format!("answer {number}")).await;
        }
        while let Some(answered) = requests.join_next().await {
            let (number, answer) = answered.unwrap();
            assert_eq!(answer.text().await.unwrap(), format!("answer {number}"));
        }
        for received in upstream.received().iter().skip(1) {
            assert_eq!(
                received.path.strip_prefix("/stream/"),
                std::str::from_utf8(&received.body).ok()
            );
        }
    }
}

#[tokio::test]
async fn serves_thousands_of_requests_in_one_tunnel() {
    // 10,000 take half a minute without optimisation on a busy machine; what runs out after some hundreds runs out in these.
    const COUNT: usize = 1_000;
    let upstream = Upstream::speaking(&[HOST], Speaks::Http1).await;
    let gateway = rig::start(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    for number in 0..COUNT {
        let ask = format!("GET /{number} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        tunnel.write_all(ask.as_bytes()).await.unwrap();
        let answer = read_answer(&mut tunnel).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
        assert_eq!(answer.header("connection"), Some("keep-alive"));
    }
    assert_eq!(upstream.received().len(), COUNT);
    assert!(upstream.connections() <= 2, "{}", upstream.connections());
    assert_eq!(gateway.serving().drain_state().tunnels_active(), 1);
}
