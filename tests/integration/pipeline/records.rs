//! The journal keeps what was decided before anything leaves, what became of it, and no secret of anybody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value as Json;

use crate::support::agent::{Agent, exchange};
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;
use crate::support::upstream::{Reply, Upstream};

const HOST: &str = "api.test";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: [{ id: token, fields: [token], bearer: '{token}' }]
routes:
  - { action: item.get, match: 'GET /items/{item}', risk: low, params: { pin: { from: query:pin, secret: true } } }
  - { action: item.put, match: 'PUT /items/{item}', risk: low, params: { title: $.title, pin: { from: $.pin, secret: true } } }
  - { action: item.delete, match: 'DELETE /items/{item}', risk: high }
  - { action: hook.send, match: 'POST /hooks/{team}/{hook}', params: { hook: { secret: true }, text: $.text } }
";

/// Its credential stands in the query, where logs like to have it.
const QUERY: &str = "
connector: query
name: Query API
version: 1
domains: [query.test]
auth: [{ id: key, fields: [key], query: { key: '{key}' } }]
routes: [{ action: item.get, match: 'GET /items/{item}', risk: low }]
";

const POLICY: &str = "
permissions: [{ agents: [ci], connector: '*', access: full }]
policies: [{ id: items-stay, actions: [api.item.delete], decision: deny }]
";

fn describe(upstream: &Upstream) -> Builder {
    Builder::new()
        .connector("api", CONNECTOR)
        .policy("api", POLICY)
        .credential("api", HOST, ("token", "the-real-secret"))
        .upstream("api.test:443", upstream)
}

#[tokio::test]
async fn a_parameter_that_is_absent_is_named_where_a_condition_fails_for_it() {
    let quiet = "policies: [{ id: quiet, actions: [api.item.put], when: 'params.title == \"x\"', decision: deny }]";
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).policy("quiet", quiet).start().await;
    let request = gateway.agent.http1().put(format!("https://{HOST}/items/7"));
    let request = request.header("content-type", "application/json");
    let answer = request.body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 403);
    let why = "quiet: `params.title` is absent";
    let record = &gateway.decided(1).await[0];
    assert_eq!(record["failures"], serde_json::json!([why]));
    let shell = Shell::at(&gateway.path(""));
    let shown = shell.play("tollgate audit query --decision deny").await;
    assert!(shown.contains(&format!("failed={why}")), "{shown}");
    let asked = "tollgate explain PUT https://api.test/items/7 --agent ci -H content-type:application/json --body {}";
    let shown = shell.play(asked).await;
    assert!(shown.contains(why), "{shown}");
}

#[tokio::test]
async fn a_label_that_is_secret_stands_in_no_record_of_a_request_that_no_route_is_for() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    // Another method, another case, a segment too many, a path that servers read in different ways, bytes that are no path.
    let paths = [
        "GET /hooks/T0/s3cret77",
        "POST /Hooks/T0/s3cret77",
        "POST /hooks/T0/s3cret77/",
        "POST /hooks/T0/s3cret77/x",
        "POST /hooks//T0/s3cret77",
        "POST /x/../hooks/T0/s3cret77",
        "POST /hooks%2FT0%2Fs3cret77",
        "POST /%2568ooks/T0/s3cret77",
        "POST /hooks;v=1/T0/s3cret77",
        "POST /hooks/T0/s3cret77%zz",
    ];
    for line in paths {
        let mut tunnel = gateway.agent.tls_tunnel("api.test:443", HOST).await;
        let request = format!("{line} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 0\r\n\r\n");
        exchange(&mut tunnel, &request).await;
    }
    let records = gateway.decided(paths.len()).await;
    for (line, record) in paths.iter().zip(&records) {
        let text = record.to_string();
        assert!(!text.contains("s3cret77"), "{line}: {text}");
        assert_eq!(record["path"], "/hooks/{hidden}", "{line}: {text}");
    }
}

#[tokio::test]
async fn a_label_that_is_secret_stands_in_no_path_of_a_record() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    for (body, status) in [(r#"{"text":"hi"}"#, 200), (r#"{"text":[1}"#, 400)] {
        let url = format!("https://{HOST}/hooks/T0/B0:xoq%3A7");
        let request = gateway.agent.http1().post(url).body(body);
        let request = request.header("content-type", "application/json");
        assert_eq!(request.send().await.unwrap().status(), status);
    }
    let records = gateway.decided(2).await;
    for record in &records {
        assert_eq!(record["path"], "/hooks/T0/{hook}");
        assert!(!record.to_string().contains("xoq"), "{record}");
    }
}

