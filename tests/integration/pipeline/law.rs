//! The one law: what was judged is what is sent.

use std::collections::BTreeMap;

use http::uri::PathAndQuery;
use http::{Request, Uri};
use http_body_util::Full;
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::support::agent::{Raw, exchange};
use crate::support::gateway::{Builder, Gateway};
use crate::support::property::samples;
use crate::support::upstream::Upstream;

const HOST: &str = "api.test";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: none
defaults: { risk: { GET: low, HEAD: low, POST: low, PUT: low, DELETE: low } }
routes:
  - { action: item.touch, match: 'GET|POST|DELETE /items/{item}', risk: low, params: { mode: query:mode } }
  - { action: part.touch, match: 'GET|POST|DELETE /items/{item}/parts/{*part}', risk: low, params: { mode: query:mode } }
fallback: { risk: low }
";

const POLICY: &str = "permissions: [{ agents: [ci], allow: [api.*, api.unknown] }]";

/// Bits of paths and queries that servers are known to read in different ways, among harmless ones.
fn bit() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "items", "parts", "a", "OPS-7", "é", "%41", "%2f", "%2F", "%5c", "\\", ".", "..", "%2e",
        "%252e", ";", ";a=1", "//", "%00", "%0a", "%zz", "%", "+", "%20", " ", "~", "%7e", "@",
        ":", "!", "'", "(", ")", "*", ",", "$", "&", "=", "|", "^", "<", ">", "\"", "%c3%a9",
        "%C3%28", "%ff", "#", "?", "\u{202e}", "..;", "%3b", "%3B", "%26", "%3f", "%23",
    ])
}

fn text(bits: &[&str]) -> String {
    bits.concat()
}

fn path() -> impl Strategy<Value = String> {
    let segment = prop::collection::vec(bit(), 0..3).prop_map(|bits| text(&bits));
    let known = prop::sample::select(vec!["", "/items", "/items/7/parts"]);
    (known, prop::collection::vec(segment, 0..4))
        .prop_map(|(known, segments)| format!("{known}/{}", segments.join("/")))
}

fn query() -> impl Strategy<Value = Option<String>> {
    let pair = (
        prop::sample::select(vec!["mode", "Mode", "a", "_method", ""]),
        prop::collection::vec(bit(), 0..3),
    )
        .prop_map(|(name, value)| format!("{name}={}", text(&value)));
    prop::option::of(prop::collection::vec(pair, 0..4).prop_map(|pairs| pairs.join("&")))
}

#[derive(Debug)]
struct Sent {
    method: &'static str,
    query: Option<String>,
    answer: Raw,
}

/// Odd requests: method, path, query.
fn cases(count: usize) -> Vec<(&'static str, String, Option<String>)> {
    let method = prop::sample::select(vec!["GET", "POST", "DELETE", "PUT"]);
    let case = (method, path(), query());
    samples(&case, count)
}

fn target(path: &str, query: Option<&str>) -> String {
    query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
}

#[tokio::test]
async fn the_upstream_gets_the_method_path_and_query_that_were_judged() {
    let (upstream, gateway) = start().await;
    let mut sent = Vec::new();
    for (method, path, query) in cases(400) {
        let target = target(&path, query.as_deref());
        let answer = send(&gateway, method, &target).await;
        // Of a target with `#` or a second `?` in the path, the query begins earlier; what counts is the text after the first `?`.
        let query = target.split_once('?').map(|(_, query)| query.to_owned());
        sent.push(Sent {
            method,
            query,
            answer,
        });
    }
    compare(&upstream, &gateway, &sent).await;
}

