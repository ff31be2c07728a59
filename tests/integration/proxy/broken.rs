//! Answers that break off, come too early, or that nobody asked for, and connections of the pool that have gone stale.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::rig::{self, HOST};
use crate::support::agent::{exchange, outbox, read_answer, read_interim};
use crate::support::gateway::Gateway;
use crate::support::wire::{Connection, Wire};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn counted(gateway: &Gateway, kind: &str) -> bool {
    let line = format!(r#"tollgate_upstream_errors_total{{connector="api",kind="{kind}"}} 1"#);
    gateway.metrics().await.contains(&line)
}

#[tokio::test]
async fn an_answer_that_is_cut_short_does_not_end_well() {
    for answer in [
        "Content-Length: 10\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "Transfer-Encoding: chunked\r\n\r\n9\r\nhello",
        // It ends with its connection, and only TLS can say that nobody cut that (RFC 9112 section 9.8).
        "Connection: close\r\n\r\nhello",
    ] {
        for second in [false, true] {
            let upstream = Wire::tls(&[HOST]).await;
            let gateway = rig::wired(&upstream).await;
            let client = match second {
                true => gateway.agent.http2(),
                false => gateway.agent.http1(),
            };
            let url = format!("https://{HOST}/page");
            let serve = async {
                let mut served = upstream.accept().await;
                served.head().await;
                served.write(format!("HTTP/1.1 200 OK\r\n{answer}")).await;
            };
            let (answered, ()) = tokio::join!(client.get(url).send(), serve);
            // What there is of it comes, and that there is no more.
            let mut answered = answered.unwrap();
            assert_eq!(answered.status(), 200, "{answer}");
            let mut read = Vec::new();
            let cut = loop {
                match answered.chunk().await {
                    Ok(Some(chunk)) => read.extend_from_slice(&chunk),
                    Ok(None) => break false,
                    Err(_) => break true,
                }
            };
            assert!(cut, "{answer}");
            assert!(second || read == b"hello", "{answer}: {read:?}");
            let finished = &gateway.finished(1).await[0];
            assert_eq!(rig::outcome(finished), "upstream_failed closed", "{answer}");
            assert_eq!(finished["response_bytes"], 5, "{answer}");
            assert!(counted(&gateway, "closed").await, "{answer}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_ends_well() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    for client in [gateway.agent.http1(), gateway.agent.http2()] {
        let serve = async {
            let mut served = upstream.accept().await;
            served.head().await;
            served.write("HTTP/1.1 200 OK\r\n\r\nhello").await;
            served.stream.shutdown().await.unwrap();
        };
        let url = format!("https://{HOST}/page");
        let (answered, ()) = tokio::join!(client.get(url).send(), serve);
        assert_eq!(answered.unwrap().text().await.unwrap(), "hello");
    }
    for finished in gateway.finished(2).await {
        assert_eq!(rig::outcome(&finished), "answered 200");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_told_and_not_passed() {
    for (answer, kind) in [
        ("SSH-2.0-OpenSSH\r\n\r\n", "protocol"),
        ("HTTP/1.1 200 OK\r\nContent-Le", "closed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "protocol"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 3\r\n\r\nabc",
            "protocol",
        ),
        (
            "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
            "protocol",
        ),
    ] {
        let upstream = Wire::tls(&[HOST]).await;
        let gateway = rig::wired(&upstream).await;
        let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        tunnel.write_all(get("/page").as_bytes()).await.unwrap();
        let mut served = upstream.accept().await;
        served.head().await;
        served.write(answer).await;
        served.stream.shutdown().await.unwrap();
        let told = read_answer(&mut tunnel).await;
        assert_eq!(told.status, 502, "{answer}");
        let code = match kind {
            "closed" => "upstream_closed",
            _ => "upstream_malformed",
        };
        assert_eq!(told.json()["code"], code, "{answer}");
        let detail = told.json()["detail"].to_string();
        assert!(detail.contains("may have taken effect"), "{detail}");
        let finished = &gateway.finished(1).await[0];
        assert_eq!(
            rig::outcome(finished),
            format!("upstream_failed {kind}"),
            "{answer}"
        );
        assert!(counted(&gateway, kind).await, "{answer}");
    }
}

/// Asks until a connection of the pool is taken for a request; returns that connection, the request read off it.
async fn pooled<S>(tunnel: &mut S, upstream: &Wire, method: &str) -> Connection
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tunnel.write_all(get("/warm").as_bytes()).await.unwrap();
    let mut served = upstream.accept().await;
    loop {
        served.head().await;
        served.write(OK).await;
        assert_eq!(read_answer(tunnel).await.status, 200);
        let ask = format!("{method} /stream HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n");
        tunnel.write_all(ask.as_bytes()).await.unwrap();
        tokio::select! {
            head = served.head() => {
                assert!(head.starts_with(&format!("{method} /stream ")), "{head}");
                return served;
            }
            // The other one was still on its way back to the pool.
            fresh = upstream.accept() => served = fresh,
        }
    }
}

#[tokio::test]
async fn a_request_that_has_no_effect_survives_a_stale_connection_of_the_pool() {
    for (method, farewell) in [
        ("GET", true),
        ("HEAD", true),
        ("OPTIONS", true),
        ("GET", false),
        ("HEAD", false),
        ("OPTIONS", false),
    ] {
        let upstream = Wire::tls(&[HOST]).await;
        let gateway = rig::wired(&upstream).await;
        let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        let mut stale = pooled(&mut tunnel, &upstream, method).await;
        if farewell {
            stale.stream.shutdown().await.unwrap();
        } else {
            // Only the socket ends, without the `close_notify` of TLS.
            drop(stale);
        }
        let mut fresh = upstream.accept().await;
        let head = fresh.head().await;
        assert!(head.starts_with(&format!("{method} /stream ")), "{head}");
        assert!(
            head.to_ascii_lowercase()
                .contains("authorization: bearer injected"),
            "{head}"
        );
        fresh.write("HTTP/1.1 204 No Content\r\n\r\n").await;
        let answer = read_interim(&mut tunnel).await;
        assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
        let finished = gateway.finished(2).await;
        assert_eq!(rig::outcome(finished.last().unwrap()), "answered 204");
    }
}

#[tokio::test]
async fn a_request_that_may_have_taken_effect_is_not_repeated() {
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let upstream = Wire::tls(&[HOST]).await;
        let gateway = rig::wired(&upstream).await;
        let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        let mut stale = pooled(&mut tunnel, &upstream, method).await;
        stale.stream.shutdown().await.unwrap();
        let answer = read_answer(&mut tunnel).await;
        assert_eq!(answer.status, 502, "{method}");
        assert_eq!(answer.json()["code"], "upstream_closed");
        assert!(upstream.accepted().await.is_none(), "{method}");
        let finished = gateway.finished(2).await;
        assert_eq!(
            rig::outcome(finished.last().unwrap()),
            "upstream_failed closed",
            "{method}"
        );
        assert!(counted(&gateway, "closed").await, "{method}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_upload_is_over_is_read() {
    let refusal = "HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nstop";
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let ask =
        format!("POST /stream HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000\r\n\r\nbegins");
    tunnel.write_all(ask.as_bytes()).await.unwrap();
    let mut served = upstream.accept().await;
    served.head().await;
    served.write(refusal).await;
    served.stream.shutdown().await.unwrap();
    let answer = read_answer(&mut tunnel).await;
    assert_eq!((answer.status, answer.text().as_str()), (413, "stop"));
    assert_eq!(answer.header("connection"), Some("close"));
    drop((served, tunnel));

    let (outbox, body) = outbox();
    outbox.send("begins".into()).await.unwrap();
    let request = gateway.agent.http2().post(format!("https://{HOST}/stream"));
    let serve = async {
        let mut served = upstream.accept().await;
        served.head().await;
        served.write(refusal).await;
        served.stream.shutdown().await.unwrap();
        served
    };
    let (answered, served) = tokio::join!(request.body(body).send(), serve);
    let answer = answered.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.text().await.unwrap(), "stop");
    drop((served, outbox));
    for finished in gateway.finished(2).await {
        assert_eq!(rig::outcome(&finished), "answered 413");
    }
    assert!(upstream.accepted().await.is_none());
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_reaches_nobody() {
    let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    for with_the_first in [true, false] {
        let upstream = Wire::tls(&[HOST]).await;
        let gateway = rig::wired(&upstream).await;
        let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        tunnel.write_all(get("/first").as_bytes()).await.unwrap();
        let mut served = upstream.accept().await;
        served.head().await;
        if with_the_first {
            served.write(format!("{OK}{poison}")).await;
            assert_eq!(read_answer(&mut tunnel).await.text(), "ok");
        } else {
            served.write(OK).await;
            assert_eq!(read_answer(&mut tunnel).await.text(), "ok");
            served.write(poison).await;
        }
        let second = async {
            let mut fresh = upstream.accept().await;
            fresh.head().await;
            fresh
                .write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
                .await;
            fresh
        };
        let ask = get("/second");
        let (answer, _fresh) = tokio::join!(exchange(&mut tunnel, &ask), second);
        assert_eq!(answer.text(), "mine");
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
}

#[tokio::test]
async fn a_request_that_its_agent_breaks_off_is_not_repeated() {
    for rest in [
        "Content-Length: 5\r\n\r\nhe",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n?",
    ] {
        let upstream = Wire::tls(&[HOST]).await;
        let gateway = rig::wired(&upstream).await;
        let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        tunnel.write_all(get("/warm").as_bytes()).await.unwrap();
        let mut served = upstream.accept().await;
        served.head().await;
        served.write(OK).await;
        assert_eq!(read_answer(&mut tunnel).await.status, 200);
        gateway.finished(1).await;
        let ask = format!("GET /page HTTP/1.1\r\nHost: {HOST}\r\n{rest}");
        tunnel.write_all(ask.as_bytes()).await.unwrap();
        tunnel.shutdown().await.unwrap();
        gateway.finished(2).await;
        // On the kept connection or on another one, but once.
        let mut heads = usize::from(served.rest().await.starts_with(b"GET /page "));
        while let Some(mut fresh) = upstream.accepted().await {
            heads += usize::from(fresh.rest().await.starts_with(b"GET /page "));
        }
        assert!(heads <= 1, "{rest}: {heads}");
    }
}
