//! Approvals for a time: which requests pass, and what ends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::{Value as Json, json};
use tollgate::model::clock::Clock;

use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::Upstream;

const APPROVALS: &str = "/api/v1/approvals";
const APPROVER: &str = "tgo_approver_0123456789abcdef0123";
const HOST: &str = "api.test";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: none
routes:
  - { action: note.add, match: POST /notes, params: { title: $.title } }
  - { action: file.put, match: 'POST /files/{name}' }
";

/// A gateway that asks about everything, beside a clock that a test moves.
async fn start(upstream: &Upstream) -> (Gateway, Arc<AtomicU64>) {
    let ahead = Arc::new(AtomicU64::new(0));
    let seconds = Arc::clone(&ahead);
    let clock = Clock::from_fn(move || {
        let ahead = Duration::from_secs(seconds.load(Ordering::SeqCst));
        Clock::system().now() + ahead
    });
    let gateway = Builder::new()
        .connector("api", CONNECTOR)
        .policy(
            "ask",
            "permissions: [{ agents: [ci], connector: api, access: ask }]",
        )
        .settings("approval: { timeout: 20ms }")
        .operator("ada", "approver", APPROVER)
        .upstream(&format!("{HOST}:443"), upstream)
        .clock(clock)
        .start()
        .await;
    (gateway, ahead)
}

/// Sends a body; returns the status and the id of the question that it asks, where it does.
async fn send(gateway: &Gateway, path: &str, body: &Json) -> (u16, Option<String>) {
    let url = format!("https://{HOST}{path}");
    let request = gateway.agent.http1().post(url);
    let request = request.header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    let status = answer.status().as_u16();
    let problem: Json = answer.json().await.unwrap_or_default();
    let id = problem["approval"]["id"].as_str().map(ToOwned::to_owned);
    (status, id)
}

async fn ask(gateway: &Gateway, path: &str, body: &Json) -> String {
    send(gateway, path, body).await.1.expect("it is asked")
}

async fn approve_for(gateway: &Gateway, id: &str, seconds: u64) -> (u16, Json) {
    let shown = format!("{APPROVALS}/{id}");
    let (_, question) = gateway.admin(Method::GET, &shown, &Json::Null).await;
    let answer = json!({ "seconds": seconds, "opened": question["fingerprint"] });
    let path = format!("{shown}/approve");
    let (status, answer) = gateway
        .admin_as(APPROVER, Method::POST, &path, &answer)
        .await;
    (status, answer)
}

