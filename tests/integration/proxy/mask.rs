//! Answers of a host whose credential the gateway holds: the agent never sees it, and everything else is as it was.

use futures_util::{SinkExt as _, StreamExt as _};
use http::HeaderMap;
use serde_json::Value as Json;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{accept_hdr_async, client_async};

use super::rig::outcome;
use crate::mask::KEY;
use crate::mask::coding::code;
use crate::support::agent::Agent;
use crate::support::gateway::{Builder, Gateway};
use crate::support::tollgate::Shell;
use crate::support::upstream::{Reply, Speaks, Upstream};
use crate::support::wire::Wire;

const HOST: &str = "api.test";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: [{ id: token, fields: [token], bearer: '{token}'ON_REFLECT }]
routes:
  - { action: thing.get, match: GET /thing, response_params: { said: $.said } }
  - { action: thing.create, match: PUT /thing, risk: low }
  - { action: part.get, match: GET /part, range: true }
  - { action: token.create, match: POST /tokens, response_secrets: [$.token] }
  - { action: feed.open, match: GET /feed, websocket: true }
  - { action: call.make, match: POST /call , risk: low }
";

const BASIC: &str = "
connector: basic
name: Another API
version: 1
domains: [basic.test]
auth: [{ id: token, fields: [{ name: user, secret: false }, token], basic: { username: '{user}', password: '{token}' } }]
routes:
  - { action: thing.get, match: GET /thing }
";

const POLICY: &str = "
permissions:
  - { agents: [ci], connector: api, access: full }
  - { agents: [ci], allow: [api.feed.open, api.token.create] }
";

fn describe(on_reflect: &str) -> Builder {
    Builder::new()
        .connector("api", &CONNECTOR.replace("ON_REFLECT", on_reflect))
        .policy("rig", POLICY)
        .credential("api", HOST, ("token", KEY))
}

/// Starts a gateway that puts [`KEY`] on requests to `api.test`.
pub(crate) async fn start(upstream: &Upstream) -> Gateway {
    describe("")
        .upstream("api.test:443", upstream)
        .start()
        .await
}

fn hidden() -> String {
    "*".repeat(KEY.len())
}

async fn get(client: &reqwest::Client, path: &str) -> reqwest::Response {
    client
        .get(format!("https://{HOST}{path}"))
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn what_was_found_is_counted_in_the_record_and_in_the_metric() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let reply = Reply::new(200, format!("{KEY} and {KEY}")).header("x-echo", KEY);
    upstream.reply("/thing", reply);
    let answer = get(&gateway.agent.http1(), "/thing").await;
    let body = format!("{0} and {0}", hidden());
    assert_eq!(answer.headers()["content-length"], body.len().to_string());
    assert_eq!(answer.headers()["x-echo"], hidden());
    assert_eq!(answer.text().await.unwrap(), body);
    let clean = get(&gateway.agent.http1(), "/thing").await;
    assert_eq!(clean.text().await.unwrap(), "ok");
    let finished = gateway.finished(2).await;
    assert_eq!(finished[0]["masked"], 3);
    assert_eq!(finished[0]["on_reflect"], "mask");
    assert_eq!(finished[1].get("masked"), None);
    let metrics = gateway.metrics().await;
    assert!(
        metrics.contains("tollgate_masked_total{connector=\"api\"} 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn what_is_recorded_of_an_answer_holds_no_credential() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let text = format!(r#"{{"said":"it is {}"}}"#, KEY.replace('/', r"\/"));
    let reply = Reply::new(200, code("gzip", &[text.as_bytes()]));
    upstream.reply("/thing", reply.header("content-encoding", "gzip"));
    let answer = get(&gateway.agent.http1(), "/thing").await;
    assert!(!answer.text().await.unwrap().contains("ghp_"));
    let finished = &gateway.finished(1).await[0];
    assert!(
        finished["answer"]["said"]
            .as_str()
            .unwrap()
            .starts_with("it is *"),
        "{finished}"
    );
    let journal = gateway.path("state/journal");
    for entry in std::fs::read_dir(journal).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("S3cret"));
    }
}

