//! Health of credentials: what APIs say of them is asked, told apart, shown and recorded, and a rotation swaps only what works.

use http::Method;
use serde_json::{Value as Json, json};

use crate::support::gateway::{Builder, Gateway};
use crate::support::tollgate::Shell;
use crate::support::upstream::{Reply, Upstream};

const HOST: &str = "api.test";
const FIRST: &str = "the-first-secret";
const SECOND: &str = "the-second-secret";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [{ host: api.test, base_paths: [/v1] }]
auth: [{ id: token, fields: [token], bearer: '{token}' }]
headers: { X-Api-Version: '7' }
health: { request: 'GET /me?full=1', identity: $.user.login, expires: 'header:x-expires' }
routes: [{ action: me.get, match: GET /me }]
";

async fn start(upstream: &Upstream) -> Gateway {
    let gateway = Builder::new()
        .connector("api", CONNECTOR)
        .policy(
            "api",
            "permissions: [{ agents: [ci], connector: api, access: full }]",
        )
        .upstream(&format!("{HOST}:443"), upstream)
        .start()
        .await;
    let shown = Shell::at(&gateway.path(""))
        .play(&format!("tollgate credential add api <<< {FIRST}"))
        .await;
    assert!(shown.contains("is kept"), "{shown}");
    gateway
}

