//! Answers that hold a credential: the agent gets a placeholder and all the rest, or nothing of an answer that cannot be searched.

use std::collections::BTreeSet;
use std::io::Write as _;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde_json::{Value as Json, json};
use tokio::io::AsyncWriteExt as _;
use tollgate::connector::AnswerPlace;
use tollgate::pipeline::mask::response_secret::{Masked, Rules, Unmaskable, mask};

use crate::support::agent::{Agent, Raw, exchange};
use crate::support::gateway::{Builder, Gateway};
use crate::support::property::{self, Cases, Claim};
use crate::support::upstream::{Reply, Speaks, Upstream};
use crate::support::wire::Wire;

const HOST: &str = "api.test";
const SECRET: &str = "ghs_S3cret/with+signs==0123456789";
const OTHER: &str = "another-secret-9876543210";

const CONNECTOR: &str = r#"
connector: api
name: Test API
version: 1
domains: [api.test]
auth: [{ id: token, fields: [token], bearer: "{token}" }]
routes:
  - { action: token.create, match: GET|POST /tokens, response_secrets: [$.access_token, '$.keys[*].secret', "header:X-Key"] }
  - { action: token.pass, match: POST /pass, response_secrets: [$.access_token] }
  - { action: token.mint, match: POST /graphql, graphql: mutation.mint, response_secrets: [$.data.mint.token] }
"#;

const POLICY: &str = "
permissions:
  - { agents: [ci], allow: [api.token.create, api.token.mint] }
  - { agents: [ci], allow: [api.token.pass], response_secrets: pass }
";

async fn start(upstream: &Upstream) -> Gateway {
    builder().upstream("api.test:443", upstream).start().await
}

fn builder() -> Builder {
    Builder::new()
        .connector("api", CONNECTOR)
        .policy("api", POLICY)
        .credential("api", HOST, ("token", "the-real-token"))
        .settings("limits: { body: 64KiB }")
}

/// All that an agent receives of an answer.
struct Seen {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Seen {
    fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    fn assert_hides(&self, secrets: &[&str]) {
        for secret in secrets {
            let holds = |bytes: &[u8]| {
                bytes
                    .windows(secret.len())
                    .any(|at| at == secret.as_bytes())
            };
            assert!(!holds(&self.body), "{:?}", self.body);
            for (name, value) in &self.headers {
                assert!(!holds(value.as_bytes()), "{name}: {value:?}");
            }
        }
    }

