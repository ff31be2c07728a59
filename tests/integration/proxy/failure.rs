//! Upstreams that fail: what the agent reads, what is counted, what is recorded.

use std::time::Duration;

use tokio::net::TcpListener;

use super::rig::{self, HOST};
use crate::support::agent::{exchange, is_closed, outbox};
use crate::support::certificate::{Issued, Validity};
use crate::support::gateway::Gateway;
use crate::support::upstream::{Reply, Speaks, Upstream};

/// Far below the gateway's own limit of ten minutes.
const SOON: Duration = Duration::from_secs(20);

/// An address where nothing listens.
async fn closed_port() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Asserts the answer (status, code), the record (outcome, whether bytes were sent) and the metric, over both versions.
async fn refused(gateway: &Gateway, (status, code): (u16, &str), (outcome, sends): (&str, bool)) {
    for client in [gateway.agent.http1(), gateway.agent.http2()] {
        let answer = client
            .post(format!("https://{HOST}/read"))
            .body("{}")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status);
        assert!(answer.headers().contains_key("tollgate-request-id"));
        let text = answer.text().await.unwrap();
        let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["code"], code);
        assert!(
            !text.contains("127.0.0.1") && !text.contains("Peer"),
            "{text}"
        );
    }
    for finished in gateway.finished(2).await {
        assert_eq!(rig::outcome(&finished), outcome);
        let sent = finished["request_bytes"].as_u64().unwrap();
        assert_eq!(sent > 0, sends, "{sent}");
    }
    let kind = outcome.rsplit(' ').next().unwrap();
    let line = format!(r#"tollgate_upstream_errors_total{{connector="api",kind="{kind}"}} 2"#);
    assert!(gateway.metrics().await.contains(&line));
    assert_eq!(gateway.decided(2).await.len(), 2);
}

#[tokio::test]
async fn refuses_when_nothing_listens() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::reaching(&[closed_port().await], &upstream.ca_pem).await;
    refused(
        &gateway,
        (502, "upstream_unreachable"),
        ("upstream_failed connect", false),
    )
    .await;
}

#[tokio::test]
async fn refuses_a_certificate_of_an_unknown_authority() {
    let (upstream, other) = (
        Upstream::start(&[HOST]).await,
        Upstream::start(&[HOST]).await,
    );
    let gateway = rig::reaching(&[upstream.address], &other.ca_pem).await;
    refused(
        &gateway,
        (502, "upstream_unreachable"),
        ("upstream_failed tls", false),
    )
    .await;
}

#[tokio::test]
async fn refuses_a_certificate_for_another_name() {
    let upstream = Upstream::start(&["other.test"]).await;
    let gateway = rig::start(&upstream).await;
    refused(
        &gateway,
        (502, "upstream_unreachable"),
        ("upstream_failed tls", false),
    )
    .await;
}

#[tokio::test]
async fn refuses_a_certificate_that_is_not_valid_now() {
    for validity in [Validity::Past, Validity::Future] {
        let upstream = Upstream::with(&Issued::new(&[HOST], validity), Speaks::Both).await;
        let gateway = rig::start(&upstream).await;
        refused(
            &gateway,
            (502, "upstream_unreachable"),
            ("upstream_failed tls", false),
        )
        .await;
        assert!(upstream.received().is_empty());
    }
}

#[tokio::test]
async fn refuses_when_the_upstream_is_silent() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::describe()
        .upstream(&format!("{HOST}:443"), &upstream)
        .settings("  first_byte: 200ms")
        .start()
        .await;
    upstream.reply("/read", Reply::silence());
    upstream.reply("/read", Reply::silence());
    refused(
        &gateway,
        (504, "upstream_timeout"),
        ("upstream_failed timeout", true),
    )
    .await;
    assert_eq!(
        upstream.received().len(),
        2,
        "a request that may have taken effect is not repeated"
    );
}

