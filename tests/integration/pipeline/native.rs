//! Refusals in the shapes in which clients of an API read errors.

use serde_json::{Value as Json, json};

use crate::support::agent::{Raw, exchange};
use crate::support::gateway::{Builder, Gateway};

/// A connector whose requests are all denied.
fn connector(id: &str, rest: &str) -> String {
    format!(
        "connector: {id}\nauth: none\ndomains: [{id}.test]\n{rest}\nroutes:\n  - {{ action: make, match: POST /make, params: {{ title: $.title }}, body: [json, application/x-amz-json-1.0] }}\n"
    )
}

async fn gateway() -> Gateway {
    let shapes = ["jira", "slack", "github", "aws", "grpc", "google"];
    let mut builder = Builder::new();
    for shape in shapes {
        let text = connector(shape, &format!("errors: {shape}"));
        builder = builder.connector(&format!("{shape}.yaml"), &text);
    }
    let own = connector(
        "own",
        "errors: { status: 409, body: { oops: '{detail}', n: '{status}', left: '{x}' } }",
    );
    let git = "connector: forge\nauth: none\ndomains: [forge.test]\nerrors: github\nroutes:\n  - { action: push, match: 'POST /{repo}/git-receive-pack', git: true, risk: high }\n  - { action: fetch, match: 'POST /{repo}/git-upload-pack', body: none, risk: low }\n";
    let parts = "connector: parts\nauth: none\ndomains: [parts.test]\nerrors: jira\nroutes:\n  - { action: call, match: POST /rpc, rpc: '*', risk: high }\n  - { action: ask, match: POST /graphql, graphql: '*', risk: high }\n";
    builder
        .connector("own.yaml", &own)
        .connector("parts.yaml", parts)
        .connector("forge.yaml", git)
        .policy(
            "deny.yaml",
            "policies: [{ id: no, actions: ['*'], decision: deny, reason: 'Not <now>: ä.', suggest: Ask Ada. }]",
        )
        .start()
        .await
}

async fn post(gateway: &Gateway, host: &str, path: &str, content_type: &str, body: &str) -> Raw {
    let mut stream = gateway.agent.tls_tunnel(&format!("{host}:443"), host).await;
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    exchange(&mut stream, &request).await
}