    /// Asserts that nothing but the refusal has come.
    #[track_caller]
    fn assert_unmaskable(&self, case: &str) {
        assert_eq!(self.status, 502, "{case}");
        assert_eq!(self.header("tollgate-code"), Some("unmaskable"), "{case}");
        assert_eq!(self.header("x-mark"), None, "{case}");
        assert_eq!(self.json()["code"], "unmaskable", "{case}");
        self.assert_hides(&[SECRET, OTHER]);
    }
}

async fn ask(client: &reqwest::Client, method: Method, path: &str) -> Seen {
    let request = client.request(method, format!("https://{HOST}{path}"));
    let answer = request.send().await.unwrap();
    Seen {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: answer.bytes().await.unwrap(),
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn assert_placeholder(value: &Json) -> String {
    let text = value.as_str().unwrap();
    let random = text.strip_prefix("tgp_").unwrap();
    assert_eq!(random.len(), 32, "{text}");
    assert!(
        random.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{text}"
    );
    text.to_owned()
}

fn body() -> Json {
    json!({
        "access_token": SECRET,
        "keys": [{ "id": 1, "secret": OTHER }, { "id": 2, "secret": SECRET }],
        "note": format!("use {SECRET} or {OTHER}"),
        "url": "https://x.test/?token=ghs_S3cret%2Fwith%2Bsigns%3D%3D0123456789",
        "lower": "ghs_S3cret%2fwith%2bsigns%3d%3d0123456789",
        "by_token": { SECRET: true },
        "expires_in": 3600,
    })
}

async fn everywhere(speaks: Speaks, client: impl Fn(&Agent) -> reqwest::Client) {
    let upstream = Upstream::speaking(&[HOST], speaks).await;
    let gateway = start(&upstream).await;
    let client = client(&gateway.agent);
    let mut given = BTreeSet::new();
    for coded in [false, true] {
        let text = body().to_string().into_bytes();
        let reply = if coded {
            Reply::new(201, gzip(&text)).header("content-encoding", "gzip")
        } else {
            Reply::new(201, text)
        };
        let reply = reply
            .header("content-type", "application/json")
            .header("etag", "\"of-the-secret\"")
            .header("digest", "sha-256=of-the-secret")
            .header("x-key", "key-in-a-header-42")
            .header("location", &format!("/tokens?t={SECRET}"))
            .header("x-mark", "kept");
        upstream.reply("/tokens", reply);
        let seen = ask(&client, Method::POST, "/tokens").await;
        assert_eq!(seen.status, 201, "{speaks:?}: {:?}", seen.body);
        seen.assert_hides(&[SECRET, OTHER, "key-in-a-header-42", "%2Fwith%2Bsigns"]);
        let told = seen.json();
        let token = assert_placeholder(&told["access_token"]);
        let other = assert_placeholder(&told["keys"][0]["secret"]);
        let key = assert_placeholder(&json!(seen.header("x-key").unwrap()));
        assert_eq!(told["keys"][1]["secret"], token);
        assert_eq!(told["note"], format!("use {token} or {other}"));
        assert_eq!(told["url"], format!("https://x.test/?token={token}"));
        assert_eq!(told["lower"], token);
        assert_eq!(told["by_token"], json!({ &token: true }));
        assert_eq!(told["expires_in"], 3600);
        let location = format!("/tokens?t={token}");
        assert_eq!(seen.header("location"), Some(location.as_str()));
        assert_eq!(seen.header("x-mark"), Some("kept"));
        assert_eq!(seen.header("tollgate-decision"), Some("allow"));
        for gone in ["etag", "digest", "content-encoding", "transfer-encoding"] {
            assert_eq!(seen.header(gone), None, "{gone}");
        }
        let length = seen.body.len().to_string();
        assert_eq!(seen.header("content-length"), Some(length.as_str()));
        given.extend([token, other, key]);
    }
    assert_eq!(given.len(), 6, "a placeholder was used again");
    let line = r#"tollgate_masked_total{connector="api"} 2"#;
    assert!(gateway.metrics().await.contains(line));
    for finished in gateway.finished(2).await {
        assert_eq!(
            (&finished["outcome"], &finished["status"]),
            (&json!("answered"), &json!(201))
        );
        assert!(!finished.to_string().contains(SECRET));
    }
}

#[tokio::test]
async fn a_credential_in_an_answer_is_replaced_wherever_it_stands() {
    tokio::join!(
        everywhere(Speaks::Http1, Agent::http1),
        everywhere(Speaks::Http1, Agent::http2),
        everywhere(Speaks::Http2, Agent::http1),
        everywhere(Speaks::Http2, Agent::http2),
    );
}

async fn in_pieces(speaks: Speaks, client: impl Fn(&Agent) -> reqwest::Client) {
    let upstream = Upstream::speaking(&[HOST], speaks).await;
    let gateway = start(&upstream).await;
    let client = client(&gateway.agent);
    let (reply, feed) = Reply::streamed(200);
    upstream.reply("/tokens", reply.header("trailer", "x-again"));
    let asked = tokio::spawn(async move { ask(&client, Method::POST, "/tokens").await });
    let text = json!({ "access_token": SECRET }).to_string();
    let (front, back) = text.split_at(24);
    feed.send(front.to_owned()).await;
    feed.send(back.to_owned()).await;
    let again = ("x-again".parse().unwrap(), SECRET.parse().unwrap());
    feed.trailers(HeaderMap::from_iter([again])).await;
    drop(feed);
    let seen = asked.await.unwrap();
    assert_eq!(seen.status, 200, "{speaks:?}");
    seen.assert_hides(&[SECRET, &SECRET[..8]]);
    assert_placeholder(&seen.json()["access_token"]);
    assert_eq!(seen.header("trailer"), None);
}

#[tokio::test]
async fn an_answer_in_pieces_is_put_together_first() {
    tokio::join!(
        in_pieces(Speaks::Http1, Agent::http1),
        in_pieces(Speaks::Http2, Agent::http2),
    );
}

#[tokio::test]
async fn no_trailer_of_such_an_answer_reaches_the_agent() {
    use http_body_util::BodyExt as _;

    let upstream = Upstream::speaking(&[HOST], Speaks::Http2).await;
    let gateway = start(&upstream).await;
    let (reply, feed) = Reply::streamed(200);
    upstream.reply("/tokens", reply);
    let mut sender = gateway.agent.http2_tunnel("api.test:443", HOST).await;
    let request = http::Request::post(format!("https://{HOST}/tokens"));
    let asked = sender.send_request(request.body(Bytes::new().into()).unwrap());
    let answering = async {
        feed.send(json!({ "access_token": SECRET }).to_string())
            .await;
        let again = ("x-again".parse().unwrap(), SECRET.parse().unwrap());
        feed.trailers(HeaderMap::from_iter([again])).await;
        drop(feed);
    };
    let (answer, ()) = tokio::join!(asked, answering);
    let collected = answer.unwrap().into_body().collect().await.unwrap();
    assert_eq!(collected.trailers(), None);
    let told: Json = serde_json::from_slice(&collected.to_bytes()).unwrap();
    assert_placeholder(&told["access_token"]);
}

#[tokio::test]
async fn nothing_passes_of_an_answer_that_cannot_be_searched() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let whole = || body().to_string().into_bytes();
    let large = json!({ "access_token": SECRET, "fill": "x".repeat(64 * 1024) }).to_string();
    let json =
        |status, body: Vec<u8>| Reply::new(status, body).header("content-type", "application/json");
    let coded = |coding: &str, body: Vec<u8>| json(200, body).header("content-encoding", coding);
    let cases = [
        ("too large", json(200, large.clone().into_bytes())),
        (
            "too large once decoded",
            coded("gzip", gzip(large.as_bytes())),
        ),
        ("broken", json(200, whole()[..40].to_vec())),
        ("broken, of an error", json(500, whole()[..40].to_vec())),
        ("two documents", json(200, [whole(), whole()].concat())),
        (
            "a key twice",
            json(
                200,
                format!(r#"{{"access_token":"x","access_token":"{SECRET}"}}"#).into(),
            ),
        ),
        ("no coding that is known", coded("compress", whole())),
        ("two codings", coded("gzip, gzip", gzip(&gzip(&whole())))),
        ("no gzip", coded("gzip", whole())),
        (
            "a part",
            json(206, whole()).header("content-range", "bytes 0-9/99"),
        ),
        (
            "XML",
            Reply::new(200, format!("<Token>{SECRET}</Token>")).header("content-type", "text/xml"),
        ),
        (
            "events",
            Reply::new(200, format!("data: {{\"access_token\":\"{SECRET}\"}}\n\n")),
        ),
        (
            "a redirect's page",
            Reply::new(302, format!("<a href='/?t={SECRET}'>")),
        ),
        (
            "a form with a name twice",
            Reply::new(200, format!("access_token=x&access_token={SECRET}"))
                .header("content-type", "application/x-www-form-urlencoded"),
        ),
    ];
    let count = cases.len();
    for (case, reply) in cases {
        upstream.reply("/tokens", reply.header("x-mark", OTHER));
        let seen = ask(&gateway.agent.http2(), Method::POST, "/tokens").await;
        seen.assert_unmaskable(case);
    }
    for finished in gateway.finished(count).await {
        assert_eq!(
            (&finished["outcome"], &finished["code"]),
            (&json!("refused"), &json!("unmaskable"))
        );
    }
    assert!(!gateway.metrics().await.contains("tollgate_masked_total{"));
}

#[tokio::test]
async fn an_agent_of_http_1_reads_why_nothing_has_passed() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let reply = Reply::new(200, format!("<Token>{SECRET}</Token>")).header("x-mark", OTHER);
    upstream.reply("/tokens", reply);
    let seen = ask(&gateway.agent.http1(), Method::POST, "/tokens").await;
    seen.assert_unmaskable("HTTP/1.1");
}

#[tokio::test]
async fn an_error_an_empty_answer_and_one_without_a_credential_pass() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let client = gateway.agent.http1();

    upstream.reply(
        "/tokens",
        Reply::new(502, "<html>bad gateway</html>").header("x-key", OTHER),
    );
    let seen = ask(&client, Method::POST, "/tokens").await;
    assert_eq!(
        (seen.status, &seen.body[..]),
        (502, &b"<html>bad gateway</html>"[..])
    );
    seen.assert_hides(&[OTHER]);
    assert_eq!(seen.header("tollgate-code"), None);

    let reply = Reply::new(
        422,
        json!({ "access_token": SECRET, "error": "x" }).to_string(),
    );
    upstream.reply("/tokens", reply);
    let seen = ask(&client, Method::POST, "/tokens").await;
    assert_eq!((seen.status, &seen.json()["error"]), (422, &json!("x")));
    seen.assert_hides(&[SECRET]);

    upstream.reply("/tokens", Reply::new(204, "").header("x-key", OTHER));
    let seen = ask(&client, Method::POST, "/tokens").await;
    assert_eq!((seen.status, seen.body.len()), (204, 0));
    assert_placeholder(&json!(seen.header("x-key").unwrap()));

    let plain = r#"{ "message" : "try later", "n": 1.50 }"#;
    upstream.reply("/tokens", Reply::new(200, plain).header("etag", "\"1\""));
    let seen = ask(&client, Method::POST, "/tokens").await;
    assert_eq!(seen.body, plain, "nothing was found, so nothing is changed");
    assert_eq!(seen.header("etag"), Some("\"1\""));
}

#[tokio::test]
async fn the_head_alone_is_masked_too() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    for client in [gateway.agent.http1(), gateway.agent.http2()] {
        let reply = Reply::new(200, "").header("content-length", "99");
        let reply = reply.header("x-key", SECRET);
        upstream.reply("/tokens", reply.header("x-again", &format!("is {SECRET}")));
        let seen = ask(&client, Method::HEAD, "/tokens").await;
        assert_eq!((seen.status, seen.body.len()), (200, 0));
        seen.assert_hides(&[SECRET]);
        let key = assert_placeholder(&json!(seen.header("x-key").unwrap()));
        assert_eq!(seen.header("x-again"), Some(format!("is {key}").as_str()));
        assert_eq!(seen.header("content-length"), None, "it is another body's");
    }
}