#[tokio::test]
async fn an_answer_that_was_decoded_says_nothing_about_the_bytes_that_came() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    for (coding, kept) in [("identity", true), ("gzip", false), ("br", false)] {
        let mut reply = Reply::new(200, code(coding, &[b"hello"])).header("etag", "\"1\"");
        for (name, value) in [
            ("repr-digest", "sha-256=:x:"),
            ("accept-ranges", "bytes"),
            ("content-md5", "x"),
        ] {
            reply = reply.header(name, value);
        }
        if coding != "identity" {
            reply = reply.header("content-encoding", coding);
        }
        upstream.reply("/thing", reply);
        let answer = get(&gateway.agent.http1(), "/thing").await;
        assert_eq!(answer.headers()["etag"], "\"1\"");
        for name in [
            "repr-digest",
            "accept-ranges",
            "content-md5",
            "content-length",
        ] {
            assert_eq!(
                answer.headers().contains_key(name),
                kept,
                "{coding}: {name}"
            );
        }
        assert!(
            !answer.headers().contains_key("content-encoding"),
            "{coding}"
        );
        assert_eq!(answer.text().await.unwrap(), "hello");
    }
}

/// Asks over each version of HTTP for an answer that must not pass.
async fn refused(reply: impl Fn() -> Reply, path: &str) {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    for client in [gateway.agent.http1(), gateway.agent.http2()] {
        upstream.reply(path, reply());
        let answer = get(&client, path).await;
        assert_eq!(answer.status(), 502, "{path}");
        let told: Json = answer.json().await.unwrap();
        assert_eq!(told["code"], "unmaskable", "{told}");
    }
    assert_eq!(outcome(&gateway.finished(2).await[1]), "refused unmaskable");
}

#[tokio::test]
async fn an_answer_that_cannot_be_searched_is_refused() {
    for coding in ["compress", "dcb", "gzip, br", "aws-chunked"] {
        refused(
            || Reply::new(200, KEY).header("content-encoding", coding),
            "/thing",
        )
        .await;
    }
    let part = || Reply::new(206, KEY).header("content-range", "bytes 0-33/34");
    refused(part, "/thing").await;
    refused(|| part().header("content-encoding", "gzip"), "/part").await;
    refused(
        || Reply::new(200, KEY).header("grpc-encoding", "gzip"),
        "/thing",
    )
    .await;
}

#[tokio::test]
async fn a_body_that_is_not_in_its_coding_does_not_pass() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    for client in [gateway.agent.http1(), gateway.agent.http2()] {
        let reply = Reply::new(200, KEY.repeat(10));
        upstream.reply("/thing", reply.header("content-encoding", "gzip"));
        let answer = client.get("https://api.test/thing").send().await;
        // Its head may have gone before its body was there.
        let body = match answer {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        assert!(!body.contains("S3cret"), "{body}");
    }
    assert_eq!(outcome(&gateway.finished(2).await[1]), "refused unmaskable");
}

#[tokio::test]
async fn a_part_is_masked_where_the_route_lets_parts_pass() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let reply = Reply::new(206, format!("a{KEY}b")).header("content-range", "bytes 5-39/100");
    upstream.reply("/part", reply);
    let request = gateway
        .agent
        .http1()
        .get("https://api.test/part")
        .header("range", "bytes=5-39");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 206);
    assert_eq!(answer.headers()["content-length"], "35");
    assert_eq!(answer.text().await.unwrap(), format!("a{}b", hidden()));
    assert_eq!(upstream.only().header("range"), Some("bytes=5-39"));
}

