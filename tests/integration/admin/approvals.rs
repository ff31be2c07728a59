//! Approvals through the admin side: who may look, who may answer, and what is kept of it.

use http::Method;
use serde_json::{Value as Json, json};

use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::Upstream;

const HOST: &str = "api.test";
const APPROVER: &str = "tgo_approver_0123456789abcdef0123";
const VIEWER: &str = "tgo_viewer_0123456789abcdef012345";
const APPROVALS: &str = "/api/v1/approvals";

async fn start(upstream: &Upstream) -> Gateway {
    start_with(upstream, "").await
}

async fn start_with(upstream: &Upstream, limits: &str) -> Gateway {
    let connector = "connector: api\nname: Test\nversion: 1\ndomains: [api.test]\nauth: none\nroutes: [{ action: item.get, match: 'GET /items/{item}' }]\n";
    Builder::new()
        .connector("api", connector)
        .policy(
            "ask",
            "permissions: [{ agents: [ci], connector: api, access: ask }]",
        )
        .operator("ada", "approver", APPROVER)
        .operator("vic", "viewer", VIEWER)
        .settings(&format!("approval: {{ timeout: 20ms }}\n{limits}"))
        .upstream(&format!("{HOST}:443"), upstream)
        .start()
        .await
}

/// Asks, waits in vain, and returns the question's id.
async fn ask(gateway: &Gateway, item: u32) -> String {
    let url = format!("https://{HOST}/items/{item}");
    let answer = gateway.agent.http1().get(url).send().await.unwrap();
    let problem: Json = answer.json().await.unwrap();
    problem["approval"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn approvers_answer_viewers_look_and_others_do_neither() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let id = ask(&gateway, 1).await;
    let (show, approve) = (
        format!("{APPROVALS}/{id}"),
        format!("{APPROVALS}/{id}/approve"),
    );
    let agent_token = gateway.agent.token.clone();
    for (token, method, path, status) in [
        ("", Method::GET, APPROVALS, 401),
        (agent_token.as_str(), Method::GET, APPROVALS, 401),
        (agent_token.as_str(), Method::POST, &approve, 401),
        (VIEWER, Method::GET, APPROVALS, 200),
        (VIEWER, Method::GET, &show, 200),
        (VIEWER, Method::POST, &approve, 403),
        (APPROVER, Method::GET, &approve, 405),
        (APPROVER, Method::POST, &show, 405),
        (APPROVER, Method::POST, &approve, 200),
        (APPROVER, Method::POST, &approve, 409),
        (APPROVER, Method::POST, "/api/v1/approvals/none/deny", 404),
    ] {
        let (found, answer) = gateway
            .admin_as(token, method.clone(), path, &Json::Null)
            .await;
        assert_eq!(found, status, "{method} {path} as {token}: {answer}");
    }
    let change = gateway.changed(1).await.remove(0);
    assert_eq!(
        (
            &change["what"],
            &change["operator"],
            &change["subject"],
            &change["agent"],
            &change["action"]
        ),
        (
            &json!("approval.approve"),
            &json!("ada"),
            &json!(id),
            &json!("ci"),
            &json!("api.item.get")
        )
    );
}

#[tokio::test]
async fn lists_by_status() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let ids = [
        ask(&gateway, 1).await,
        ask(&gateway, 2).await,
        ask(&gateway, 3).await,
    ];
    for (id, verb) in [(&ids[0], "approve"), (&ids[1], "deny")] {
        let path = format!("{APPROVALS}/{id}/{verb}");
        assert_eq!(gateway.admin(Method::POST, &path, &Json::Null).await.0, 200);
    }
    for (query, wanted) in [
        ("", ids.to_vec()),
        ("?status=approved", vec![ids[0].clone()]),
        ("?status=denied", vec![ids[1].clone()]),
        ("?status=pending", vec![ids[2].clone()]),
        ("?status=used", vec![]),
    ] {
        let path = format!("{APPROVALS}{query}");
        let (_, list) = gateway.admin(Method::GET, &path, &Json::Null).await;
        let found: Vec<&str> = list["approvals"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        assert_eq!(found, wanted, "{query}");
    }
    for query in ["?status=yes", "?state=pending"] {
        let path = format!("{APPROVALS}{query}");
        let (status, problem) = gateway.admin(Method::GET, &path, &Json::Null).await;
        assert_eq!(status, 400, "{query}: {problem}");
    }
}

#[tokio::test]
async fn an_approval_for_a_time_lets_requests_alike_pass_and_no_others_until_it_is_ended() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let send = async |item: u32| {
        let url = format!("https://{HOST}/items/{item}");
        let answer = gateway.agent.http1().get(url).send().await.unwrap();
        answer.status().as_u16()
    };
    let id = ask(&gateway, 1).await;
    let path = format!("{APPROVALS}/{id}/approve");
    for seconds in [0, 86_401] {
        let (status, problem) = gateway
            .admin(Method::POST, &path, &json!({ "seconds": seconds }))
            .await;
        assert_eq!((status, &problem["field"]), (400, &json!("seconds")));
    }
    let (status, approval) = gateway
        .admin_as(APPROVER, Method::POST, &path, &json!({ "seconds": 600 }))
        .await;
    assert_eq!(status, 200, "{approval}");
    assert!(approval["answer"]["until"].is_string(), "{approval}");
    assert_eq!([send(1).await, send(1).await, send(1).await], [200; 3]);
    assert_ne!(send(2).await, 200, "another parameter passes");
    let change = gateway.changed(1).await.remove(0);
    assert_eq!(
        change["detail"]["until"], approval["answer"]["until"],
        "{change}"
    );

    let deny = format!("{APPROVALS}/{id}/deny");
    let (status, _) = gateway.admin(Method::POST, &deny, &Json::Null).await;
    assert_eq!(status, 200);
    assert_ne!(send(1).await, 200, "it was ended");
    assert_eq!(gateway.changed(2).await[1]["what"], "approval.deny");
}