#[tokio::test]
async fn a_route_says_how_long_its_upstream_may_be_silent() {
    let upstream = Upstream::start(&[HOST]).await;
    let patient = rig::start(&upstream).await;
    upstream.reply("/soon", Reply::silence());
    let client = patient.agent.http1();
    let post = |client: &reqwest::Client, path: &str| {
        let url = format!("https://{HOST}{path}");
        client.post(url).body("{}").timeout(SOON).send()
    };
    assert_eq!(post(&client, "/soon").await.unwrap().status(), 504);

    let hasty = rig::describe()
        .upstream(&format!("{HOST}:443"), &upstream)
        .settings("  first_byte: 200ms")
        .start()
        .await;
    let (reply, feed) = Reply::streamed(200);
    upstream.reply("/late", reply);
    upstream.reply("/read", Reply::silence());
    let client = hasty.agent.http1();
    let late = post(&client, "/late").await.unwrap();
    // What may not be silent for so long has been given up in the meantime.
    assert_eq!(post(&client, "/read").await.unwrap().status(), 504);
    feed.send("at last").await;
    drop(feed);
    assert_eq!(late.text().await.unwrap(), "at last");
}

#[tokio::test]
async fn refuses_when_the_upstream_breaks_off() {
    let upstream = Upstream::speaking(&[HOST], Speaks::Http1).await;
    let gateway = rig::start(&upstream).await;
    upstream.reply("/read", Reply::cut());
    upstream.reply("/read", Reply::cut());
    refused(
        &gateway,
        (502, "upstream_closed"),
        ("upstream_failed closed", true),
    )
    .await;
    assert_eq!(
        upstream.received().len(),
        2,
        "a request that may have taken effect is not repeated"
    );
}

#[tokio::test]
async fn tries_the_next_address_while_nothing_was_sent() {
    let upstream = Upstream::start(&[HOST]).await;
    let addresses = [closed_port().await, closed_port().await, upstream.address];
    let gateway = rig::reaching(&addresses, &upstream.ca_pem).await;
    let answer = gateway
        .agent
        .http1()
        .post(format!("https://{HOST}/read"))
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(&upstream.only().body[..], b"{}");
}

#[tokio::test]
async fn notes_that_the_agent_left() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    upstream.reply("/read", Reply::silence());
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let request = format!("POST /read HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\n{{}}");
    tokio::io::AsyncWriteExt::write_all(&mut tls, request.as_bytes())
        .await
        .unwrap();
    upstream.wait_for(1).await;
    drop(tls);
    let finished = gateway.finished(1).await;
    assert_eq!(rig::outcome(&finished[0]), "agent_left");
}

#[tokio::test]
async fn tells_an_agent_that_owes_its_body() {
    for path in ["/stream", "/read"] {
        let upstream = Upstream::start(&[HOST]).await;
        let gateway = rig::describe()
            .upstream(&format!("{HOST}:443"), &upstream)
            .settings("  request_head: 300ms")
            .start()
            .await;
        let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        let ask = format!("POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9\r\n\r\n{{");
        let answer = exchange(&mut tls, &ask).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.json()["code"], "body_too_slow", "{path}");
        assert!(is_closed(&mut tls).await);
        let (outbox, body) = outbox();
        outbox.send("{".into()).await.unwrap();
        let request = gateway.agent.http2().post(format!("https://{HOST}{path}"));
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{path}");
        let decided = gateway.decided(2).await;
        assert_eq!(decided.len(), 2);
        assert!(
            upstream
                .received()
                .iter()
                .all(|received| received.body.len() <= 1)
        );
    }
}

#[tokio::test]
async fn tells_an_agent_whose_body_cannot_be_framed_and_reads_nothing_behind_it() {
    for path in ["/stream", "/read"] {
        for body in [
            "2g\r\n{}\r\n0\r\n\r\n",
            "2\r\n{}X\r\n0\r\n\r\n",
            "2\n{}\r\n0\r\n\r\n",
        ] {
            let upstream = Upstream::speaking(&[HOST], Speaks::Http1).await;
            let gateway = rig::start(&upstream).await;
            let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
            let ask = format!(
                "POST {path} HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
            );
            let answer = exchange(&mut tls, &ask).await;
            assert_eq!(answer.status, 400, "{path} {body}");
            assert_eq!(answer.json()["code"], "bad_request", "{path} {body}");
            assert_eq!(answer.header("connection"), Some("close"), "{path} {body}");
            assert!(is_closed(&mut tls).await, "{path} {body}");
            if path == "/stream" {
                let finished = &gateway.finished(1).await[0];
                assert_eq!(rig::outcome(finished), "refused bad_request", "{body}");
            }
            assert!(
                upstream
                    .received()
                    .iter()
                    .all(|received| received.body.len() <= 2)
            );
        }
    }
}