/// Returns status, content type and body, without what differs every time.
fn told(raw: &Raw) -> String {
    assert_eq!(raw.header("tollgate-code"), Some("denied"));
    let id = raw.header("tollgate-request-id").unwrap().to_owned();
    let text = raw.text().replace(&id, "ID");
    format!(
        "{} {} {text}",
        raw.status,
        raw.header("content-type").unwrap()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_a_denial_as_the_api_would() {
    let gateway = gateway().await;
    let mut all = Vec::new();
    for host in ["jira", "slack", "github", "google", "aws", "own"] {
        let raw = post(
            &gateway,
            &format!("{host}.test"),
            "/make",
            "application/json",
            "{}",
        )
        .await;
        all.push(told(&raw));
    }
    let aws = post(
        &gateway,
        "aws.test",
        "/make",
        "application/x-amz-json-1.0",
        "{}",
    )
    .await;
    assert_eq!(
        aws.header("x-amzn-errortype"),
        Some("AccessDeniedException")
    );
    all.push(told(&aws));
    insta::assert_snapshot!(all.join("\n"), @r#"
    403 application/json {"errorMessages":["Not <now>: ä. Ask Ada."],"errors":{}}
    200 application/json {"ok":false,"error":"restricted_action","detail":"Not <now>: ä. Ask Ada.","code":"denied"}
    403 application/json {"message":"Not <now>: ä. Ask Ada.","documentation_url":"urn:tollgate:refusal:denied","status":403}
    403 application/json {"error":{"code":403,"message":"Not <now>: ä. Ask Ada.","status":"PERMISSION_DENIED","errors":[{"message":"Not <now>: ä. Ask Ada.","domain":"global","reason":"forbidden"}]}}
    403 application/json {"message":"Not <now>: ä. Ask Ada."}
    409 application/json {"oops":"Not <now>: ä. Ask Ada.","n":403,"left":"{x}"}
    400 application/x-amz-json-1.1 {"__type":"AccessDeniedException","message":"Not <now>: ä. Ask Ada.","Message":"Not <now>: ä. Ask Ada."}
    "#);
    let xml = post(&gateway, "aws.test", "/make", "text/plain", "{}").await;
    insta::assert_snapshot!(told(&xml), @"403 text/xml <ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not &lt;now&gt;: ä. Ask Ada.</Message></Error><RequestId>ID</RequestId></ErrorResponse>");
    let grpc = post(&gateway, "grpc.test", "/make", "application/json", "{}").await;
    assert_eq!((grpc.status, grpc.header("grpc-status")), (200, Some("7")));
    assert_eq!(
        grpc.header("grpc-message"),
        Some("Not <now>: %C3%A4. Ask Ada.")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_what_is_not_read_at_all_as_the_api_would() {
    let gateway = gateway().await;
    for (host, code) in [
        (
            "jira.test\r\nX-HTTP-Method-Override: DELETE",
            "method_override",
        ),
        ("jira.test\r\nSudo: root", "identity_header"),
    ] {
        let mut stream = gateway.agent.tls_tunnel("jira.test:443", "jira.test").await;
        let request = format!("GET /make HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let raw = exchange(&mut stream, &request).await;
        assert_eq!((raw.status, raw.header("tollgate-code")), (400, Some(code)));
        let body: Json = serde_json::from_str(&raw.text()).unwrap();
        assert!(body["errorMessages"][0].is_string(), "{body}");
    }
    let odd = post(&gateway, "slack.test", "/make;a", "application/json", "{}").await;
    assert_eq!(
        (odd.status, odd.header("tollgate-code")),
        (400, Some("not_canonical"))
    );
    assert!(odd.text().starts_with(r#"{"ok":false"#), "{}", odd.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_each_call_under_its_id() {
    let gateway = gateway().await;
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "a" },
        { "jsonrpc": "2.0", "method": "note" },
        { "jsonrpc": "2.0", "id": "two", "method": "b" },
    ]);
    let raw = post(
        &gateway,
        "parts.test",
        "/rpc",
        "application/json",
        &batch.to_string(),
    )
    .await;
    let ids: Vec<Json> = raw
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["id"].clone())
        .collect();
    assert_eq!((raw.status, ids), (200, vec![json!(1), json!("two")]));
    let single = json!({ "jsonrpc": "2.0", "id": 7, "method": "a" });
    let raw = post(
        &gateway,
        "parts.test",
        "/rpc",
        "application/json",
        &single.to_string(),
    )
    .await;
    assert_eq!(
        (&raw.json()["id"], &raw.json()["error"]["data"]["code"]),
        (&json!(7), &json!("denied"))
    );
    let query = json!({ "query": "{ me }" });
    let raw = post(
        &gateway,
        "parts.test",
        "/graphql",
        "application/json",
        &query.to_string(),
    )
    .await;
    assert_eq!(
        (raw.status, &raw.json()["errors"][0]["extensions"]["code"]),
        (200, &json!("denied"))
    );
}

/// Of one command, with the capabilities of git 2.47.
fn push(name: &str, capabilities: &str) -> String {
    let (old, new) = ("a".repeat(40), "b".repeat(40));
    let line = format!("{old} {new} {name}\0{capabilities}");
    format!("{:04x}{line}0000", line.len() + 4)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_push_or_fetch_is_told_in_the_lines_that_git_prints() {
    let gateway = gateway().await;
    let (path, kind) = (
        "/x/git-receive-pack",
        "application/x-git-receive-pack-request",
    );
    let pushed = push(
        "refs/heads/main",
        " report-status-v2 side-band-64k agent=git/2.47.3",
    );
    let raw = post(&gateway, "forge.test", path, kind, &pushed).await;
    let report = "000eunpack ok\n002fng refs/heads/main Not <now>: ä. Ask Ada.\n0000";
    let answered = "200 application/x-git-receive-pack-result";
    assert_eq!(told(&raw), format!("{answered} 0046\u{1}{report}0000"));
    let plain = push("refs/heads/main", "report-status");
    let raw = post(&gateway, "forge.test", path, kind, &plain).await;
    assert_eq!(told(&raw), format!("{answered} {report}"));
    // Of several refs the reason may be about another one.
    let (old, new) = ("a".repeat(40), "b".repeat(40));
    let second = format!("{old} {new} refs/heads/dev");
    let first = plain.strip_suffix("0000").unwrap();
    let both = format!("{first}{:04x}{second}0000", second.len() + 4);
    let raw = post(&gateway, "forge.test", path, kind, &both).await;
    let line = |name: &str| {
        format!("ng refs/heads/{name} the push is refused as a whole: Not <now>: ä. Ask Ada.\n")
    };
    assert!(raw.text().contains(&line("main")), "{}", raw.text());
    assert!(raw.text().contains(&line("dev")), "{}", raw.text());
    // A client that reads no report reads an error.
    let raw = post(
        &gateway,
        "forge.test",
        path,
        kind,
        &push("refs/heads/main", "ofs-delta"),
    )
    .await;
    assert_eq!((raw.status, &raw.json()["code"]), (403, &json!("denied")));
    let kind = "application/x-git-upload-pack-request";
    let raw = post(&gateway, "forge.test", "/x/git-upload-pack", kind, "0000").await;
    let answered = "200 application/x-git-upload-pack-result";
    assert_eq!(
        told(&raw),
        format!("{answered} 001fERR Not <now>: ä. Ask Ada.")
    );
    let mut stream = gateway
        .agent
        .tls_tunnel("nowhere.test:443", "nowhere.test")
        .await;
    let request = "GET /x/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: nowhere.test\r\nConnection: close\r\n\r\n";
    let raw = exchange(&mut stream, request).await;
    assert_eq!(
        (raw.status, raw.header("content-type")),
        (403, Some("text/plain"))
    );
    assert_eq!(raw.text(), "No connector covers `nowhere.test:443`.\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_id_nobody_has_read_is_refused_by_status_not_by_an_error_without_an_id() {
    let gateway = gateway().await;
    let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "a" }).to_string();
    let mut stream = gateway
        .agent
        .tls_tunnel("parts.test:443", "parts.test")
        .await;
    let request = format!(
        "POST /rpc HTTP/1.1\r\nHost: parts.test\r\nContent-Type: application/json; charset=latin1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{call}",
        call.len()
    );
    let raw = exchange(&mut stream, &request).await;
    let kind = raw.header("content-type");
    assert_eq!((raw.status, kind), (415, Some("application/problem+json")));
    let note = json!({ "jsonrpc": "2.0", "method": "a" }).to_string();
    let raw = post(&gateway, "parts.test", "/rpc", "application/json", &note).await;
    assert_eq!((raw.status, &raw.json()["code"]), (403, &json!("denied")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_refusal_says_it_where_sdks_look() {
    let gateway = gateway().await;
    let raw = post(&gateway, "nowhere.test", "/", "application/json", "{}").await;
    let body = raw.json();
    assert_eq!(body["message"], body["detail"]);
    assert_eq!(
        body["error"],
        json!({ "message": body["detail"], "type": "permission_error", "code": "no_connector" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_status_of_what_is_no_decision() {
    let gateway = gateway().await;
    let raw = post(&gateway, "slack.test", "/make", "application/json", "[1").await;
    assert_eq!(
        (raw.status, raw.header("tollgate-code")),
        (400, Some("unreadable_body"))
    );
    assert_eq!(raw.json()["ok"], json!(false));
}
