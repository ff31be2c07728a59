//! Where agents connect: TCP or a Unix socket, many requests at once.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::rig::{self, HOST, PLAIN};
use crate::support::agent::{Agent, exchange, read_interim};
use crate::support::certificate::{Issued, Validity};
use crate::support::gateway::Gateway;
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

/// Opens a tunnel over a connection and asks once inside.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(gateway: &Gateway, mut connection: S) -> u16 {
    let head = format!(
        "CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n{}\r\n",
        gateway.agent.authorization()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let opened = read_interim(&mut connection).await;
    assert!(opened.starts_with("HTTP/1.1 200 "), "{opened}");
    let mut tunnel = gateway.agent.handshake(connection, HOST).await.unwrap();
    let ask = format!("GET /in HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    exchange(&mut tunnel, &ask).await.status
}

#[tokio::test]
async fn serves_ports_with_tls_and_without_and_a_socket_at_once() {
    let upstream = Upstream::start(&[HOST]).await;
    let outer = Issued::new(&["proxy.test"], Validity::Now);
    let gateway = rig::describe()
        .upstream(&format!("{HOST}:443"), &upstream)
        .listen("[::1]:0")
        .listen("unix:proxy.sock")
        .tls(&outer.leaf_pem, &outer.key_pem())
        .start()
        .await;
    let ports = gateway.serving().addresses().proxy.clone();
    assert_eq!(ports.len(), 2);
    for port in ports {
        let socket = TcpStream::connect(port).await.unwrap();
        let client = Agent {
            ca_pem: outer.ca_pem.clone(),
            ..gateway.agent.clone()
        };
        let secured = client.handshake(socket, "proxy.test").await.unwrap();
        assert_eq!(ask(&gateway, secured).await, 200);
        // From this machine it is not asked for.
        let plain = TcpStream::connect(port).await.unwrap();
        assert_eq!(ask(&gateway, plain).await, 200);
    }
    let socket = UnixStream::connect(gateway.path("proxy.sock")).await;
    assert_eq!(ask(&gateway, socket.unwrap()).await, 200);
    assert_eq!(upstream.received().len(), 5);
}

#[tokio::test]
async fn says_what_is_wrong_with_the_certificate_of_the_port() {
    let good = Issued::new(&["proxy.test"], Validity::Now);
    let other = Issued::new(&["proxy.test"], Validity::Now);
    let past = Issued::new(&["proxy.test"], Validity::Past);
    let future = Issued::new(&["proxy.test"], Validity::Future);
    let cut = &good.leaf_pem[..good.leaf_pem.len() / 2];
    for (cert, key, reason) in [
        (
            good.leaf_pem.as_str(),
            other.key_pem(),
            "`{key}` is not the key of the certificate",
        ),
        (
            &good.leaf_pem,
            good.leaf_pem.clone(),
            "`{key}` has no private key",
        ),
        (&good.leaf_pem, String::new(), "`{key}` has no private key"),
        ("", good.key_pem(), "`{cert}` has no certificate"),
        (cut, good.key_pem(), "`{cert}` is not PEM"),
        (&past.leaf_pem, past.key_pem(), "`{cert}` has expired"),
        (
            &future.leaf_pem,
            future.key_pem(),
            "`{cert}` is not valid yet",
        ),
    ] {
        let started = rig::describe().tls(cert, &key).try_start().await;
        let problem = started.map(drop).unwrap_err();
        let reason = reason.replace("{key}", "").replace("{cert}", "");
        let reason = reason.trim_start_matches('`');
        assert!(
            problem.contains("`proxy.tls` cannot be used: `"),
            "{problem}"
        );
        assert!(problem.contains(reason), "{problem} lacks {reason}");
    }
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