#[tokio::test]
async fn over_http2_too() {
    let (upstream, gateway) = start().await;
    let authority = format!("{HOST}:443");
    let mut tunnel = gateway.agent.http2_tunnel(&authority, HOST).await;
    let mut sent = Vec::new();
    for (method, path, query) in cases(800) {
        let target = target(&path, query.as_deref());
        // What cannot be written into a frame cannot be sent; a client drops what it takes for a fragment.
        let Ok(target) = PathAndQuery::try_from(target) else {
            continue;
        };
        let query = target.query().map(str::to_owned);
        let uri = Uri::builder().scheme("https").authority(HOST);
        let request = Request::builder()
            .method(method)
            .uri(uri.path_and_query(target).build().unwrap())
            .body(Full::default())
            .unwrap();
        if tunnel.is_closed() {
            tunnel = gateway.agent.http2_tunnel(&authority, HOST).await;
        }
        let answer = tunnel.send_request(request).await.map_or_else(
            |_| refused(),
            |answer| {
                let id = answer.headers()["tollgate-request-id"].to_str().unwrap();
                Raw {
                    status: answer.status().as_u16(),
                    head: format!("HTTP/2\r\ntollgate-request-id: {id}\r\n"),
                    body: Vec::new(),
                }
            },
        );
        sent.push(Sent {
            method,
            query,
            answer,
        });
    }
    compare(&upstream, &gateway, &sent).await;
}

/// What stands for a frame that is refused as such.
fn refused() -> Raw {
    Raw {
        status: 400,
        head: String::new(),
        body: Vec::new(),
    }
}

async fn start() -> (Upstream, Gateway) {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = Builder::new()
        .connector("api", CONNECTOR)
        .policy("api", POLICY)
        .upstream(&format!("{HOST}:443"), &upstream)
        .start()
        .await;
    (upstream, gateway)
}

async fn send(gateway: &Gateway, method: &str, target: &str) -> Raw {
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let length = if method == "GET" {
        ""
    } else {
        "Content-Length: 0\r\n"
    };
    exchange(
        &mut tls,
        &format!("{method} {target} HTTP/1.1\r\nHost: {HOST}\r\n{length}\r\n"),
    )
    .await
}

async fn compare(upstream: &Upstream, gateway: &Gateway, sent: &[Sent]) {
    let mut received = upstream.received().into_iter();
    let answered = sent.iter().filter(|sent| sent.answer.status == 200).count();
    let refused = sent.iter().filter(|sent| sent.answer.status == 400).count();
    assert_eq!(answered + refused, sent.len());
    assert!(
        answered > 60 && refused > 60,
        "{answered} were answered, {refused} refused: one side is hardly tried"
    );
    let records: BTreeMap<String, Json> = gateway
        .decided(answered)
        .await
        .into_iter()
        .map(|record| (record["request_id"].as_str().unwrap().to_owned(), record))
        .collect();
    for sent in sent.iter().filter(|sent| sent.answer.status == 200) {
        let received = received.next().unwrap();
        let record = &records[sent.answer.header("tollgate-request-id").unwrap()];
        assert_eq!(received.method, sent.method);
        assert_eq!(record["method"], sent.method);
        assert_eq!(record["path"], received.path, "{record}");
        // A raw character that may not stand in a target is escaped before it is judged.
        let query = |query: &Option<String>| decoded(query.as_deref().unwrap_or(""));
        assert_eq!(query(&received.query), query(&sent.query), "{record}");
        for action in record["actions"].as_array().unwrap() {
            let params = &action["params"];
            match action["name"].as_str().unwrap() {
                "api.item.touch" => assert_eq!(
                    format!("/items/{}", text_of(&params["item"])),
                    decoded(&received.path)
                ),
                "api.part.touch" => {
                    let (item, part) = (text_of(&params["item"]), text_of(&params["part"]));
                    assert_eq!(
                        format!("/items/{item}/parts/{part}"),
                        decoded(&received.path)
                    );
                }
                "api.unknown" => assert_eq!(text_of(&params["path"]), decoded(&received.path)),
                other => panic!("{other}"),
            }
        }
    }
    assert!(
        received.next().is_none(),
        "something was sent that was not answered"
    );
}

/// Decodes every escape, as a captured parameter is decoded.
fn decoded(path: &str) -> String {
    percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

fn text_of(param: &Json) -> &str {
    param.as_str().unwrap()
}
