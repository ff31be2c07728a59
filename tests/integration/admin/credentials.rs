//! `/api/v1/credentials`: a secret goes in and never comes out, goes only where it is bound, and is swapped under its revision.

use std::time::Duration;

use http::Method;
use serde_json::{Value as Json, json};

use crate::support::certificate::{Issued, Validity};
use crate::support::gateway::{Builder, Gateway};
use crate::support::tollgate::Shell;
use crate::support::upstream::{Reply, Upstream};

/// Nothing here may take this long.
const LONG: Duration = Duration::from_secs(30);

const HOST: &str = "api.test";
const FIRST: &str = "the-first-secret";
const SECOND: &str = "the-second-secret";
const EDITOR: &str = "tgo_editor_0123456789abcdef0123456789";
const CREDENTIALS: &str = "/api/v1/credentials";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: [{ id: token, fields: [token], bearer: '{token}' }]
health: { request: 'GET /me', identity: $.login }
routes: [{ action: me.get, match: GET /me }]
";

async fn start(upstream: &Upstream) -> Gateway {
    Builder::new()
        .connector("api", CONNECTOR)
        .operator("ed", "editor", EDITOR)
        .policy(
            "api",
            "permissions: [{ agents: [ci], connector: api, access: full }]",
        )
        .upstream(&format!("{HOST}:443"), upstream)
        .start()
        .await
}

fn new(secret: &str) -> Json {
    json!({ "connector": "api", "fields": { "token": secret } })
}

/// Returns what the upstream is sent for a request of an agent.
async fn sent(gateway: &Gateway, upstream: &Upstream) -> String {
    let url = format!("https://{HOST}/me");
    let answer = gateway.agent.http1().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let received = upstream.received();
    let last = received.last().unwrap();
    last.header("authorization").unwrap().to_owned()
}