fn me() -> Reply {
    Reply::new(200, r#"{"user":{"login":"octo"}}"#)
        .header("content-type", "application/json")
        .header("x-expires", "2031-01-02 03:04:05 UTC")
}

async fn test(gateway: &Gateway) -> Json {
    let path = "/api/v1/credentials/api/test";
    let (status, health) = gateway.admin(Method::POST, path, &Json::Null).await;
    assert_eq!(status, 200, "{health}");
    health
}

#[tokio::test(flavor = "multi_thread")]
async fn valid_expired_forbidden_and_unreachable_are_told_apart() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    upstream.reply("/v1/me", me());
    let health = test(&gateway).await;
    assert_eq!(health["state"], "valid", "{health}");
    assert_eq!(health["identity"], "octo");
    assert_eq!(health["expires_at"], "2031-01-02T03:04:05Z");
    let success = health["last_success"].clone();
    assert!(success.is_string() && success == health["checked_at"]);
    let sent = upstream.received();
    assert_eq!(
        sent[0].header("authorization"),
        Some("Bearer the-first-secret")
    );
    assert_eq!(sent[0].header("x-api-version"), Some("7"));
    assert_eq!(sent[0].query.as_deref(), Some("full=1"));
    for (reply, state) in [
        (Reply::new(401, "no"), "expired"),
        (Reply::new(403, "no"), "forbidden"),
        (
            Reply::new(403, "no").header("retry-after", "5"),
            "unreachable",
        ),
        (Reply::new(429, "no"), "unreachable"),
        (Reply::new(500, "no"), "unreachable"),
        (Reply::new(404, "no"), "unclear"),
        (
            Reply::new(302, "").header("location", "https://evil.test/"),
            "unclear",
        ),
        (Reply::new(200, r#"{"ok":false}"#), "expired"),
        (Reply::new(200, "not JSON"), "expired"),
    ] {
        upstream.reply("/v1/me", reply);
        let health = test(&gateway).await;
        assert_eq!(health["state"], state, "{health}");
        assert_eq!(health["last_success"], success, "{health}");
    }
    drop(upstream);
    let health = test(&gateway).await;
    assert_eq!(health["state"], "unreachable", "{health}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_test_finds_is_shown_everywhere_and_each_change_is_recorded() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    upstream.reply("/v1/me", me());
    upstream.reply("/v1/me", Reply::new(401, FIRST));
    upstream.reply("/v1/me", Reply::new(401, FIRST));
    upstream.reply("/v1/me", me());
    let shell = Shell::at(&gateway.path(""));
    let shown = shell
        .play(
            "tollgate credential test api
             tollgate connector health api
             tollgate credential list
             tollgate connector show api
             tollgate status
             tollgate connector health --all
             tollgate credential test nothing
             tollgate connector health nothing",
        )
        .await;
    for wanted in [
        "valid (octo)",
        "expired: the API answers 401",
        "health   GET /me?full=1",
        "credential api: expired",
        "credentials  NOT ACCEPTED: api (expired: the API answers 401)",
        "there is no credential `nothing`",
        "there is no connector `nothing`",
    ] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    assert!(!shown.contains(FIRST), "{shown}");
    let metrics = gateway.metrics().await;
    let metric = r#"tollgate_credential_check{credential="api",state="expired"} 1"#;
    assert!(metrics.contains(metric), "{metrics}");
    let metric = r#"tollgate_credential_unhealthy{credential="api"} 1"#;
    assert!(metrics.contains(metric), "{metrics}");
    let health = test(&gateway).await;
    assert_eq!(health["state"], "valid");
    let metrics = gateway.metrics().await;
    let metric = r#"tollgate_credential_unhealthy{credential="api"} 0"#;
    assert!(metrics.contains(metric), "{metrics}");
    let changed = gateway.changed(3).await;
    let checked: Vec<&Json> = changed
        .iter()
        .filter(|record| record["what"] == "credential.checked")
        .collect();
    let states: Vec<&Json> = checked
        .iter()
        .map(|record| &record["detail"]["state"])
        .collect();
    assert_eq!(states, ["expired", "valid"], "{changed:?}");
    assert_eq!(checked[0]["detail"]["before"], "valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_swaps_only_a_secret_that_the_api_accepts() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let shell = Shell::at(&gateway.path(""));
    let rotate = |options: &str| format!("tollgate credential rotate api {options} <<< {SECOND}");
    let used = async || {
        let client = gateway.agent.http1();
        let answer = client
            .get(format!("https://{HOST}/v1/me"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let received = upstream.received();
        received
            .last()
            .unwrap()
            .header("authorization")
            .unwrap()
            .to_owned()
    };
    upstream.reply("/v1/me", Reply::new(401, "no"));
    let shown = shell.play(&rotate("")).await;
    assert!(
        shown.contains("does not work, so the old one stays: expired"),
        "{shown}"
    );
    assert_eq!(used().await, format!("Bearer {FIRST}"));
    upstream.reply("/v1/me", me());
    let shown = shell.play(&rotate("")).await;
    assert!(
        shown.contains("is replaced; the test says: valid (octo)"),
        "{shown}"
    );
    assert_eq!(used().await, format!("Bearer {SECOND}"));
    upstream.reply("/v1/me", Reply::new(500, "no"));
    let shown = shell
        .play(&format!(
            "tollgate credential rotate api --untested <<< {FIRST}"
        ))
        .await;
    assert!(
        shown.contains("is replaced; the test says: unreachable"),
        "{shown}"
    );
    assert_eq!(used().await, format!("Bearer {FIRST}"));
    let changed = gateway.changed(3).await;
    let rotated = changed
        .iter()
        .filter(|record| record["what"] == "credential.rotate");
    assert_eq!(rotated.count(), 2);
    let text = json!(changed).to_string();
    assert!(!text.contains(FIRST) && !text.contains(SECOND), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_repeats_the_secret_as_the_identity_is_not_shown() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let echo = format!(r#"{{"user":{{"login":"x {FIRST}"}}}}"#);
    upstream.reply("/v1/me", Reply::new(200, echo));
    let health = test(&gateway).await;
    assert_eq!(health["state"], "valid");
    assert_eq!(health.get("identity"), None, "{health}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_repeats_the_credential_is_not_shown_wherever_it_would_be_cut() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    for before in [0, 113, 120, 127, 128, 200] {
        let login = format!("{}{FIRST}", "x".repeat(before));
        let body = json!({ "user": { "login": login } }).to_string();
        upstream.reply("/v1/me", Reply::new(200, body));
        let health = test(&gateway).await;
        assert_eq!(health["state"], "valid", "{health}");
        assert!(health["identity"].is_null(), "{before}: {health}");
    }
    let body = json!({ "user": { "login": "y".repeat(500) } }).to_string();
    upstream.reply("/v1/me", Reply::new(200, body));
    assert_eq!(test(&gateway).await["identity"], "y".repeat(128));
}