#[tokio::test]
async fn a_request_asks_for_nothing_that_cannot_be_searched() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let request = gateway.agent.http1().get("https://api.test/thing");
    let request = request
        .header("accept-encoding", "compress, dcb, zstd;q=0.5, br")
        .header("range", "bytes=0-0")
        .header("grpc-accept-encoding", "gzip");
    request.send().await.unwrap();
    let asked = upstream.only();
    assert_eq!(asked.header("accept-encoding"), Some("zstd;q=0.5, br"));
    assert_eq!(asked.header("range"), None);
    assert_ne!(asked.header("grpc-accept-encoding"), Some("gzip"));
}

#[tokio::test]
async fn an_event_passes_as_soon_as_it_has_come() {
    for (speaks, coding) in [
        (Speaks::Http1, "identity"),
        (Speaks::Http1, "gzip"),
        (Speaks::Http2, "br"),
        (Speaks::Http2, "zstd"),
    ] {
        let upstream = Upstream::speaking(&[HOST], speaks).await;
        let gateway = start(&upstream).await;
        for client in [gateway.agent.http1(), gateway.agent.http2()] {
            let events = [
                "data: one\n\n".to_owned(),
                format!("data: {KEY}\n\n"),
                "data: g\n\n".to_owned(),
            ];
            let parts: Vec<&[u8]> = events.iter().map(String::as_bytes).collect();
            let (reply, feed) = Reply::streamed(200);
            let reply = reply.header("content-type", "text/event-stream");
            upstream.reply(
                "/thing",
                if coding == "identity" {
                    reply
                } else {
                    reply.header("content-encoding", coding)
                },
            );
            let mut answer = get(&client, "/thing").await;
            let mut sent = 0;
            for count in 1..=events.len() {
                // All that has been flushed up to here is the begin of the whole.
                let flushed = flushed(coding, &parts[..count]);
                feed.send(flushed[sent..].to_vec()).await;
                sent = flushed.len();
                let expected = events[count - 1].replace(KEY, &hidden());
                let mut seen = Vec::new();
                while seen.len() < expected.len() {
                    seen.extend_from_slice(&answer.chunk().await.unwrap().unwrap());
                }
                assert_eq!(
                    String::from_utf8(seen).unwrap(),
                    expected,
                    "{speaks:?} {coding}"
                );
            }
        }
    }
}

/// Codes texts, each flushed, without the end.
fn flushed(coding: &str, parts: &[&[u8]]) -> Vec<u8> {
    let one = code(coding, &[parts, &[b"1111"]].concat());
    let other = code(coding, &[parts, &[b"another text"]].concat());
    let same = one
        .iter()
        .zip(&other)
        .take_while(|(one, other)| one == other)
        .count();
    if coding == "identity" {
        parts.concat()
    } else {
        one[..same].to_vec()
    }
}

#[tokio::test]
async fn trailers_are_masked() {
    let upstream = Upstream::speaking(&[HOST], Speaks::Http2).await;
    let gateway = start(&upstream).await;
    let (reply, feed) = Reply::streamed(200);
    upstream.reply("/call", reply.header("content-type", "application/grpc"));
    let call = gateway
        .agent
        .http2()
        .post("https://api.test/call")
        .header("content-type", "application/grpc");
    let answer = tokio::spawn(call.body("").send());
    let frame = [&[0, 0, 0, 0, KEY.len() as u8][..], KEY.as_bytes()].concat();
    feed.send(frame).await;
    let trailers = [("grpc-status", "16"), ("grpc-message", KEY)];
    let trailers = trailers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    feed.trailers(HeaderMap::from_iter(trailers)).await;
    drop(feed);
    let answer: http::Response<reqwest::Body> = answer.await.unwrap().unwrap().into();
    let body = http_body_util::BodyExt::collect(answer.into_body())
        .await
        .unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-message"], hidden());
    assert_eq!(&body.to_bytes()[5..], hidden().as_bytes());
}

