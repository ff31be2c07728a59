//! Sinks of a running gateway: every record arrives at receivers on loopback, also across restarts and failures, and no request waits.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value as Json;
use sha2::Sha256;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, UdpSocket};

use crate::support::agent::exchange;
use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::{Reply, Upstream};

const HOST: &str = "api.test";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: none
routes:
  - { action: item.get, match: 'GET /items/{item}', risk: low }
  - { action: item.delete, match: 'DELETE /items/{item}', risk: high }
";

const POLICY: &str = "
permissions:
  - { agents: [ci], connector: api, access: full }
policies:
  - { id: nothing-goes, actions: [api.item.delete], decision: deny, reason: Items stay. }
";

fn builder(upstream: &Upstream, audit: &str) -> Builder {
    Builder::new()
        .connector("api", CONNECTOR)
        .policy("api", POLICY)
        .upstream("api.test:443", upstream)
        .settings(audit)
}

/// One request that is allowed and one that is refused.
async fn ask(gateway: &Gateway) {
    let mut tls = gateway.agent.tls_tunnel("api.test:443", HOST).await;
    for (line, status) in [("GET /items/1", "200"), ("DELETE /items/1", "403")] {
        let request = format!("{line} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        let answer = exchange(&mut tls, &request).await;
        assert!(
            answer.head.starts_with(&format!("HTTP/1.1 {status}")),
            "{}",
            answer.head
        );
    }
}

/// Lines of the journal, oldest first.
fn journal(gateway: &Gateway) -> Vec<String> {
    let file = gateway.path("state/journal/000000000001.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(str::to_owned).collect()
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_gets_every_record_once_across_restarts_and_rotation() {
    let upstream = Upstream::start(&[HOST]).await;
    let audit = "audit: { sinks: [{ type: file, path: out.jsonl }] }";
    let gateway = builder(&upstream, audit).start().await;
    ask(&gateway).await;
    let gateway = gateway.restart().await;
    let (out, rotated) = (gateway.path("out.jsonl"), gateway.path("out.1"));
    std::fs::rename(&out, &rotated).unwrap();
    ask(&gateway).await;
    let mut gateway = gateway;
    gateway.stop(Duration::from_secs(5)).await.unwrap();
    let text = [&rotated, &out].map(|file| std::fs::read_to_string(file).unwrap());
    let delivered: Vec<&str> = text.iter().flat_map(|text| text.lines()).collect();
    assert_eq!(delivered, journal(&gateway));
    assert!(text.iter().all(|text| text.contains("\"decided\"")));
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&out).unwrap());
    assert_eq!(mode & 0o777, 0o600);
}

/// Reads messages of RFC 6587 section 3.4.1 from one connection until it ends.
async fn framed(listener: &TcpListener) -> Vec<String> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let mut rest = text.as_str();
    let mut messages = Vec::new();
    while let Some((length, after)) = rest.split_once(' ') {
        let (message, left) = after.split_at(length.parse().unwrap());
        messages.push(message.to_owned());
        rest = left;
    }
    assert_eq!(rest, "");
    messages
}

