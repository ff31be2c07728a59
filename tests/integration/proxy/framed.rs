//! Requests of HTTP/1.1 that are cut, spelled or named in more than one way: each is answered by the gateway, with an id and a
//! record, and nothing of it is completed upstream.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::rig::{self, HOST, PLAIN};
use crate::support::agent::{Raw, exchange, is_closed, read_answer};
use crate::support::gateway::Gateway;
use crate::support::upstream::Upstream;

/// Asserts that a request is refused as `code`, and that its connection is over.
async fn refused<S>(mut stream: S, request: &[u8], (status, code): (u16, &str)) -> Raw
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let shown = String::from_utf8_lossy(request.get(..200).unwrap_or(request)).into_owned();
    stream.write_all(request).await.unwrap();
    stream.flush().await.unwrap();
    let answer = read_answer(&mut stream).await;
    assert_eq!(answer.status, status, "{shown:?}: {}", answer.head);
    assert_eq!(answer.json()["code"], code, "{shown:?}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{shown:?}"
    );
    assert!(answer.header("tollgate-request-id").is_some(), "{shown:?}");
    assert_eq!(answer.header("connection"), Some("close"), "{shown:?}");
    assert!(is_closed(&mut stream).await, "{shown:?}");
    answer
}

async fn decided_as(gateway: &Gateway, answers: &[Raw]) {
    let decided = gateway.decided(answers.len()).await;
    assert_eq!(decided.len(), answers.len());
    for answer in answers {
        let id = answer.header("tollgate-request-id").unwrap();
        let records = decided.iter().filter(|record| record["request_id"] == id);
        assert_eq!(records.count(), 1, "{id}");
    }
}