#[tokio::test]
async fn a_websocket_that_echoes_is_masked_and_not_compressed() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = describe("")
        .resolve("api.test:443", &[upstream.address])
        .trust(&upstream.ca_pem)
        .start()
        .await;
    let tunnel = gateway.agent.tls_tunnel("api.test:443", HOST).await;
    let mut asked = HeaderMap::new();
    #[expect(
        clippy::result_large_err,
        reason = "the callback's type is tungstenite's"
    )]
    let look = |request: &Request, response: Response| {
        asked.clone_from(request.headers());
        Ok(response)
    };
    let opening = http::Request::get("ws://api.test/feed")
        .header("host", HOST)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-extensions", "permessage-deflate")
        .body(())
        .unwrap();
    let serve = async { accept_hdr_async(upstream.accept().await.stream, look).await };
    let (agent, served) = tokio::join!(client_async(opening, tunnel), serve);
    let ((mut agent, _), mut served) = (agent.unwrap(), served.unwrap());
    assert_eq!(asked.get("sec-websocket-extensions"), None);
    let long = [&vec![7; 1 << 18][..], KEY.as_bytes()].concat();
    let hides = |message: Message| match message {
        Message::Text(text) => Message::text(text.as_str().replace(KEY, &hidden())),
        _ => Message::binary(Bytes::from(
            [&vec![7; 1 << 18][..], hidden().as_bytes()].concat(),
        )),
    };
    for message in [
        Message::text(format!("you are {KEY}")),
        Message::binary(Bytes::from(long)),
        Message::text("ghp_"),
    ] {
        served.send(message.clone()).await.unwrap();
        let seen = agent.next().await.unwrap().unwrap();
        assert!(seen == hides(message));
    }
}

#[tokio::test]
async fn an_answer_is_blocked_or_only_flagged_where_the_connector_says_so() {
    for (speaks, client) in [
        (Speaks::Http1, Agent::http1 as fn(&Agent) -> reqwest::Client),
        (Speaks::Http2, Agent::http2),
    ] {
        let upstream = Upstream::speaking(&[HOST], speaks).await;
        let flagging = describe(", on_reflect: flag")
            .upstream("api.test:443", &upstream)
            .start()
            .await;
        upstream.reply("/thing", Reply::new(200, KEY).header("x-echo", KEY));
        let answer = get(&client(&flagging.agent), "/thing").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["x-echo"], KEY);
        assert_eq!(answer.text().await.unwrap(), KEY);
        let finished = &flagging.finished(1).await[0];
        assert_eq!(finished["masked"], 2);
        assert_eq!(finished["on_reflect"], "flag");

        let blocking = describe(", on_reflect: block")
            .upstream("api.test:443", &upstream)
            .start()
            .await;
        upstream.reply("/thing", Reply::new(200, "x").header("x-echo", KEY));
        let told: Json = get(&client(&blocking.agent), "/thing")
            .await
            .json()
            .await
            .unwrap();
        assert_eq!(told["code"], "credential_reflected");
        upstream.reply("/thing", Reply::new(200, format!("it is {KEY}.")));
        let answer = client(&blocking.agent)
            .get("https://api.test/thing")
            .send()
            .await;
        if let Ok(answer) = answer {
            // Its head may have gone before its body was there.
            let body = answer.text().await.unwrap_or_default();
            assert!(!body.contains("S3cret"), "{body}");
        }
        let finished = blocking.finished(2).await;
        assert_eq!(outcome(&finished[1]), "refused credential_reflected");
    }
}

