//! Removals of what rules name: refused while it is not known, previewed, and recorded with the rules that went along.

use http::Method;
use serde_json::{Value as Json, json};

use crate::support::gateway::{Builder, Gateway};

const AGENT: &str = "/api/v1/agents/build";

/// Starts a gateway with an agent that a permission and two policies of the store name.
async fn start() -> Gateway {
    let gateway = Builder::new().start().await;
    let new = json!({ "name": "build" });
    gateway.admin(Method::POST, "/api/v1/agents", &new).await;
    let rule = json!({ "agents": ["build"], "connector": "jira", "access": "full" });
    gateway
        .admin(Method::POST, "/api/v1/permissions", &rule)
        .await;
    for (id, agents) in [
        ("alone", json!(["build"])),
        ("shared", json!(["build", "ci"])),
    ] {
        let policy = json!({ "agents": agents, "actions": ["jira.*"], "decision": "deny" });
        let path = format!("/api/v1/policies/{id}");
        let (status, set) = gateway.admin(Method::PUT, &path, &policy).await;
        assert_eq!(status, 200, "{set}");
    }
    gateway
}

#[tokio::test]
async fn rules_of_the_store_go_along_after_a_preview_and_the_record_names_them() {
    let gateway = start().await;
    let (status, problem) = gateway.admin(Method::DELETE, AGENT, &Json::Null).await;
    assert_eq!((status, &problem["code"]), (409, &json!("named")));
    assert_eq!(problem["named_by"].as_array().unwrap().len(), 3);
    let preview = format!("{AGENT}?cascade=true&dry_run=true");
    let (status, preview) = gateway.admin(Method::DELETE, &preview, &Json::Null).await;
    assert_eq!(
        (status, &preview["removed"]),
        (200, &json!(false)),
        "{preview}"
    );
    assert_eq!(preview["rules"], problem["named_by"]);
    assert!(preview["effect"]["changes"].is_array(), "{preview}");
    let (status, _) = gateway
        .admin(Method::GET, &format!("{AGENT}/tokens"), &Json::Null)
        .await;
    assert_eq!(status, 200, "a preview removed it");

    let cascade = format!("{AGENT}?cascade=true");
    let revision = preview["revision"].as_str().unwrap();
    let headers = [("if-match", revision.as_bytes())];
    let call = (Method::DELETE, cascade.as_str());
    let (status, _, removed) = gateway.admin_with(call, &headers, &Json::Null).await;
    assert_eq!(
        (status, &removed["removed"]),
        (200, &json!(true)),
        "{removed}"
    );
    let (_, left) = gateway
        .admin(Method::GET, "/api/v1/policies", &Json::Null)
        .await;
    let left = left["policies"].as_array().unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["agents"], json!(["ci"]));
    let changes = gateway.changed(5).await;
    let change = changes
        .iter()
        .find(|change| change["what"] == "agent.remove");
    assert_eq!(change.unwrap()["detail"]["cascade"], problem["named_by"]);
}

#[tokio::test]
async fn nothing_is_removed_while_a_policy_file_cannot_be_read() {
    let named = "permissions: [{ agents: [build], connector: jira, access: full }]\n";
    let gateway = Builder::new().policy("team", named).start().await;
    let new = json!({ "name": "build" });
    gateway.admin(Method::POST, "/api/v1/agents", &new).await;
    // Half of it is saved: the gateway still judges by the whole one.
    gateway
        .write("policies.d/team.yaml", "permissions: [{ agents: [bui")
        .await;
    for path in [AGENT.to_owned(), format!("{AGENT}?cascade=true")] {
        let (status, problem) = gateway.admin(Method::DELETE, &path, &Json::Null).await;
        assert_eq!((status, &problem["code"]), (409, &json!("files_broken")));
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("team.yaml"), "{detail}");
    }
    gateway.write("policies.d/team.yaml", named).await;
    let (status, problem) = gateway.admin(Method::DELETE, AGENT, &Json::Null).await;
    assert_eq!((status, &problem["code"]), (409, &json!("named")));
}