#[tokio::test]
async fn a_request_that_matches_no_route_is_approved_once_only() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let url = format!("https://{HOST}/elsewhere");
    let answer = gateway.agent.http1().get(url).send().await.unwrap();
    let problem: Json = answer.json().await.unwrap();
    let id = problem["approval"]["id"].as_str().unwrap();
    let path = format!("{APPROVALS}/{id}/approve");
    let (status, refused) = gateway
        .admin(Method::POST, &path, &json!({ "seconds": 60 }))
        .await;
    assert_eq!((status, &refused["code"]), (409, &json!("unnamed")));
}

#[tokio::test]
async fn an_approval_for_a_time_can_be_ended_after_its_question_made_room_for_others() {
    let upstream = Upstream::start(&[HOST]).await;
    let limits = "limits: { pending_approvals_per_agent: 2 }";
    let gateway = start_with(&upstream, limits).await;
    let id = ask(&gateway, 1).await;
    let path = format!("{APPROVALS}/{id}/approve");
    let (status, _) = gateway
        .admin(Method::POST, &path, &json!({ "seconds": 600 }))
        .await;
    assert_eq!(status, 200);
    let send = async || {
        let url = format!("https://{HOST}/items/1");
        let answer = gateway.agent.http1().get(url).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(send().await, 200);
    let listed = async || {
        let (_, list) = gateway.admin(Method::GET, APPROVALS, &Json::Null).await;
        let list = list["approvals"].as_array().unwrap().clone();
        (list.len(), list.into_iter().find(|one| one["id"] == *id))
    };
    // Its question was used, so it is the first to go.
    for item in 2..8 {
        ask(&gateway, item).await;
    }
    assert!(listed().await.0 < 7, "no question made room");
    let (_, shown) = listed().await;
    let shown = shown.expect("it still lets requests pass, so it is listed");
    assert!(shown["until"].is_string(), "{shown}");
    let (status, whole) = gateway
        .admin(Method::GET, &format!("{APPROVALS}/{id}"), &Json::Null)
        .await;
    assert_eq!(status, 200, "{whole}");
    let deny = format!("{APPROVALS}/{id}/deny");
    let (status, ended) = gateway.admin(Method::POST, &deny, &Json::Null).await;
    assert_eq!(status, 200, "{ended}");
    assert_ne!(send().await, 200, "it was ended");
}
