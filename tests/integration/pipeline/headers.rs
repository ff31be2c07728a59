//! Mutated headers, and readers of our own that say what servers would see: what reaches an upstream is what was judged.
//!
//! `HEADER_FUZZ_INPUTS` and `HEADER_FUZZ_SEED` make a longer run by hand.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use tollgate::config::diagnostic::Source;
use tollgate::simulate::explain::{Question, understand};
use tollgate::snapshot::{Inputs, Snapshot};

use crate::support::gateway::Builder;
use crate::support::upstream::Upstream;

const CONNECTOR: &str = "
connector: api
auth: [{ id: key, fields: [key], header: { X-Api-Key: '{key}' } }]
domains: [api.test]
allow_headers: [openai-organization, 'x-vendor-*']
routes:
  - { action: deploy.start, match: POST /deploys, params: { target: 'header:X-Target' } }
  - { action: deploy.show, match: GET /deploys, params: { target: 'header:X-Target' } }
";

/// Names, written down again by hand: all that may ever arrive beside the parameter.
const MAY_ARRIVE: [&str; 9] = [
    "accept",
    "content-type",
    "if-match",
    "user-agent",
    "traceparent",
    "x-stainless-lang",
    "openai-organization",
    "x-vendor-trace",
    // Emptied before it is sent.
    "x-api-key",
];

/// Never arrive, and refuse nothing: proxies' and browsers' own, hop-by-hop ones.
const NEVER: [&str; 7] = [
    "x-forwarded-user",
    "x-forwarded-for",
    "forwarded",
    "sec-fetch-mode",
    "proxy-user",
    "keep-alive",
    "dnt",
];

/// Unlisted, and look-alikes of listed ones.
const UNLISTED: [&str; 16] = [
    "x-target-",
    "x-targets",
    "x--target",
    "xtarget",
    "x.target",
    "as-user",
    "x-scope-orgid",
    "remote-user",
    "x-original-host",
    "accept-profile",
    "grpc-metadata-x-target",
    "openai-organization2",
    "x-vendor",
    "xx-vendor-trace",
    "x-dry-run",
    "x-amz-acl",
];

/// Read as another name by WSGI, CGI and Rack.
const UNDERSCORED: [&str; 5] = [
    "x_target",
    "x-tar_get",
    "openai_organization",
    "_x-target",
    "as_user",
];

const PIECES: [&[u8]; 26] = [
    b"dev",
    b"dev",
    b"prod",
    b"DEV",
    b"",
    b" ",
    b"  ",
    b"\t",
    b",",
    b";",
    b"\"",
    b"%20",
    b"\xc2\xa0",     // NO-BREAK SPACE
    b"\xc2\x85",     // NEXT LINE
    b"\xe2\x80\x83", // EM SPACE
    b"\xe3\x80\x80", // IDEOGRAPHIC SPACE
    b"\xe2\x80\xa8", // LINE SEPARATOR
    b"\xef\xbb\xbf", // byte order mark
    b"\xe2\x80\x8b", // ZERO WIDTH SPACE
    b"\xe1\xa0\x8e", // MONGOLIAN VOWEL SEPARATOR
    b"\xc3\xa0",     // à, which ends in a space of Latin-1
    b"\xc3\x85",     // Å, which ends in a control of Latin-1
    b"\xc3\xa9",     // é
    b"\xa0",         // Latin-1
    b"\xe9",
    b"\x85",
];

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

fn value(random: &mut Random) -> Vec<u8> {
    let count = 1 + random.below(3);
    (0..count)
        .flat_map(|_| random.pick(&PIECES).to_vec())
        .collect()
}

fn headers(random: &mut Random) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let count = 1 + random.below(4);
    for _ in 0..count {
        let name = match random.below(10) {
            0..=3 => "x-target",
            4 | 5 => random.pick(&MAY_ARRIVE),
            6 => random.pick(&NEVER),
            7 | 8 => random.pick(&UNLISTED),
            _ => random.pick(&UNDERSCORED),
        };
        let name: HeaderName = name.parse().unwrap();
        if let Ok(value) = HeaderValue::from_bytes(&value(random)) {
            headers.append(name, value);
        }
    }
    if random.below(8) == 0 {
        let nominated = random.pick(&["x-target", "as-user", " X-Target ", "close,\tx-target"]);
        headers.append("connection", HeaderValue::from_str(nominated).unwrap());
    }
    headers
}

