//! Answers that say in two ways where they end, and what an agent and the next exchange see of it.

use tokio::io::AsyncWriteExt as _;

use super::rig::{self, HOST};
use crate::support::agent::{read_answer, read_interim};
use crate::support::upstream::Upstream;
use crate::support::wire::Wire;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn the_coding_of_an_answer_counts_and_its_length_does_not_pass() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    for length in ["0", "3", "5", "9"] {
        for client in [gateway.agent.http1(), gateway.agent.http2()] {
            let serve = async {
                let mut served = upstream.accept().await;
                served.head().await;
                let head = format!("Content-Length: {length}\r\nTransfer-Encoding: chunked");
                served
                    .write(format!(
                        "HTTP/1.1 200 OK\r\n{head}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                    ))
                    .await;
            };
            let url = format!("https://{HOST}/page");
            let (answered, ()) = tokio::join!(client.get(url).send(), serve);
            let answered = answered.unwrap();
            assert_eq!(answered.headers().get("content-length"), None, "{length}");
            assert_eq!(answered.text().await.unwrap(), "hello", "{length}");
        }
    }
    // Nobody can tell where such an answer ends, so each request had a connection of its own.
    assert!(upstream.accepted().await.is_none());
}

#[tokio::test]
async fn a_body_that_comes_behind_an_answer_without_one_answers_nothing() {
    for promise in ["Content-Length: 60", "Transfer-Encoding: chunked"] {
        let upstream = Wire::tls(&[HOST]).await;
        let gateway = rig::wired(&upstream).await;
        for client in [gateway.agent.http1(), gateway.agent.http2()] {
            let url = format!("https://{HOST}/page");
            let serve = async {
                let mut first = upstream.accept().await;
                first.head().await;
                first
                    .write(format!("HTTP/1.1 204 No Content\r\n{promise}\r\n\r\n"))
                    .await;
                first
            };
            let (answered, mut first) = tokio::join!(client.get(&url).send(), serve);
            assert_eq!(answered.unwrap().status(), 204, "{promise}");
            let serve = async {
                let mut second = upstream.accept().await;
                // The late body of the first one.
                let _ = first
                    .stream
                    .write_all(OK.replace("ok", "no").as_bytes())
                    .await;
                second.head().await;
                second.write(OK).await;
            };
            let (answered, ()) = tokio::join!(client.get(&url).send(), serve);
            assert_eq!(answered.unwrap().text().await.unwrap(), "ok", "{promise}");
        }
    }
}

#[tokio::test]
async fn a_first_chunk_that_is_none_is_a_failure_that_the_agent_reads() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    for (chunks, status) in [
        ("zz\r\nhello\r\n0\r\n\r\n", 502),
        ("5\nhello\r\n0\r\n\r\n", 502),
        // Blanks behind a size, and before an extension.
        ("5  \r\nhello\r\n0\r\n\r\n", 200),
        ("5 ;x=1\r\nhello\r\n0\r\n\r\n", 200),
    ] {
        let client = gateway.agent.http1();
        let serve = async {
            let mut served = upstream.accept().await;
            served.head().await;
            served
                .write(format!(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
                ))
                .await;
            served
        };
        let url = format!("https://{HOST}/page");
        let (answered, _served) = tokio::join!(client.get(url).send(), serve);
        let answered = answered.unwrap();
        assert_eq!(answered.status(), status, "{chunks:?}");
        if status == 200 {
            assert_eq!(answered.text().await.unwrap(), "hello", "{chunks:?}");
        }
    }
}

#[tokio::test]
async fn one_empty_line_before_a_request_is_passed_over() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    for (between, statuses) in [("\r\n", [200, 200]), ("\r\n\r\n", [200, 400])] {
        let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        let requests = format!(
            "POST /read HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\n{{}}{between}GET /a HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        );
        tunnel.write_all(requests.as_bytes()).await.unwrap();
        let head = read_interim(&mut tunnel).await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {} ", statuses[0])),
            "{head}"
        );
        let mut body = [0; 2];
        tokio::io::AsyncReadExt::read_exact(&mut tunnel, &mut body)
            .await
            .unwrap();
        assert_eq!(
            read_answer(&mut tunnel).await.status,
            statuses[1],
            "{between:?}"
        );
    }
}