#[tokio::test]
async fn an_interim_answer_of_such_an_action_is_not_passed() {
    let wire = Wire::tls(&[HOST]).await;
    let gateway = builder()
        .resolve("api.test:443", &[wire.address])
        .trust(&wire.ca_pem)
        .start()
        .await;
    let mut agent = gateway.agent.tls_tunnel("api.test:443", HOST).await;
    let answering = async {
        let mut upstream = wire.accept().await;
        upstream.head().await;
        let text = json!({ "access_token": SECRET }).to_string();
        let answer = format!(
            "HTTP/1.1 103 Early Hints\r\nLink: <{SECRET}>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        upstream.stream.write_all(answer.as_bytes()).await.unwrap();
        upstream
    };
    let request = format!("GET /tokens HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let (answer, _upstream): (Raw, _) = tokio::join!(exchange(&mut agent, &request), answering);
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert!(!answer.head.contains(SECRET));
    assert_placeholder(&answer.json()["access_token"]);
}

#[tokio::test]
async fn a_form_is_masked_as_a_form() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let encoded = "ghs_S3cret%2fwith%2Bsigns%3D%3D0123456789";
    let reply = Reply::new(
        200,
        format!("access_token={encoded}&scope=a+b%26c&token_type=bearer"),
    );
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    upstream.reply("/tokens", reply.header("content-type", form));
    let seen = ask(&gateway.agent.http1(), Method::POST, "/tokens").await;
    let text = std::str::from_utf8(&seen.body).unwrap();
    let rest = text.strip_prefix("access_token=").unwrap();
    let (token, rest) = rest.split_once('&').unwrap();
    assert_placeholder(&json!(token));
    assert_eq!(rest, "scope=a%20b%26c&token_type=bearer");
}

#[tokio::test]
async fn what_may_pass_passes_as_it_comes_and_what_cannot_be_found_is_not_sent() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let client = gateway.agent.http1();
    let text = json!({ "access_token": SECRET }).to_string();
    upstream.reply(
        "/pass",
        Reply::new(200, text.clone()).header("etag", "\"1\""),
    );
    let seen = ask(&client, Method::POST, "/pass").await;
    assert_eq!(
        (seen.body, seen.headers.contains_key("etag")),
        (text.into(), true)
    );

    // An alias names the place, and `response_secrets` does not.
    let request = client
        .post(format!("https://{HOST}/graphql"))
        .json(&json!({ "query": "mutation { x: mint { token } }" }));
    let answer = request.send().await.unwrap();
    // In GraphQL's own shape, whose status is 200.
    assert_eq!(answer.headers()["tollgate-code"], "response_secret");
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test]
async fn such_an_answer_is_asked_for_whole_and_readable() {
    let upstream = Upstream::start(&[HOST]).await;
    let open = CONNECTOR.replace(
        r#"[{ id: token, fields: [token], bearer: "{token}" }]"#,
        "none",
    );
    let gateway = Builder::new()
        .connector("api", &open)
        .policy("api", POLICY)
        .upstream("api.test:443", &upstream)
        .start()
        .await;
    upstream.reply("/tokens", Reply::new(200, body().to_string()));
    let request = gateway.agent.http1().get(format!("https://{HOST}/tokens"));
    let request = request
        .header("range", "bytes=0-0")
        .header("accept-encoding", "dcb, gzip");
    let answer = request.send().await.unwrap();
    assert!(!answer.text().await.unwrap().contains(SECRET));
    let received = upstream.only();
    assert_eq!(received.header("range"), None);
    assert_eq!(received.header("accept-encoding"), Some("gzip"));
}