#[tokio::test]
async fn a_request_that_is_refused_while_it_is_read_is_found_by_the_actions_it_may_have_been() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    let request = gateway.agent.http1().put(format!("https://{HOST}/items/7"));
    let request = request.header("content-type", "application/json");
    let answer = request.body(r#"{"title":[1}"#).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let record = &gateway.decided(1).await[0];
    assert_eq!(record["candidates"], serde_json::json!(["api.item.put"]));
    let shell = Shell::at(&gateway.path(""));
    for (pattern, found) in [("api.item.put", 1), ("api.item.*", 1), ("api.item.get", 0)] {
        let line = format!("--json audit query --action {pattern}");
        let records = shell.json(&line).await["records"].as_array().unwrap().len();
        assert_eq!(records, found, "{pattern}");
    }
}

#[tokio::test]
async fn what_the_connector_wants_of_an_answer_is_recorded() {
    let answers = "
connector: answers
auth: none
domains: [answers.test]
routes:
  - { action: job.start, match: 'POST /jobs/{job}', risk: low, response_params: { id: $.job.id, tags: '$.tags[*]', trace: 'header:X-Trace' } }
";
    let upstream = Upstream::start(&["answers.test"]).await;
    let gateway = Builder::new()
        .connector("answers", answers)
        .policy(
            "api",
            "permissions: [{ agents: [ci], connector: '*', access: full }]",
        )
        .upstream("answers.test:443", &upstream)
        .start()
        .await;
    let long = format!(
        "{{\"job\":{{\"id\":7}},\"log\":\"{}\"}}",
        "x".repeat(70_000)
    );
    for (path, body) in [
        ("/jobs/1", r#"{"job":{"id":7,"key":"k"},"tags":["a","b"]}"#),
        ("/jobs/2", "no JSON"),
        ("/jobs/3", &long),
    ] {
        upstream.reply(
            path,
            Reply::new(201, body.to_owned()).header("x-trace", "t-1"),
        );
        let sent = gateway
            .agent
            .http2()
            .post(format!("https://answers.test{path}"));
        let answer = sent.send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), body, "{path}");
    }
    let finished = gateway.finished(3).await;
    let answers: Vec<&Json> = finished.iter().map(|event| &event["answer"]).collect();
    let alone = serde_json::json!({ "trace": "t-1" });
    let whole = serde_json::json!({ "id": 7, "tags": ["a", "b"], "trace": "t-1" });
    assert_eq!(answers, [&whole, &alone, &alone]);
}

#[tokio::test]
async fn an_allowed_exchange_has_two_records_and_a_refused_one_has_one() {
    let upstream = Upstream::start(&[HOST]).await;
    upstream.reply("/items/2", Reply::new(503, "busy"));
    let gateway = describe(&upstream).start().await;
    let mut tls = gateway.agent.tls_tunnel("api.test:443", HOST).await;
    for line in [
        "GET /items/1",
        "GET /items/2",
        "DELETE /items/3",
        "GET /items/..%2f4",
        "GET /nowhere",
    ] {
        let request = format!("{line} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        exchange(&mut tls, &request).await;
    }
    let finished = gateway.finished(2).await;
    let decided = gateway.decided(5).await;
    let decisions: Vec<(&str, &str)> = decided
        .iter()
        .map(|record| (text(record, "decision"), text(record, "code")))
        .collect();
    assert_eq!(
        decisions,
        [
            ("allow", ""),
            ("allow", ""),
            ("deny", "denied"),
            ("deny", "not_canonical"),
            ("deny", "denied"),
        ]
    );
    let of = |records: &[Json]| -> BTreeSet<String> {
        records
            .iter()
            .map(|record| text(record, "request_id").to_owned())
            .collect()
    };
    assert_eq!(of(&finished), of(&decided[..2]));
    assert_eq!((finished.len(), of(&decided).len()), (2, 5));
    assert_eq!(finished[1]["status"], 503);
    for record in &decided {
        assert_eq!(text(record, "agent"), "ci");
        assert_eq!(text(record, "host"), "api.test:443");
        assert!(text(record, "peer").starts_with("127.0.0.1:"), "{record}");
    }
}

#[tokio::test]
async fn what_is_refused_before_it_is_judged_is_recorded_too() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    let mut tls = gateway.agent.tls_tunnel("api.test:443", HOST).await;
    let answer = exchange(&mut tls, "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n").await;
    assert_eq!(answer.status, 421);
    let whole = format!(
        "TRACE http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n",
        gateway.agent.authorization()
    );
    let mut socket = gateway.agent.connect().await;
    assert_eq!(exchange(&mut socket, &whole).await.status, 400);
    let decided = gateway.decided(2).await;
    for (record, code) in decided.iter().zip(["names_disagree", "bad_request"]) {
        assert_eq!(text(record, "agent"), "ci");
        assert_eq!(text(record, "code"), code);
        assert_eq!(text(record, "decision"), "deny");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn who_has_no_token_is_counted_and_leaves_no_record() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    let stranger = gateway.other("ci", "tga_unknown_0123456789abcdef01234567");
    let connect = |authorization: &str| {
        format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n{authorization}\r\n")
    };
    for _ in 0..50 {
        let mut socket = gateway.agent.connect().await;
        assert_eq!(exchange(&mut socket, &connect("")).await.status, 407);
        let unknown = connect(&stranger.authorization());
        assert_eq!(exchange(&mut socket, &unknown).await.status, 407);
        let whole = format!("GET http://{HOST}/items/1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        assert_eq!(exchange(&mut socket, &whole).await.status, 407);
    }
    let mut tls = gateway.agent.tls_tunnel("api.test:443", HOST).await;
    exchange(&mut tls, "GET /items/1 HTTP/1.1\r\nHost: api.test\r\n\r\n").await;
    let decided = gateway.decided(1).await;
    assert_eq!(decided.len(), 1, "{decided:?}");
    let counted = "tollgate_refusals_total{agent=\"\",code=\"proxy_authentication_required\",connector=\"\"} 150";
    let metrics = gateway.metrics().await;
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(upstream.received().len(), 1);
}

fn text<'a>(record: &'a Json, key: &str) -> &'a str {
    record[key].as_str().unwrap_or_default()
}

