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
    let parts = "connector: parts\nauth: none\ndomains: [parts.test]\nerrors: jira\nroutes:\n  - { action: call, match: POST /rpc, rpc: '*', risk: high }\n  - { action: ask, match: POST /graphql, graphql: '*', risk: high }\n";
    builder
        .connector("own.yaml", &own)
        .connector("parts.yaml", parts)
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