// === the plain function ===

fn places(texts: &[&str]) -> Vec<AnswerPlace> {
    let place = |text: &&str| AnswerPlace::Body((*text).into());
    texts.iter().map(place).collect()
}

fn masked(places: &[AnswerPlace], body: &[u8]) -> Result<Masked, Unmaskable> {
    let rules = Rules {
        places,
        bytes: 64 * 1024,
        nodes: 1000,
    };
    mask(
        rules,
        StatusCode::OK,
        &mut HeaderMap::new(),
        Bytes::copy_from_slice(body),
    )
}

/// JSON in which a secret may stand anywhere, also within texts and as a key.
fn tree(secret: String) -> impl Strategy<Value = Json> {
    let within = secret.clone();
    let leaf = proptest::prop_oneof![
        any::<i64>().prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
        "\\PC{0,12}".prop_map(Json::from),
        ("\\PC{0,6}", "\\PC{0,6}")
            .prop_map(move |(front, back)| Json::from(format!("{front}{within}{back}"))),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let secret = secret.clone();
        proptest::prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::btree_map("\\PC{0,6}", inner.clone(), 0..5)
                .prop_map(|entries| Json::Object(entries.into_iter().collect())),
            inner.prop_map(move |value| json!({ &secret: value })),
        ]
    })
}