#[tokio::test]
async fn what_was_created_with_the_credential_is_masked_when_it_is_read() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    upstream.reply("/thing", Reply::new(201, r#"{"id":1}"#));
    upstream.reply(
        "/thing",
        Reply::new(200, format!(r#"{{"created_with":"{KEY}"}}"#)),
    );
    let client = gateway.agent.http2();
    let created = client
        .put("https://api.test/thing")
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), 201);
    let read = get(&client, "/thing").await.text().await.unwrap();
    assert_eq!(read, format!(r#"{{"created_with":"{}"}}"#, hidden()));
}

#[tokio::test]
async fn an_answer_that_issues_a_credential_does_not_give_the_gateways_away_either() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let reply = Reply::new(
        200,
        format!(r#"{{"token":"a-new-token-12345","by":"{KEY}"}}"#),
    );
    upstream.reply("/tokens", reply.header("content-type", "application/json"));
    let client = gateway.agent.http1();
    let answer = client.post("https://api.test/tokens").send().await.unwrap();
    let told: Json = answer.json().await.unwrap();
    assert_eq!(told["by"], hidden());
    assert!(told["token"].as_str().unwrap().starts_with("tgp_"));
}

#[tokio::test]
async fn user_name_and_password_are_hidden_as_they_go_out() {
    let upstream = Upstream::start(&["basic.test"]).await;
    let gateway = Builder::new()
        .connector("basic", BASIC)
        .policy("rig", "permissions: [{ agents: [ci], connector: basic, access: full }]")
        .upstream("basic.test:443", &upstream)
        .settings(
            "credentials:\n  - { id: basic, connector: basic, host: basic.test, fields: { user: ada, token: { file: secrets/token } } }",
        );
    let gateway = gateway.secret("secrets/token", KEY).start().await;
    upstream.reply("/thing", Reply::new(200, "ok"));
    let client = gateway.agent.http1();
    let ask = async || client.get("https://basic.test/thing").send().await.unwrap();
    ask().await;
    let sent = upstream.only().header("authorization").unwrap().to_owned();
    assert!(sent.starts_with("Basic "));
    upstream.reply("/thing", Reply::new(200, sent.clone()));
    let seen = ask().await.text().await.unwrap();
    assert_eq!(seen, format!("Basic {}", "*".repeat(sent.len() - 6)));
}

#[tokio::test]
async fn a_long_answer_passes_whole() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let (reply, feed) = Reply::streamed(200);
    upstream.reply("/thing", reply.header("content-encoding", "gzip"));
    // 8 MiB, of which some KiB come over the wire.
    let piece = [KEY.as_bytes(), &vec![b'x'; (1 << 20) - KEY.len()]].concat();
    let parts: Vec<&[u8]> = vec![piece.as_slice(); 8];
    let coded = code("gzip", &parts);
    let mut answer = get(&gateway.agent.http1(), "/thing").await;
    let send = async {
        for piece in coded.chunks(16 * 1024) {
            feed.send(piece.to_vec()).await;
        }
        drop(feed);
    };
    let read = async {
        let mut seen = 0;
        while let Some(chunk) = answer.chunk().await.unwrap() {
            assert!(!chunk.windows(4).any(|bytes| bytes == b"ghp_"));
            seen += chunk.len();
        }
        seen
    };
    let (seen, ()) = tokio::join!(read, send);
    assert_eq!(seen, 8 << 20);
    assert_eq!(gateway.finished(1).await[0]["masked"], 8);
}

#[tokio::test]
async fn a_credential_that_is_added_while_an_answer_runs_is_hidden_in_the_rest_of_it() {
    const LATER: &str = "a-secret-of-later-0123456789";
    for client in [Agent::http1, Agent::http2] {
        let upstream = Upstream::start(&[HOST]).await;
        let gateway = start(&upstream).await;
        let (reply, feed) = Reply::streamed(200);
        upstream.reply("/thing", reply);
        let mut answer = get(&client(&gateway.agent), "/thing").await;
        // Nobody knows it for a secret yet.
        let line = format!("{LATER}\n");
        feed.send(line.clone()).await;
        assert_eq!(answer.chunk().await.unwrap().unwrap(), line);
        let args = [
            "credential",
            "add",
            "api",
            "--id",
            "later",
            "--path",
            "/other",
        ];
        let shell = Shell::at(&gateway.path(""));
        let added = shell.run(&args, &format!("{LATER}\n")).await;
        assert!(added.status.success(), "{added:?}");
        gateway.followed().await;
        feed.send(LATER).await;
        feed.send(KEY).await;
        drop(feed);
        let hidden = "*".repeat(LATER.len() + KEY.len());
        assert_eq!(answer.text().await.unwrap(), hidden);
    }
}