/// Returns the values of a header as servers read them: by RFC 9110, Java's `trim`, Python's and Go's Unicode spaces, JavaScript's
/// with the byte order mark, and Latin-1 with its own spaces and controls.
fn as_servers_read(raw: &[u8]) -> Vec<Vec<u8>> {
    let by_byte = |space: fn(u8) -> bool| {
        let start = raw.iter().position(|byte| !space(*byte));
        let end = raw.iter().rposition(|byte| !space(*byte));
        match (start, end) {
            (Some(start), Some(end)) => raw[start..=end].to_vec(),
            _ => Vec::new(),
        }
    };
    let mut all = vec![
        raw.to_vec(),
        by_byte(|byte| matches!(byte, b' ' | b'\t')),
        by_byte(|byte| byte <= b' '),
        by_byte(|byte| byte <= b' ' || matches!(byte, 0x7f..=0xa0)),
    ];
    if let Ok(text) = std::str::from_utf8(raw) {
        let unicode = |c: char| c.is_whitespace() || c.is_control();
        let javascript = |c: char| unicode(c) || "\u{feff}\u{180e}\u{200b}".contains(c);
        all.push(text.trim_matches(unicode).as_bytes().to_vec());
        all.push(text.trim_matches(javascript).as_bytes().to_vec());
    }
    all
}

/// Returns what a server could see that was not judged.
fn bypass(
    sent: &HeaderMap,
    received: &HeaderMap,
    (judged, dropped): (Option<&str>, &[HeaderName]),
    writes: bool,
) -> Option<String> {
    let mut targets = 0;
    for (name, value) in sent {
        // WSGI and CGI read `_` as `-`.
        let name = name.as_str().to_ascii_lowercase();
        if name.contains('_') {
            return Some(format!("`{name}` arrives"));
        }
        if name != "x-target" {
            if !MAY_ARRIVE.contains(&&*name) {
                return Some(format!("`{name}` arrives"));
            }
            continue;
        }
        targets += 1;
        for read in as_servers_read(value.as_bytes()) {
            if Some(&*read) != judged.map(str::as_bytes) {
                return Some(format!("{read:?} is read, {judged:?} was judged"));
            }
        }
    }
    if targets > 1 || (targets == 0 && judged.is_some()) {
        return Some(format!("{targets} values are read, {judged:?} was judged"));
    }
    let nominated = |name: &str| {
        let mut values = received.get_all("connection").iter();
        values.any(|value| value.to_str().unwrap().to_ascii_lowercase().contains(name))
    };
    let lost = UNLISTED.iter().filter(|name| received.contains_key(**name));
    for name in lost.filter(|name| !nominated(name)) {
        if writes {
            return Some(format!("`{name}` is lost, and the request goes"));
        }
        if !dropped.iter().any(|dropped| dropped == name) {
            return Some(format!("`{name}` is lost, and nobody is told"));
        }
    }
    None
}