/// Takes a message apart as RFC 5424 section 6 has it: priority, time, message id and text.
fn parsed(message: &str) -> (String, String, String, String) {
    let pattern = r"(?s)^<(\d{1,3})>1 (\S+) - tollgate \d+ ([a-z]+) - \u{feff}(.*)$";
    let captures = regex::Regex::new(pattern).unwrap();
    let captures = captures
        .captures(message)
        .unwrap_or_else(|| panic!("{message}"));
    let text = |at: usize| captures[at].to_owned();
    (text(1), text(2), text(3), text(4))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn syslog_over_tcp_gets_every_record_and_refusals_as_warnings() {
    let upstream = Upstream::start(&[HOST]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let audit = format!("audit: {{ sinks: [{{ type: syslog, server: 'tcp://{server}' }}] }}");
    let mut gateway = builder(&upstream, &audit).start().await;
    let receives = tokio::spawn(async move { framed(&listener).await });
    ask(&gateway).await;
    gateway.stop(Duration::from_secs(5)).await.unwrap();
    let messages: Vec<_> = receives
        .await
        .unwrap()
        .iter()
        .map(|text| parsed(text))
        .collect();
    let lines: Vec<&str> = messages
        .iter()
        .map(|(_, _, _, text)| text.as_str())
        .collect();
    assert_eq!(lines, journal(&gateway));
    for (priority, time, kind, text) in &messages {
        let record: Json = serde_json::from_str(text).unwrap();
        assert_eq!(
            (record["time"].as_str(), record["kind"].as_str()),
            (Some(time.as_str()), Some(kind.as_str()))
        );
        // Facility 13; severity 4 for a refusal, else 6.
        let severity = if record["code"].is_string() { 4 } else { 6 };
        assert_eq!(*priority, (13 * 8 + severity).to_string(), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn syslog_over_udp_gets_a_message_a_record() {
    let upstream = Upstream::start(&[HOST]).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = socket.local_addr().unwrap();
    let audit = format!("audit: {{ sinks: [{{ type: syslog, server: 'udp://{server}' }}] }}");
    let mut gateway = builder(&upstream, &audit).start().await;
    ask(&gateway).await;
    gateway.stop(Duration::from_secs(5)).await.unwrap();
    let mut received = Vec::new();
    let mut buffer = vec![0; 65_536];
    for line in journal(&gateway) {
        let length = socket.try_recv(&mut buffer).unwrap();
        let message = std::str::from_utf8(&buffer[..length]).unwrap();
        received.push(parsed(message).3 == line);
    }
    assert!(received.iter().all(|same| *same), "{received:?}");
}

/// Returns the records of requests whose signature is right.
fn signed_records(receiver: &Upstream, secret: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for request in receiver.received() {
        let header = |name: &str| request.header(name).unwrap().to_owned();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        let signed = format!("{}.{}.", header("webhook-id"), header("webhook-timestamp"));
        mac.update(signed.as_bytes());
        mac.update(&request.body);
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(header("webhook-signature"), expected);
        assert_eq!(header("content-type"), "application/json");
        let document: Records = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(document.kind, "journal.records");
        lines.extend(document.data.records.iter().map(|raw| raw.get().to_owned()));
    }
    lines
}

#[derive(serde::Deserialize)]
struct Records {
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(serde::Deserialize)]
struct Data {
    records: Vec<Box<serde_json::value::RawValue>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_gets_signed_batches_over_tls_and_again_after_a_refusal() {
    let upstream = Upstream::start(&[HOST]).await;
    let receiver = Upstream::start(&["127.0.0.1"]).await;
    for reply in [Reply::new(503, "later"), Reply::cut(), Reply::new(204, "")] {
        receiver.reply("/in", reply);
    }
    let url = format!("https://{}/in?tenant=1", receiver.address);
    let audit =
        format!("audit: {{ sinks: [{{ type: webhook, url: '{url}', secret: {{ env: HOOK }} }}] }}");
    let mut gateway = builder(&upstream, &audit)
        .trust(&receiver.ca_pem)
        .env("HOOK", "whsec_dGhlIGtleSBvZiBhIHRlc3Q=")
        .start()
        .await;
    ask(&gateway).await;
    receiver.wait_for(3).await;
    gateway.stop(Duration::from_secs(5)).await.unwrap();
    assert!(
        receiver
            .received()
            .iter()
            .all(|request| request.query.as_deref() == Some("tenant=1"))
    );
    let delivered = signed_records(&receiver, b"the key of a test");
    let distinct: BTreeSet<&String> = delivered.iter().collect();
    let written = journal(&gateway);
    assert_eq!(distinct, written.iter().collect());
    // A batch is sent again whole: the first request and the one after it begin alike.
    assert_eq!(delivered[0], written[0]);
    let again = delivered.iter().filter(|line| **line == written[0]).count();
    assert!(again >= 2, "{again}");
}

fn items(receiver: &Upstream, path: &str, pointer: &str) -> Vec<Json> {
    let mut items = Vec::new();
    for request in receiver.received() {
        if request.path != path {
            continue;
        }
        assert_eq!(request.header("authorization"), Some("Bearer otlp-token"));
        let document: Json = serde_json::from_slice(&request.body).unwrap();
        items.extend(
            document
                .pointer(pointer)
                .unwrap()
                .as_array()
                .unwrap()
                .clone(),
        );
    }
    items
}

fn attribute<'a>(item: &'a Json, key: &str) -> Option<&'a Json> {
    let attributes = item["attributes"].as_array().unwrap();
    let found = attributes
        .iter()
        .find(|attribute| attribute["key"] == key)?;
    found["value"].as_object().unwrap().values().next()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opentelemetry_gets_each_record_as_a_log_and_each_exchange_as_a_span() {
    let upstream = Upstream::start(&[HOST]).await;
    let receiver = Upstream::plain().await;
    let audit = format!(
        "audit: {{ sinks: [{{ type: otlp, url: 'http://{}/base', headers: {{ authorization: {{ env: OTLP }} }} }}] }}",
        receiver.address
    );
    let mut gateway = builder(&upstream, &audit)
        .env("OTLP", "Bearer otlp-token")
        .start()
        .await;
    ask(&gateway).await;
    gateway.finished(1).await;
    gateway.stop(Duration::from_secs(5)).await.unwrap();

    let logs = items(
        &receiver,
        "/base/v1/logs",
        "/resourceLogs/0/scopeLogs/0/logRecords",
    );
    let bodies: Vec<&str> = logs
        .iter()
        .map(|log| log["body"]["stringValue"].as_str().unwrap())
        .collect();
    assert_eq!(bodies, journal(&gateway));
    let refusal = logs.iter().find(|log| log["severityNumber"] == 13).unwrap();
    assert_eq!(attribute(refusal, "tollgate.code").unwrap(), "denied");

    let spans = items(
        &receiver,
        "/base/v1/traces",
        "/resourceSpans/0/scopeSpans/0/spans",
    );
    assert_eq!(spans.len(), 2, "{spans:#?}");
    let of = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap();
    let read = of("execute_tool api.item.get");
    for (key, value) in [
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "api.item.get"),
        ("gen_ai.agent.name", "ci"),
        ("http.request.method", "GET"),
        ("server.address", HOST),
        ("server.port", "443"),
        ("url.full", "https://api.test:443/items/1"),
        ("http.response.status_code", "200"),
        ("http.response.body.size", "2"),
        ("tollgate.decision", "allow"),
        ("tollgate.risk", "low"),
    ] {
        assert_eq!(
            attribute(read, key).map(|found| found.as_str().unwrap()),
            Some(value),
            "{key}"
        );
    }
    assert_eq!(
        (&read["kind"], &read["status"]),
        (&Json::from(3), &serde_json::json!({}))
    );
    assert_eq!(attribute(read, "error.type"), None);
    let nanos = |span: &Json, key: &str| -> i128 { span[key].as_str().unwrap().parse().unwrap() };
    assert!(nanos(read, "startTimeUnixNano") <= nanos(read, "endTimeUnixNano"));
    assert!(nanos(read, "startTimeUnixNano") > 0);
    let refused = of("execute_tool api.item.delete");
    assert_eq!(attribute(refused, "error.type").unwrap(), "denied");
    assert_eq!(refused["status"]["code"], 2);
    // A log and the span of one exchange have one id, of the lengths that W3C Trace Context has.
    let log = logs
        .iter()
        .find(|log| log["traceId"] == read["traceId"])
        .unwrap();
    assert_eq!(log["spanId"], read["spanId"]);
    assert_eq!(read["traceId"].as_str().unwrap().len(), 32);
    assert_eq!(read["spanId"].as_str().unwrap().len(), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_away_delays_no_request_and_shows_its_lag() {
    let upstream = Upstream::start(&[HOST]).await;
    // Nobody accepts: the backlog takes the connection, and no answer comes.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let receiver = listener.local_addr().unwrap();
    let audit = format!(
        "audit: {{ sinks: [{{ type: otlp, url: 'http://{receiver}' }}, {{ type: file, name: copy, path: out.jsonl }}] }}"
    );
    let gateway = builder(&upstream, &audit).start().await;
    ask(&gateway).await;
    let out = gateway.path("out.jsonl");
    until("the other sink gets its records", || {
        std::fs::read_to_string(&out).is_ok_and(|text| text.contains("\"finished\""))
    })
    .await;
    let metrics = gateway.metrics().await;
    let lag = |sink: &str| -> u64 {
        let name = format!("tollgate_audit_sink_lag_records{{sink=\"{sink}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("{metrics}")).parse().unwrap()
    };
    assert!(lag("otlp") >= 4, "{metrics}");
    assert!(lag("copy") < 4, "{metrics}");
    let (_, status) = gateway
        .admin(http::Method::GET, "/api/v1/status", &Json::Null)
        .await;
    assert_eq!(status["sinks"][0]["name"], "otlp");
    assert!(
        status["sinks"][0]["lag_records"].as_u64().unwrap() >= 4,
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_anchor_webhook_gets_signed_checkpoints() {
    let upstream = Upstream::start(&[HOST]).await;
    let receiver = Upstream::plain().await;
    receiver.reply("/anchor", Reply::new(500, "not now"));
    let audit = format!(
        "audit: {{ checkpoint: {{ every: 100ms }}, anchor: {{ webhook: {{ url: 'http://{}/anchor', secret: {{ env: HOOK }} }} }} }}",
        receiver.address
    );
    let mut gateway = builder(&upstream, &audit)
        .env("HOOK", "0123456789")
        .start()
        .await;
    ask(&gateway).await;
    receiver.wait_for(2).await;
    gateway.stop(Duration::from_secs(5)).await.unwrap();
    let requests = receiver.received();
    let last: Json = serde_json::from_slice(&requests.last().unwrap().body).unwrap();
    assert_eq!(last["type"], "journal.checkpoint");
    let covers = &last["data"];
    let lines = journal(&gateway);
    let checkpoint = lines
        .iter()
        .map(|line| serde_json::from_str::<Json>(line).unwrap());
    let same = checkpoint.filter(|record| {
        record["kind"] == "checkpoint"
            && record["covers"]["seq"] == covers["seq"]
            && record["covers"]["hash"] == covers["hash"]
            && record["signature"] == covers["signature"]
    });
    assert_eq!(same.count(), 1);
    assert!(
        requests[0]
            .header("webhook-signature")
            .unwrap()
            .starts_with("v1,")
    );
}

#[tokio::test]
async fn sinks_that_make_no_sense_are_told_with_their_place() {
    let upstream = Upstream::start(&[HOST]).await;
    for (sinks, expected) in [
        ("{ type: file }", "a sink of type `file` needs `path`"),
        (
            "{ type: stdout, path: x }",
            "a sink of type `stdout` has no `path`",
        ),
        (
            "{ type: syslog, server: 'logs:514' }",
            "is not a syslog server",
        ),
        ("{ type: otlp, url: 'ftp://x' }", "write a URL such as"),
        (
            "{ type: otlp, url: 'http://x', signals: [] }",
            "names `logs`, `traces` or both",
        ),
        ("{ type: webhook, url: 'http://x' }", "needs `secret`"),
        (
            "{ type: webhook, url: 'http://x', secret: hush }",
            "secrets are not allowed in this file",
        ),
        (
            "{ type: file, path: a }, { type: file, path: b }",
            "two sinks are named `file`",
        ),
        ("{ type: file, path: a, name: ../x }", "a sink's name has"),
    ] {
        let audit = format!("audit: {{ sinks: [{sinks}] }}");
        let problem = builder(&upstream, &audit).try_start().await.unwrap_err();
        assert!(problem.contains(expected), "{sinks}: {problem}");
        assert!(problem.contains("tollgate.yaml:"), "{problem}");
    }
}
