//! Headers of answers that frame a body, or are meant for the next hop: what reaches the agent says one thing, and is for it.

use tokio::io::AsyncWriteExt as _;

use super::rig::{self, HOST};
use crate::support::agent::{read_answer, read_interim};
use crate::support::gateway::Gateway;
use crate::support::wire::Wire;

/// Gets an answer over HTTP/1.1 as it is on the wire, up to the end of its head; its status and headers over HTTP/2.
async fn answered(answer: &str) -> (String, reqwest::Response, Gateway) {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let ask = format!("GET /page HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    tunnel.write_all(ask.as_bytes()).await.unwrap();
    let mut first = upstream.accept().await;
    first.head().await;
    first.write(answer).await;
    let head = read_interim(&mut tunnel).await.to_ascii_lowercase();
    let serve = async {
        let mut served = tokio::select! {
            () = first.readable() => first,
            fresh = upstream.accept() => fresh,
        };
        served.head().await;
        served.write(answer).await;
        served
    };
    let client = gateway.agent.http2();
    let request = client.get(format!("https://{HOST}/page")).send();
    let (second, _served) = tokio::join!(request, serve);
    (head, second.unwrap(), gateway)
}

#[tokio::test]
async fn an_answer_that_has_no_body_does_not_promise_one() {
    for status in ["204 No Content", "304 Not Modified"] {
        for promise in [
            "Transfer-Encoding: chunked\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Content-Length: 5\r\n\r\n",
        ] {
            let answer = format!("HTTP/1.1 {status}\r\n{promise}");
            let (head, second, _gateway) = answered(&answer).await;
            assert!(
                head.starts_with(&format!("http/1.1 {}", &status[..3])),
                "{head}"
            );
            assert!(!head.contains("transfer-encoding"), "{answer}: {head}");
            let length = status.starts_with("304") && promise.contains("Length");
            assert_eq!(head.contains("content-length"), length, "{answer}: {head}");
            assert_eq!(second.status().as_str(), &status[..3]);
            assert_eq!(second.headers().contains_key("content-length"), length);
            assert_eq!(second.text().await.unwrap(), "", "{answer}");
        }
    }
}

#[tokio::test]
async fn what_comes_before_the_answer_promises_no_body() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let ask = format!("GET /page HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    tunnel.write_all(ask.as_bytes()).await.unwrap();
    let mut served = upstream.accept().await;
    served.head().await;
    let hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
    served.write(hint).await;
    let early = read_interim(&mut tunnel).await.to_ascii_lowercase();
    assert!(early.contains("link: </a>"), "{early}");
    assert!(!early.contains("content-length"), "{early}");
    assert!(!early.contains("transfer-encoding"), "{early}");
    served
        .write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .await;
    assert_eq!(read_answer(&mut tunnel).await.text(), "ok");
}

#[tokio::test]
async fn equal_lengths_are_one() {
    for lengths in [
        "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Content-Length: 2, 2\r\n",
        "Content-Length: 2,2\r\nContent-Length: 2\r\n",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{lengths}\r\nok");
        let (head, second, _gateway) = answered(&answer).await;
        assert_eq!(head.matches("content-length: 2\r\n").count(), 1, "{head}");
        assert_eq!(head.matches("content-length").count(), 1, "{head}");
        let mut values = second.headers().get_all("content-length").iter();
        assert_eq!(
            (values.next().unwrap(), values.next()),
            (&"2".parse().unwrap(), None)
        );
        assert_eq!(second.text().await.unwrap(), "ok");
    }
}

#[tokio::test]
async fn different_lengths_are_none() {
    for lengths in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2, 3\r\n",
        "Content-Length: 2, 02\r\n",
        "Content-Length: 2,\r\n",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{lengths}\r\nok");
        let (head, second, gateway) = answered(&answer).await;
        assert!(head.starts_with("http/1.1 502 "), "{lengths}: {head}");
        assert!(head.contains("tollgate-code: upstream_malformed"), "{head}");
        assert_eq!(second.status(), 502, "{lengths}");
        for finished in gateway.finished(2).await {
            assert_eq!(rig::outcome(&finished), "upstream_failed protocol");
        }
    }
}

#[tokio::test]
async fn what_is_meant_for_the_next_hop_stays_there() {
    let answer = "HTTP/1.1 200 OK\r\nAlt-Svc: h3=\":443\"\r\nConnection: X-Hop, keep-alive ,content-length\r\nConnection: x-other\r\n\
        X-Hop: 1\r\nX-Other: 2\r\nKeep-Alive: timeout=5\r\nX-Kept: 3\r\nContent-Length: 2\r\n\r\nok";
    let (head, second, _gateway) = answered(answer).await;
    for gone in ["alt-svc", "x-hop", "x-other", "timeout=5"] {
        assert!(!head.contains(gone), "{gone}: {head}");
        assert!(!second.headers().contains_key(gone), "{gone}");
    }
    assert!(head.contains("x-kept: 3\r\n"), "{head}");
    assert!(head.contains("content-length: 2\r\n"), "{head}");
    assert_eq!(second.headers()["x-kept"], "3");
    assert_eq!(second.text().await.unwrap(), "ok");
}

#[tokio::test]
async fn an_upstream_that_asks_for_a_proxys_login_is_not_taken_for_the_gateway() {
    let answer = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 2\r\n\r\nno";
    let (head, second, _gateway) = answered(answer).await;
    assert!(head.starts_with("http/1.1 502 "), "{head}");
    assert!(
        head.contains("tollgate-code: upstream_proxy_authentication"),
        "{head}"
    );
    assert!(!head.contains("proxy-authenticate"), "{head}");
    assert_eq!(second.status(), 502);
    let problem: serde_json::Value = second.json().await.unwrap();
    assert_eq!(problem["code"], "upstream_proxy_authentication");
}

#[tokio::test]
async fn an_answer_in_another_coding_than_chunked_is_refused() {
    for codings in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: gzip",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{codings}\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        let (head, second, _gateway) = answered(&answer).await;
        assert!(head.starts_with("http/1.1 502"), "{codings}: {head}");
        assert_eq!(second.status(), 502, "{codings}");
    }
}