fn snapshot() -> Snapshot {
    let source = |text: &str| Source {
        name: "api".into(),
        text: text.into(),
        built_in: false,
    };
    let inputs = Inputs {
        connectors: vec![source(CONNECTOR)],
        policies: Vec::new(),
        agents: Vec::new(),
        ..Inputs::default()
    };
    let (snapshot, report) = Snapshot::compile(&inputs);
    snapshot.unwrap_or_else(|| panic!("{}", report.to_text()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a longer run by hand is asked for by a variable"
)]
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn no_reader_sees_a_header_that_was_not_judged() {
    let inputs = setting("HEADER_FUZZ_INPUTS", 60_000);
    let mut random = Random(setting("HEADER_FUZZ_SEED", 9));
    let snapshot = snapshot();
    let mut allowed = 0;
    for input in 0..inputs {
        let writes = random.below(2) == 0;
        let received = headers(&mut random);
        let question = Question {
            method: if writes {
                http::Method::POST
            } else {
                http::Method::GET
            },
            url: "https://api.test/deploys".parse().unwrap(),
            headers: received.clone(),
            body: Bytes::new(),
        };
        let Ok(collected) = understand(&snapshot, &question) else {
            continue;
        };
        allowed += 1;
        let judged = collected.input.actions[0].params.get("target");
        let judged = judged.map(|value| serde_json::json!(value));
        let judged = judged.as_ref().map(|value| value.as_str().unwrap());
        let seen = (judged, collected.payload.dropped.as_slice());
        if let Some(bypass) = bypass(&collected.payload.headers, &received, seen, writes) {
            panic!(
                "input {input}: {bypass}\nreceived {received:?}\nsent {:?}",
                collected.payload.headers
            );
        }
    }
    // A judge that refuses everything would hold, too.
    assert!(
        allowed > inputs / 10,
        "only {allowed} of {inputs} were read"
    );
}

/// What the gateway puts on, or HTTP does.
const OWN: [&str; 6] = [
    "accept-encoding",
    "content-length",
    "host",
    "via",
    "x-request-id",
    "tollgate-run",
];

#[tokio::test]
async fn no_upstream_sees_a_header_that_was_not_judged() {
    let upstream = Upstream::start(&["api.test"]).await;
    let connector = CONNECTOR.replace(
        "auth: [{ id: key, fields: [key], header: { X-Api-Key: '{key}' } }]",
        "auth: none\ncredentials_in: ['header:X-Api-Key']",
    );
    let gateway = Builder::new()
        .connector("api", &connector)
        .policy(
            "team",
            "permissions: [{ agents: [ci], connector: api, access: full }]",
        )
        .upstream("api.test:443", &upstream)
        .start()
        .await;
    let mut tunnel = gateway.agent.http2_tunnel("api.test:443", "api.test").await;
    let mut random = Random(10);
    let mut asked = BTreeMap::new();
    for number in 0..300 {
        let writes = random.below(2) == 0;
        let mut received = headers(&mut random);
        // HTTP/2 knows neither; the client would not send them.
        received.remove("connection");
        received.remove("keep-alive");
        let mut request = http::Request::builder()
            .method(if writes { "POST" } else { "GET" })
            .uri("https://api.test/deploys")
            .body(Full::<Bytes>::default())
            .unwrap();
        *request.headers_mut() = received.clone();
        let id = number.to_string();
        request
            .headers_mut()
            .insert("x-request-id", id.parse().unwrap());
        let answer = tunnel.send_request(request).await.unwrap();
        let exchange = answer.headers()["tollgate-request-id"].clone();
        let is_sent = answer.status() == 200;
        answer.into_body().collect().await.unwrap();
        asked.insert(id, (received, writes, exchange, is_sent));
    }
    let records = gateway.decided(asked.len()).await;
    let arrived = upstream.received();
    assert!(arrived.len() > 20, "only {} arrived", arrived.len());
    for seen in arrived {
        let id = seen.header("x-request-id").unwrap();
        let (received, writes, exchange, _) = asked.remove(id).unwrap();
        let exchange = exchange.to_str().unwrap();
        let record = records
            .iter()
            .find(|record| record["request_id"] == exchange)
            .unwrap();
        let judged = record["actions"][0]["params"]["target"].as_str();
        let dropped = record["dropped_headers"].as_array();
        let dropped: Vec<HeaderName> = dropped
            .into_iter()
            .flatten()
            .map(|name| name.as_str().unwrap().parse().unwrap())
            .collect();
        let mut sent = seen.headers.clone();
        for name in OWN {
            sent.remove(name);
        }
        assert!(!sent.contains_key("x-api-key"));
        let bypass = bypass(&sent, &received, (judged, &dropped), writes);
        assert_eq!(bypass, None, "received {received:?}, sent {sent:?}");
    }
    assert!(asked.values().all(|(_, _, _, is_sent)| !is_sent));
}