#[tokio::test]
async fn a_head_that_is_not_clean_is_answered_and_recorded() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let long = format!(
        "GET /{} HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
        "a".repeat(66_000)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n",
        "X: y\r\n".repeat(300)
    );
    let host = format!("Host: {HOST}\r\n");
    let mut heads: Vec<Vec<u8>> = [
        "GET /a b HTTP/1.1\r\n{host}\r\n",
        "GET  /a HTTP/1.1\r\n{host}\r\n",
        "GET /a  HTTP/1.1\r\n{host}\r\n",
        "GET\t/a HTTP/1.1\r\n{host}\r\n",
        "GET /a\u{b}b HTTP/1.1\r\n{host}\r\n",
        "GET /a\0b HTTP/1.1\r\n{host}\r\n",
        "GET /a\u{7f}b HTTP/1.1\r\n{host}\r\n",
        "GET /a HTTP/1.2\r\n{host}\r\n",
        "GET /a HTTP/2.0\r\n{host}\r\n",
        "GET /a\r\n{host}\r\n",
        "GET a HTTP/1.1\r\n{host}\r\n",
        "G@T /a HTTP/1.1\r\n{host}\r\n",
        "CONNECT api.test:443 HTTP/1.1\r\n{host}\r\n",
        "PRI * HTTP/2.0\r\n\r\n",
        "GET /a HTTP/1.1\r\n{host}A: b\u{1}c\r\n\r\n",
        "GET /a HTTP/1.1\r\n{host}A: b\u{7f}c\r\n\r\n",
        "GET /a HTTP/1.1\r\n{host}A\r\n\r\n",
        "GET /a HTTP/1.1\r\n{host}A : b\r\n\r\n",
        "GET /a HTTP/1.1\r\n{host}: b\r\n\r\n",
        "GET /a HTTP/1.1\r\n{host}A: b\r\n c\r\n\r\n",
        "GET /a HTTP/1.1\r\n{host}{host}\r\n",
        "GET /a HTTP/1.1\r\nHost: user@api.test\r\n\r\n",
        "GET https://user@api.test/a HTTP/1.1\r\n{host}\r\n",
        "GET https://%61pi.test/a HTTP/1.1\r\n{host}\r\n",
        "GET https:/api.test/a HTTP/1.1\r\n{host}\r\n",
        "GET https:///a HTTP/1.1\r\n{host}\r\n",
        "GET ftp://api.test/a HTTP/1.1\r\n{host}\r\n",
        "POST /a HTTP/1.1\r\n{host}Content-Length: 9223372036854775813\r\n\r\n",
        "POST /a HTTP/1.1\r\n{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /a HTTP/1.1\r\n{host}Content-Length: 5, 5\r\n\r\n",
        "POST /a HTTP/1.0\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ]
    .iter()
    .map(|head| head.replace("{host}", &host).into_bytes())
    .collect();
    heads.push(long.into_bytes());
    heads.push(many.into_bytes());
    heads.push(b"GET /\xff HTTP/1.1\r\nHost: api.test\r\n\r\n".to_vec());
    let mut answers = Vec::new();
    for head in &heads {
        let tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        answers.push(refused(tunnel, head, (400, "bad_request")).await);
    }
    decided_as(&gateway, &answers).await;
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn names_that_disagree_are_refused_as_such() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut answers = Vec::new();
    for head in [
        format!("GET https://other.test/a HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        format!("GET https://{HOST}/a HTTP/1.1\r\nHost: other.test\r\n\r\n"),
        format!("GET https://{HOST}:444/a HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        "GET https://other.test/a HTTP/1.1\r\nHost: other.test\r\n\r\n".to_owned(),
        format!("GET http://{HOST}/a HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
    ] {
        let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        let answer = exchange(&mut tunnel, &head).await;
        assert_eq!(answer.status, 421, "{head}: {}", answer.head);
        assert_eq!(answer.json()["code"], "names_disagree", "{head}");
        answers.push(answer);
    }
    decided_as(&gateway, &answers).await;
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn one_name_may_be_spelled_in_two_ways() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    for (url, host) in [
        ("https://API.test/a", "api.TEST"),
        ("https://api.test:443/a", "api.test"),
        ("https://api.test/a", "api.test:443"),
    ] {
        let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        let ask = format!("GET {url} HTTP/1.1\r\nX: y\r\nhost:{host}\r\n\r\n");
        assert_eq!(exchange(&mut tunnel, &ask).await.status, 200, "{ask}");
        let received = upstream.received().pop().unwrap();
        assert_eq!(
            (received.path.as_str(), received.host.as_str()),
            ("/a", HOST)
        );
    }
}

#[tokio::test]
async fn what_is_only_unusual_in_a_target_is_sent_escaped() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    for (sent, arrives) in [
        (r#"where={"a":1}"#, "where=%7B%22a%22:1%7D"),
        (r#"jql=project="OPS""#, "jql=project=%22OPS%22"),
        ("q=<b>", "q=%3Cb%3E"),
    ] {
        let ask = format!("GET /search?{sent} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        let answer = exchange(&mut tunnel, &ask).await;
        assert_eq!(answer.status, 200, "{sent}: {}", answer.text());
        let query = upstream.received().pop().unwrap().query.unwrap();
        let spelled = query
            .replace('{', "%7B")
            .replace('}', "%7D")
            .replace("%3A", ":");
        assert_eq!(spelled.replace("%3D", "="), arrives, "{query}");
    }
}

#[tokio::test]
async fn a_body_whose_chunks_cannot_be_told_apart_is_completed_nowhere() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let trailers = format!("0\r\n{}\r\n", "X: y\r\n".repeat(5000));
    let bodies = [
        "\r\nhello\r\n0\r\n\r\n",
        "0;\n5\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5;a=\u{1}\r\nhello\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nhello world\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: a\r\n b\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: a\0b\r\n\r\n",
        "5\r\nhello\r\n0\r\n: b\r\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        trailers.as_str(),
    ];
    for path in ["/stream", "/read"] {
        for body in bodies {
            let tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
            let ask = format!(
                "POST {path} HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
            );
            refused(tunnel, ask.as_bytes(), (400, "bad_request")).await;
        }
    }
    assert!(upstream.received().iter().all(|received| !received.whole));
}

#[tokio::test]
async fn requests_that_are_sent_early_are_answered_in_turn() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let mut asks = String::new();
    for at in 0..20 {
        let body = match at % 4 {
            0 => "\r\n".to_owned(),
            1 => "Content-Length: 5\r\n\r\nhello".to_owned(),
            2 => "Transfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n0\r\nX: y\r\n\r\n"
                .to_owned(),
            _ => format!("Content-Length: 70000\r\n\r\n{}", "x".repeat(70_000)),
        };
        asks += &format!("POST /items/{at} HTTP/1.1\r\nHost: {HOST}\r\n{body}");
    }
    asks += "GET /a b HTTP/1.1\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n";
    let (mut reader, mut writer) = tokio::io::split(&mut tunnel);
    let write = async {
        writer.write_all(asks.as_bytes()).await.unwrap();
        writer.flush().await.unwrap();
    };
    let read = async {
        let mut answers = Vec::new();
        let _ = reader.read_to_end(&mut answers).await;
        String::from_utf8_lossy(&answers).into_owned()
    };
    let ((), answers) = tokio::join!(write, read);
    assert_eq!(
        answers.matches("HTTP/1.1 200 OK\r\n").count(),
        20,
        "{answers}"
    );
    assert_eq!(
        answers.matches("HTTP/1.1 400 Bad Request\r\n").count(),
        1,
        "{answers}"
    );
    let received = upstream.received();
    assert_eq!(received.len(), 20);
    for (at, received) in received.iter().enumerate() {
        assert_eq!(received.path, format!("/items/{at}"));
        assert_eq!(received.body.len(), [0, 5, 5, 70_000][at % 4]);
    }
}

#[tokio::test]
async fn a_head_on_the_proxy_port_is_answered_as_one_in_a_tunnel() {
    let upstream = Upstream::plain().await;
    let gateway = rig::start(&upstream).await;
    let token = gateway.agent.authorization();
    let ask = format!("GET http://{PLAIN}/a HTTP/1.1\r\nHost: {PLAIN}\r\n{token}\r\n");
    for (bad, expected) in [
        (ask.replace("/a HTTP", "/a b HTTP"), (400, "bad_request")),
        (ask.replace("/a HTTP", "/a\0 HTTP"), (400, "bad_request")),
        (
            ask.replace("Host: plain.test", "Host: other.test"),
            (421, "names_disagree"),
        ),
    ] {
        // As the first request, and as one that follows.
        refused(gateway.agent.connect().await, bad.as_bytes(), expected).await;
        let mut kept = gateway.agent.connect().await;
        assert_eq!(exchange(&mut kept, &ask).await.status, 200);
        refused(kept, bad.as_bytes(), expected).await;
    }
    assert!(
        upstream
            .received()
            .iter()
            .all(|received| received.path == "/a")
    );
}
