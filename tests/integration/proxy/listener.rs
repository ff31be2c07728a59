//! Where agents connect: TCP or a Unix socket, many requests at once.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::rig::{self, HOST, PLAIN};
use crate::support::agent::exchange;
use crate::support::upstream::Upstream;

#[tokio::test]
async fn serves_agents_on_a_unix_socket() {
    let upstream = Upstream::plain().await;
    let gateway = rig::describe()
        .resolve(&format!("{PLAIN}:80"), &[upstream.address])
        .listen("unix:proxy.sock")
        .start()
        .await;
    let mut socket = UnixStream::connect(gateway.path("proxy.sock"))
        .await
        .unwrap();
    let head = format!(
        "CONNECT {PLAIN}:80 HTTP/1.1\r\nHost: {PLAIN}:80\r\n{}\r\n",
        gateway.agent.authorization()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut opened = Vec::new();
    while !opened.ends_with(b"\r\n\r\n") {
        opened.push(socket.read_u8().await.unwrap());
    }
    assert!(opened.starts_with(b"HTTP/1.1 200 "));
    for _ in 0..2 {
        let answer = exchange(
            &mut socket,
            &format!("GET /unix HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"),
        )
        .await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    }
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test]
async fn keeps_concurrent_requests_of_one_connection_apart() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let client = gateway.agent.http2();
    // Opens the one connection that all of them share.
    assert_eq!(
        client
            .get(format!("https://{HOST}/first"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..40 {
        let request = client
            .post(format!("https://{HOST}/read/{number}"))
            .body(number_body(&number.to_string()));
        requests.spawn(async move { request.send().await.unwrap().status() });
    }
    while let Some(status) = requests.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(gateway.serving().drain_state().tunnels_active(), 1);
    let received = upstream.received();
    assert_eq!(received.len(), 41);
    for request in received.iter().filter(|request| request.path != "/first") {
        let number = request.path.trim_start_matches("/read/");
        assert_eq!(request.body, number_body(number).as_bytes());
    }
}

/// 20 KiB of JSON that no other number has.
fn number_body(number: &str) -> String {
    format!("{{\"pad\":\"{}\"}}", format!("{number},").repeat(10_000))
}