async fn show(gateway: &Gateway) -> Json {
    let path = format!("{CREDENTIALS}/api");
    let (status, shown) = gateway.admin(Method::GET, &path, &Json::Null).await;
    assert_eq!(status, 200, "{shown}");
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_in_works_at_once_and_never_comes_out() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let preview = format!("{CREDENTIALS}?dry_run=true");
    let body = json!({ "connector": "api" });
    let (status, would) = gateway.admin(Method::POST, &preview, &body).await;
    assert_eq!((status, &would["dry_run"]), (200, &json!(true)), "{would}");
    assert_eq!(
        would["credential"]["binding"]["hosts"],
        json!(["api.test:443"])
    );
    let (_, list) = gateway.admin(Method::GET, CREDENTIALS, &Json::Null).await;
    assert_eq!(list["credentials"], json!([]), "a preview keeps nothing");

    let (status, added) = gateway.admin(Method::POST, CREDENTIALS, &new(FIRST)).await;
    assert_eq!(status, 201, "{added}");
    assert_eq!(sent(&gateway, &upstream).await, format!("Bearer {FIRST}"));
    let (status, again) = gateway.admin(Method::POST, CREDENTIALS, &new(SECOND)).await;
    assert_eq!((status, &again["code"]), (409, &json!("exists")), "{again}");
    upstream.reply("/me", Reply::new(200, r#"{"login":"octo"}"#));
    let path = format!("{CREDENTIALS}/api/test");
    let (_, health) = gateway.admin(Method::POST, &path, &Json::Null).await;
    assert_eq!(health["state"], "valid", "{health}");

    let (_, list) = gateway.admin(Method::GET, CREDENTIALS, &Json::Null).await;
    let shown = &list["credentials"][0];
    assert_eq!(
        (&shown["placement"], &shown["from"], &shown["problem"]),
        (
            &json!("header authorization: Bearer {token}"),
            &json!("store"),
            &Json::Null
        )
    );
    assert_eq!(shown["health"]["identity"], "octo");
    assert_eq!(&show(&gateway).await, shown);
    let told = format!("{would}{added}{again}{list}{:?}", gateway.changed(1).await);
    assert!(!told.contains(FIRST) && !told.contains(SECOND), "{told}");
    assert_eq!(gateway.changed(1).await[0]["what"], "credential.add");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_api_would_accept_or_goes_elsewhere_is_refused_and_nothing_is_kept() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let with = |name: &str, value: Json| {
        let mut body = new(FIRST);
        body[name] = value;
        body
    };
    for (body, status, code) in [
        (new("short"), 422, "short_secret"),
        (new(""), 422, "empty_field"),
        (new("\"the-first-secret\""), 422, "wrong_fields"),
        (new("Bearer the-first-secret"), 422, "wrong_fields"),
        (new(" the-first-secret"), 409, "credential_refused"),
        (with("fields", json!({})), 400, "bad_request"),
        (
            with("fields", json!({ "token": FIRST, "other": FIRST })),
            400,
            "bad_request",
        ),
        (with("connector", json!("ap")), 404, "unknown_connector"),
        (with("scheme", json!("basic")), 404, "unknown_scheme"),
        (with("hosts", json!(["evil.test"])), 409, "foreign_host"),
        (with("hosts", json!(["*.test"])), 400, "bad_request"),
        (with("agents", json!(["A b"])), 400, "bad_request"),
        (with("id", json!("A b")), 400, "bad_request"),
        (
            with("sources", json!({ "token": "command:id" })),
            400,
            "bad_request",
        ),
    ] {
        let (got, problem) = gateway.admin(Method::POST, CREDENTIALS, &body).await;
        assert_eq!((got, &problem["code"]), (status, &json!(code)), "{problem}");
        assert!(!problem.to_string().contains(FIRST), "{problem}");
    }
    let (_, list) = gateway.admin(Method::GET, CREDENTIALS, &Json::Null).await;
    assert_eq!(list["credentials"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_changes_go_on_while_an_api_is_asked_about_a_new_secret() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let (status, _) = gateway.admin(Method::POST, CREDENTIALS, &new(FIRST)).await;
    assert_eq!(status, 201);
    let path = format!("{CREDENTIALS}/api/rotate");
    let body = json!({ "fields": { "token": SECOND } });

    // The API answers when the test says so.
    let (slow, feed) = Reply::streamed(200);
    upstream.reply("/me", slow);
    let rotating = gateway.admin(Method::POST, &path, &body);
    let meanwhile = async {
        tokio::time::timeout(LONG, upstream.wait_for(1))
            .await
            .expect("the API is asked");
        let agent = json!({ "name": "meanwhile" });
        let adding = gateway.admin(Method::POST, "/api/v1/agents", &agent);
        let added = tokio::time::timeout(LONG, adding).await;
        assert_eq!(added.expect("a change goes on").0, 201);
        feed.send(r#"{"login":"octo"}"#).await;
        drop(feed);
    };
    let ((status, rotated), ()) = tokio::join!(rotating, meanwhile);
    assert_eq!(status, 200, "{rotated}");
    assert_eq!(sent(&gateway, &upstream).await, format!("Bearer {SECOND}"));

    // What was changed meanwhile is not overwritten.
    let (slow, feed) = Reply::streamed(200);
    upstream.reply("/me", slow);
    let asked = upstream.received().len();
    let rotating = gateway.admin(Method::POST, &path, &body);
    let meanwhile = async {
        upstream.wait_for(asked + 1).await;
        let third = json!({ "fields": { "token": "the-third-secret" }, "untested": true });
        upstream.reply("/me", Reply::new(500, "no"));
        let (status, swapped) = gateway.admin(Method::POST, &path, &third).await;
        assert_eq!(status, 200, "{swapped}");
        feed.send(r#"{"login":"octo"}"#).await;
        drop(feed);
    };
    let ((status, refused), ()) = tokio::join!(rotating, meanwhile);
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("changed")),
        "{refused}"
    );
    let now = sent(&gateway, &upstream).await;
    assert_eq!(now, "Bearer the-third-secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_another_state_is_refused_with_the_present_revision() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let (_, added) = gateway.admin(Method::POST, CREDENTIALS, &new(FIRST)).await;
    let revision = added["credential"]["revision"].as_str().unwrap().to_owned();
    assert_eq!(show(&gateway).await["revision"], revision);
    let body = json!({ "fields": { "token": SECOND }, "untested": true });
    for (verb, body) in [("rotate", &body), ("rebind", &Json::Null)] {
        let path = format!("{CREDENTIALS}/api/{verb}");
        let stale: &[(&str, &[u8])] = &[("if-match", b"\"0000000000000000\"")];
        let (status, _, refused) = gateway.admin_with((Method::POST, &path), stale, body).await;
        assert_eq!(
            (status, &refused["code"]),
            (412, &json!("changed_meanwhile")),
            "{refused}"
        );
        assert_eq!(refused["revision"], revision);
    }
    let path = format!("{CREDENTIALS}/api/rotate");
    let fresh = format!("\"{revision}\"");
    let headers: &[(&str, &[u8])] = &[("if-match", fresh.as_bytes())];
    upstream.reply("/me", Reply::new(500, "no"));
    let (status, _, rotated) = gateway
        .admin_with((Method::POST, &path), headers, &body)
        .await;
    assert_eq!(status, 200, "{rotated}");
    assert_ne!(show(&gateway).await["revision"], revision);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_nobody_agreed_to_is_not_bound() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    gateway.admin(Method::POST, CREDENTIALS, &new(FIRST)).await;
    let move_to = async |place: &str| {
        let file = CONNECTOR.replace("bearer: '{token}'", place);
        gateway.write("connectors.d/api.yaml", &file).await;
    };
    move_to("header: { X-Key: '{token}' }").await;
    let seen = show(&gateway).await["revision"]
        .as_str()
        .unwrap()
        .to_owned();
    move_to("query: { image_url: '{token}' }").await;
    let path = format!("{CREDENTIALS}/api/rebind");
    let seen = format!("\"{seen}\"");
    let headers: &[(&str, &[u8])] = &[("if-match", seen.as_bytes())];
    let (status, _, refused) = gateway
        .admin_with((Method::POST, &path), headers, &Json::Null)
        .await;
    assert_eq!(
        (status, &refused["code"]),
        (412, &json!("changed_meanwhile")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_secret_in_the_wrong_place_is_not_repeated() {
    let gateway = Builder::new().connector("api", CONNECTOR).start().await;
    for body in [
        json!({ "connector": "api", "fields": "hunter2hunter2" }),
        json!({ "connector": "api", "fields": { "token": 98_765_432 } }),
        json!({ "connector": "api", "fields": ["hunter2hunter2"] }),
        json!("hunter2hunter2"),
    ] {
        let (status, refused) = gateway.admin(Method::POST, CREDENTIALS, &body).await;
        let text = refused.to_string();
        assert_eq!(status, 400, "{text}");
        assert!(
            !text.contains("hunter2") && !text.contains("9876"),
            "{text}"
        );
        assert!(text.contains("expected"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_elsewhere_manage_credentials_by_the_gateway() {
    let issued = Issued::new(&["localhost"], Validity::Now);
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = Builder::new()
        .connector("api", CONNECTOR)
        .operator("ed", "editor", EDITOR)
        .policy(
            "api",
            "permissions: [{ agents: [ci], connector: api, access: full }]",
        )
        .admin_tls(&issued.leaf_pem, &issued.key_pem())
        .upstream(&format!("{HOST}:443"), &upstream)
        .start()
        .await;
    let port = gateway.serving().addresses().admin[0].port();
    // A directory without any file of the gateway's.
    let there = Shell::new()
        .file("ca.pem", &issued.ca_pem)
        .env("TOLLGATE_OPERATOR_TOKEN", EDITOR);
    let tollgate = format!("tollgate --server https://localhost:{port} --ca ca.pem");
    let shown = there
        .play(&format!(
            "{tollgate} credential add api <<< {FIRST}
             {tollgate} credential add api --id again --host evil.test <<< {FIRST}
             {tollgate} credential add api --id again --host *.test <<< {FIRST}
             {tollgate} credential list"
        ))
        .await;
    assert!(shown.contains("credential `api` (api, token) is kept; it goes to api.test:443"));
    assert!(shown.contains("is not a host of connector `api`") && shown.contains("[exit 1]"));
    assert!(
        shown.contains("is a pattern") && shown.contains("[exit 2]"),
        "{shown}"
    );
    assert_eq!(sent(&gateway, &upstream).await, format!("Bearer {FIRST}"));
    upstream.reply("/me", Reply::new(200, r#"{"login":"octo"}"#));
    let shown = there
        .play(&format!(
            "{tollgate} credential rotate api <<< {SECOND}
             {tollgate} credential rebind api
             {tollgate} --json credential list"
        ))
        .await;
    assert!(shown.contains("the test says: valid (octo)"), "{shown}");
    assert!(shown.contains("is bound as before"), "{shown}");
    assert_eq!(sent(&gateway, &upstream).await, format!("Bearer {SECOND}"));
    let shown = there
        .play(&format!("{tollgate} credential remove api"))
        .await;
    assert!(shown.contains("is removed"), "{shown}");
    assert!(!shown.contains(SECOND), "{shown}");
}