#[tokio::test]
async fn of_a_body_that_was_read_only_the_parameters_count_and_of_another_all() {
    let upstream = Upstream::start(&[HOST]).await;
    let (gateway, _) = start(&upstream).await;
    let note = json!({ "title": "a", "text": "one" });
    let id = ask(&gateway, "/notes", &note).await;
    assert_eq!(approve_for(&gateway, &id, 600).await.0, 200);
    for (body, passes) in [
        (note, true),
        (json!({ "title": "a", "text": "two" }), true),
        (json!({ "title": "b", "text": "one" }), false),
    ] {
        let (status, _) = send(&gateway, "/notes", &body).await;
        assert_eq!(status == 200, passes, "{body}");
    }
    let file = json!({ "content": "harmless" });
    let id = ask(&gateway, "/files/x", &file).await;
    assert_eq!(approve_for(&gateway, &id, 600).await.0, 200);
    for (path, body, passes) in [
        ("/files/x", &file, true),
        ("/files/x", &json!({ "content": "harmful" }), false),
        ("/files/y", &file, false),
        ("/files/x?force=1", &file, false),
    ] {
        let (status, _) = send(&gateway, path, body).await;
        assert_eq!(status == 200, passes, "{path} {body}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_too_long_to_be_compared_is_approved_once_only() {
    let upstream = Upstream::start(&[HOST]).await;
    let (gateway, _) = start(&upstream).await;
    let long = json!({ "title": "a".repeat(9_000) });
    let id = ask(&gateway, "/notes", &long).await;
    let (status, problem) = approve_for(&gateway, &id, 600).await;
    assert_eq!(
        (status, &problem["code"]),
        (409, &json!("unnamed")),
        "{problem}"
    );
    let path = format!("{APPROVALS}/{id}");
    let (_, question) = gateway.admin(Method::GET, &path, &Json::Null).await;
    assert_eq!(question["status"], "pending", "{question}");
}

#[tokio::test]
async fn a_denial_after_the_time_is_over_denies_and_no_other_question() {
    let upstream = Upstream::start(&[HOST]).await;
    let (gateway, ahead) = start(&upstream).await;
    let (first, second) = (json!({ "title": "a" }), json!({ "title": "b" }));
    let id = ask(&gateway, "/notes", &first).await;
    assert_eq!(approve_for(&gateway, &id, 60).await.0, 200);
    ahead.store(61, Ordering::SeqCst);
    let other = ask(&gateway, "/notes", &second).await;
    let deny = format!("{APPROVALS}/{other}/deny");
    let (status, denied) = gateway.admin(Method::POST, &deny, &Json::Null).await;
    assert_eq!((status, &denied["status"]), (200, &json!("denied")));
    // The first one is over, so there is nothing to end.
    let deny = format!("{APPROVALS}/{id}/deny");
    let (status, _) = gateway.admin(Method::POST, &deny, &Json::Null).await;
    assert_eq!(status, 404);
    assert_eq!(send(&gateway, "/notes", &second).await.0, 403);
}

#[tokio::test]
async fn it_ends_with_its_operator() {
    let upstream = Upstream::start(&[HOST]).await;
    let (gateway, _) = start(&upstream).await;
    let new = json!({ "name": "eve", "role": "approver" });
    let (status, made) = gateway.admin(Method::POST, "/api/v1/operators", &new).await;
    assert_eq!(status, 201, "{made}");
    let token = made["token"].as_str().unwrap();
    let note = json!({ "title": "a" });
    let id = ask(&gateway, "/notes", &note).await;
    let path = format!("{APPROVALS}/{id}/approve");
    let answer = json!({ "seconds": 600 });
    let (status, answer) = gateway.admin_as(token, Method::POST, &path, &answer).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(send(&gateway, "/notes", &note).await.0, 200);
    assert_eq!(send(&gateway, "/notes", &note).await.0, 200);

    let eve = "/api/v1/operators/eve";
    let (status, gone) = gateway.admin(Method::DELETE, eve, &Json::Null).await;
    assert_eq!(status, 200, "{gone}");
    assert_eq!(send(&gateway, "/notes", &note).await.0, 403);
    let shown = format!("{APPROVALS}/{id}");
    let (_, ended) = gateway.admin(Method::GET, &shown, &Json::Null).await;
    let times = (&answer["answer"]["until"], &ended["answer"]["until"]);
    assert!(times.1.as_str() < times.0.as_str(), "{ended}");
}

#[tokio::test]
async fn it_ends_with_its_agent() {
    let upstream = Upstream::start(&[HOST]).await;
    let (mut gateway, _) = start(&upstream).await;
    let note = json!({ "title": "a" });
    let rule = json!({ "agents": ["*"], "connector": "api", "access": "ask" });
    let (status, set) = gateway
        .admin(Method::POST, "/api/v1/permissions", &rule)
        .await;
    assert_eq!(status, 200, "{set}");
    let mut passes = Vec::new();
    for _ in 0..2 {
        let new = json!({ "name": "build" });
        let (status, made) = gateway.admin(Method::POST, "/api/v1/agents", &new).await;
        assert_eq!(status, 201, "{made}");
        gateway.agent.name = "build".to_owned();
        gateway.agent.token = made["token"].as_str().unwrap().to_owned();
        let (status, id) = send(&gateway, "/notes", &note).await;
        passes.push(status);
        let id = id.expect("a new agent has no approvals");
        assert_eq!(approve_for(&gateway, &id, 600).await.0, 200);
        passes.push(send(&gateway, "/notes", &note).await.0);
        let build = "/api/v1/agents/build";
        let (status, gone) = gateway.admin(Method::DELETE, build, &Json::Null).await;
        assert_eq!(status, 200, "{gone}");
    }
    assert_eq!(passes, [403, 200, 403, 200]);
}
