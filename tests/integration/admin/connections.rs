//! A client that only connects to an operators' port takes nothing from agents, nor from operators who ask something.

use std::net::SocketAddr;

use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tollgate::admin::CONNECTIONS;

use crate::support::gateway::{Builder, Gateway};

/// Connects so often, and sends the beginning of a head.
async fn crowd(address: SocketAddr) -> Vec<TcpStream> {
    let mut all = Vec::new();
    for _ in 0..CONNECTIONS + 20 {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(b"GET /healthz HT").await.unwrap();
        all.push(connection);
    }
    all
}

/// Returns how many of these the gateway has ended.
async fn ended(crowd: &mut [TcpStream], count: usize) -> usize {
    let mut ended = 0;
    for connection in crowd.iter_mut().take(count) {
        let mut byte = [0];
        ended += usize::from(matches!(connection.read(&mut byte).await, Ok(0) | Err(_)));
    }
    ended
}

#[tokio::test]
async fn idle_connections_give_way_to_the_next_one() {
    let gateway: Gateway = Builder::new().start().await;
    let addresses = gateway.serving().addresses();
    let mut metrics = crowd(addresses.metrics[0]).await;
    assert!(gateway.metrics().await.contains("tollgate_build_info"));
    let mut admin = crowd(addresses.admin[0]).await;
    let (status, _) = gateway
        .admin(http::Method::GET, "/api/v1/status", &Json::Null)
        .await;
    assert_eq!(status, 200);
    // Of each the oldest had to go, and only those.
    assert_eq!(ended(&mut metrics, 20).await, 20);
    assert_eq!(ended(&mut admin, 20).await, 20);
}