/// Configuration of a gateway in a process of its own, in front of an upstream of this process.
fn apart(upstream: &Upstream, durability: &str) -> Shell {
    let address = upstream.address;
    Shell::new()
        .file("connectors.d/api.yaml", CONNECTOR)
        .file("connectors.d/query.yaml", QUERY)
        .file("policies.d/api.yaml", POLICY)
        .file("ca.pem", &upstream.ca_pem)
        .file("token", "tga_integration_0123456789abcdef0123\n")
        .file("credential", "the-declared-secret\n")
        .file(
            "tollgate.yaml",
            format!(
                "proxy: {{ listen: [\"127.0.0.1:0\"] }}
admin: {{ listen: [] }}
metrics: {{ listen: [\"127.0.0.1:0\"] }}
data_dir: state
connectors: [connectors.d]
policies: [policies.d]
agents: [{{ name: ci, token: {{ file: token }} }}]
credentials: [{{ id: api, connector: api, host: api.test, fields: {{ token: {{ file: credential }} }} }}, {{ id: query, connector: query, host: query.test, fields: {{ key: {{ file: credential }} }} }}]
egress: {{ ca_files: [ca.pem], resolve: {{ \"api.test:443\": \"{address}\", \"query.test:443\": \"{address}\" }} }}
log: {{ level: trace }}
audit: {{ durability: {durability} }}
"
            ),
        )
}

/// Returns the agent of a gateway that runs apart.
async fn agent(shell: &Shell) -> Agent {
    let status = shell.json("--json status").await;
    let proxy = status["proxy"][0].as_str().unwrap();
    Agent {
        proxy: proxy.strip_prefix("http://").unwrap().parse().unwrap(),
        name: "ci".into(),
        token: "tga_integration_0123456789abcdef0123".into(),
        ca_pem: std::fs::read_to_string(shell.path("state/ca.pem")).unwrap(),
    }
}

#[tokio::test]
async fn no_secret_of_anybody_lies_in_anything_that_the_gateway_writes() {
    let upstream = Upstream::start(&[HOST, "query.test"]).await;
    upstream.reply("/items/9", Reply::cut());
    upstream.reply(
        "/items/2",
        Reply::new(200, "{}").header("set-cookie", "session=upstreams-cookie"),
    );
    let shell = apart(&upstream, "strict");
    let served = shell.serve(&[]).await;
    let args = ["credential", "add", "github"];
    shell.run(&args, "the-stored-secret-of-github\n").await;
    let agent = agent(&shell).await;
    let mut tls = agent.tls_tunnel("api.test:443", HOST).await;
    let slipped =
        "Authorization: Bearer agents-slipped\r\nCookie: agents-cookie=1\r\nX-Note: agents-header";
    for (line, body) in [
        ("GET /items/1?pin=agents-pin-1&token=agents-query", ""),
        (
            "PUT /items/2",
            r#"{"title":"shown","pin":"agents-pin-2","rest":"agents-body"}"#,
        ),
        ("PUT /items/3", "{\"pin\":\"agents-pin-3\""),
        ("PUT /items/4", r#"{"title":"a","title":"agents-twice"}"#),
        ("GET /items/5/%00?x=agents-query", ""),
        ("DELETE /items/6?x=agents-query", "agents-body"),
        ("GET /items/7?_method=agents-query", ""),
        ("GET /items/9", ""),
    ] {
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {HOST}\r\n{slipped}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let answer = exchange(&mut tls, &request).await;
        let shown = format!("{}{}", answer.head, answer.text());
        for secret in ["the-declared-secret", "upstreams-cookie"] {
            assert!(
                !shown.contains(secret),
                "the agent was shown `{secret}`: {shown}"
            );
        }
        if answer.header("connection") == Some("close") {
            tls = agent.tls_tunnel("api.test:443", HOST).await;
        }
    }
    // A failing upstream is told of without the query, which holds the credential.
    let mut tls = agent.tls_tunnel("query.test:443", "query.test").await;
    upstream.reply("/items/10", Reply::cut());
    let request = "GET /items/10?a=agents-query HTTP/1.1\r\nHost: query.test\r\n\r\n";
    assert_eq!(exchange(&mut tls, request).await.status, 502);
    // Bad tokens are not written down either.
    let impostor = Agent {
        token: "agents-wrong-token".into(),
        ..agent.clone()
    };
    assert!(
        impostor
            .http1()
            .get("https://api.test/items/8")
            .send()
            .await
            .is_err()
    );
    let shown = shell
        .play("tollgate audit tail -n 100\ntollgate --json audit query\ntollgate credential list\ntollgate --json status")
        .await;
    served.signal(Signal::TERM);
    let (_, told) = served.ended().await;
    assert!(upstream.received().len() >= 2, "nothing was allowed");

    let mut written = vec![
        ("standard error".to_owned(), told.into_bytes()),
        ("commands".to_owned(), shown.into_bytes()),
    ];
    let mut folders = vec![shell.path("state")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                written.push((path.display().to_string(), bytes));
            }
        }
    }
    assert!(written.len() > 6, "{}", written.len());
    let secrets = [
        "the-declared-secret",
        "the-stored-secret-of-github",
        "upstreams-cookie",
        "agents-",
        agent.token.as_str(),
    ];
    for (place, bytes) in &written {
        for secret in secrets {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "`{secret}` lies in {place}");
        }
    }
    // What is no secret is there.
    let journal = &written[1].1;
    assert!(String::from_utf8_lossy(journal).contains("title=shown"));
}

#[tokio::test]
async fn whatever_an_upstream_saw_was_recorded_before_although_the_gateway_was_killed() {
    kill_again_and_again("strict").await;
}

#[tokio::test]
async fn so_it_was_with_records_that_are_synced() {
    kill_again_and_again("fsync").await;
}

/// Kills gateways on one state, fifty with both durabilities; no line may be broken, and the chain must hold after each start.
async fn kill_again_and_again(durability: &str) {
    const ROUNDS: usize = 25;
    const REQUESTS: usize = 20;
    let upstream = Arc::new(Upstream::start(&[HOST]).await);
    let shell = apart(&upstream, durability);
    for round in 0..ROUNDS {
        let served = shell.serve(&[]).await;
        let agent = agent(&shell).await;
        let before = upstream.received().len();
        let senders: Vec<_> = (0..8)
            .map(|sender| {
                let agent = agent.clone();
                tokio::spawn(async move {
                    let client = agent.http1();
                    for number in 0.. {
                        let url = format!("https://api.test/items/{round}-{sender}-{number}");
                        // Ends when the gateway does.
                        if client.get(url).send().await.is_err() {
                            return;
                        }
                    }
                })
            })
            .collect();
        upstream.wait_for(before + REQUESTS).await;
        served.signal(Signal::KILL);
        for sender in senders {
            tokio::time::timeout(Duration::from_secs(20), sender)
                .await
                .unwrap()
                .unwrap();
        }
        served.ended().await;
    }
    // The last requests may still be on their way into the upstream's list.
    let served = shell.serve(&[]).await;
    let listed = shell
        .json("--json audit query --limit 100000 --decision allow")
        .await;
    let recorded: BTreeSet<&str> = listed["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["path"].as_str().unwrap())
        .collect();
    let received = upstream.received();
    let missing: Vec<&str> = received
        .iter()
        .map(|request| request.path.as_str())
        .filter(|path| !recorded.contains(path))
        .collect();
    assert!(received.len() >= ROUNDS * REQUESTS, "{}", received.len());
    assert!(missing.is_empty(), "seen and not recorded: {missing:?}");
    drop(served);
    let verified = shell.play("tollgate audit verify").await;
    assert!(verified.contains("self-consistent only"), "{verified}");
    assert!(!verified.contains("lost"), "{verified}");
    let started = crate::journal::records(&shell.path("state/journal"));
    let started = started.iter().filter(|record| record["kind"] == "started");
    assert_eq!(started.count(), ROUNDS + 1);
}