/// Returns whether a text occurs in any string or key.
fn holds(tree: &Json, text: &str) -> bool {
    match tree {
        Json::String(string) => string.contains(text),
        Json::Array(items) => items.iter().any(|item| holds(item, text)),
        Json::Object(entries) => entries
            .iter()
            .any(|(key, value)| key.contains(text) || holds(value, text)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

fn cases_of_answers() -> impl Strategy<Value = (String, Json)> {
    "\\PC{8,40}".prop_flat_map(|secret| {
        tree(secret.clone()).prop_map(move |rest| {
            (
                secret.clone(),
                json!({ "made": { "key": secret }, "rest": rest }),
            )
        })
    })
}

proptest! {
    #[test]
    fn a_secret_is_nowhere_afterwards_and_everything_else_is_as_it_was((secret, tree) in cases_of_answers()) {
        let places = places(&["$.made.key"]);
        let masked = masked(&places, tree.to_string().as_bytes()).unwrap();
        prop_assert_eq!(masked.count, 1);
        let told: Json = serde_json::from_slice(&masked.body).unwrap();
        prop_assert!(!holds(&told, &secret), "{told}");
        let placeholder = told["made"]["key"].as_str().unwrap();
        prop_assert!(placeholder.starts_with("tgp_"));
        // Putting the secret back gives what there was.
        let back = told.to_string().replace(placeholder, serde_json::to_string(&secret).unwrap().trim_matches('"'));
        let wanted = tree.to_string();
        if !secret.contains(['"', '%']) {
            prop_assert_eq!(serde_json::from_str::<Json>(&back).unwrap(), serde_json::from_str::<Json>(&wanted).unwrap());
        }
    }
}

#[test]
fn whatever_bytes_come_nothing_panics_and_what_passes_is_what_was_read() {
    let cases = Cases::given(512).claimed(20);
    let noise = prop::collection::vec(any::<u8>(), 0..200);
    let answer = cases_of_answers().prop_map(|(_, tree)| tree.to_string().into_bytes());
    let changed = (answer, any::<prop::sample::Index>(), any::<u8>());
    let changed = changed.prop_map(|(mut body, at, byte)| {
        let at = at.index(body.len());
        body[at] = byte;
        body
    });
    property::holds(cases, &prop_oneof![1 => noise, 3 => changed], |body| {
        let Ok(masked) = masked(&places(&["$..key"]), &body) else {
            return Ok(Claim::None);
        };
        prop_assert!(masked.count > 0 || masked.body == body);
        Ok(Claim::Made)
    });
}

#[test]
fn a_place_takes_everything_below_it_and_short_values_only_where_they_stand_alone() {
    let places = places(&["$.credentials", "$.pin"]);
    let body = json!({
        "credentials": { "id": "AKIA0123456789", "list": ["aaaaaaaa", 123_456_789], "on": true, "none": null },
        "pin": "42",
        "text": "42 is not 42",
        "alone": "42",
        "number": 42,
        "seen": ["x AKIA0123456789 aaaaaaaaa", 123_456_789, "at 123456789"],
    });
    let masked = masked(&places, body.to_string().as_bytes()).unwrap();
    assert_eq!(masked.count, 4);
    let told: Json = serde_json::from_slice(&masked.body).unwrap();
    let credentials = &told["credentials"];
    let [id, word, number, pin] = [
        &credentials["id"],
        &credentials["list"][0],
        &credentials["list"][1],
        &told["pin"],
    ]
    .map(assert_placeholder);
    assert_eq!(
        (&credentials["on"], &credentials["none"]),
        (&json!(true), &Json::Null)
    );
    assert_eq!(told["text"], "42 is not 42");
    assert_eq!(
        (&told["alone"], &told["number"]),
        (&json!(pin), &json!(pin))
    );
    assert_eq!(
        told["seen"],
        json!([format!("x {id} {word}a"), number, format!("at {number}")])
    );
}

#[test]
fn more_credentials_than_can_be_kept_apart_are_refused() {
    let many: Vec<String> = (0..1001).map(|at| format!("t{at}")).collect();
    let long = json!({ "token": "x".repeat(300 * 1024) }).to_string();
    let rules = Rules {
        places: &places(&["$.token"]),
        bytes: 1024 * 1024,
        nodes: 5000,
    };
    for body in [json!({ "token": many }).to_string(), long] {
        let answer = mask(rules, StatusCode::OK, &mut HeaderMap::new(), body.into());
        assert_eq!(answer.unwrap_err(), Unmaskable("it holds too many of them"));
    }
}
