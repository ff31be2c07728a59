//! Previews: what a change would do, before it is made, and that only what was previewed is made.

use http::Method;
use serde_json::{Value as Json, json};

use crate::support::gateway::{Builder, Gateway};

const CONNECTOR: &str = "
connector: api
name: Test
version: 1
domains: [api.test]
auth: none
routes:
  - { action: item.get, match: 'GET /items/{item}' }
  - { action: item.delete, match: 'DELETE /items/{item}', risk: high }
";

async fn start() -> Gateway {
    Builder::new().connector("api", CONNECTOR).start().await
}

/// Returns the pairs of an effect as `agent action: before -> after`.
fn pairs(effect: &Json) -> Vec<String> {
    let mut pairs: Vec<String> = effect["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            let text = |value: &Json| value.as_str().unwrap().to_owned();
            format!(
                "{} {}: {} -> {}",
                text(&change["agent"]),
                text(&change["action"]),
                text(&change["was"]["decision"]),
                text(&change["now"]["decision"])
            )
        })
        .collect();
    pairs.sort();
    pairs
}

#[tokio::test]
async fn a_preview_tells_the_effect_and_changes_nothing_and_its_write_does_what_it_said() {
    let gateway = start().await;
    let rule = json!({ "agents": ["ci"], "connector": "api", "access": "read_only" });
    let (status, preview) = gateway
        .admin(Method::POST, "/api/v1/permissions?dry_run=true", &rule)
        .await;
    assert_eq!(
        (status, &preview["dry_run"]),
        (200, &json!(true)),
        "{preview}"
    );
    assert_eq!(
        pairs(&preview["effect"]),
        ["ci api.item.get: deny -> allow"]
    );
    assert_eq!(preview["effect"]["allowed"], 1);
    let listed = async || {
        let path = "/api/v1/permissions";
        let (_, list) = gateway.admin(Method::GET, path, &Json::Null).await;
        list["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|permission| permission["connector"] == "api")
            .count()
    };
    assert_eq!(listed().await, 0);
    let revision = preview["revision"].as_str().unwrap();
    let (status, set) = gateway
        .admin_if("/api/v1/permissions", revision, &rule)
        .await;
    assert_eq!(
        (status, pairs(&set["effect"])),
        (200, pairs(&preview["effect"]))
    );
    assert_eq!(listed().await, 1);
    // The same revision is of another state now.
    let wider = json!({ "agents": ["ci"], "connector": "api", "access": "full" });
    let (status, problem) = gateway
        .admin_if("/api/v1/permissions", revision, &wider)
        .await;
    assert_eq!(
        (status, &problem["code"]),
        (412, &json!("changed_meanwhile"))
    );
    let new = pairs(&problem["effect"]);
    assert!(
        new.contains(&"ci api.item.delete: deny -> allow".to_owned()),
        "{new:?}"
    );
    let revision = problem["revision"].as_str().unwrap();
    let (status, _) = gateway
        .admin_if("/api/v1/permissions", revision, &wider)
        .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_file_that_changes_after_a_preview_is_seen_by_its_write() {
    let base = "policies: [{ id: base, actions: [api.item.delete], decision: deny }]\n";
    let gateway = Builder::new()
        .connector("api", CONNECTOR)
        .policy("base", base)
        .start()
        .await;
    let rule = json!({ "agents": ["ci"], "connector": "api", "access": "read_only" });
    let path = "/api/v1/permissions";
    let (_, preview) = gateway
        .admin(Method::POST, &format!("{path}?dry_run=true"), &rule)
        .await;
    gateway
        .write(
            "policies.d/new.yaml",
            "policies: [{ id: stop, actions: [api.item.get], decision: deny }]\n",
        )
        .await;
    let revision = preview["revision"].as_str().unwrap();
    let (status, problem) = gateway.admin_if(path, revision, &rule).await;
    assert_eq!(status, 412, "{problem}");
    assert_eq!(problem["effect"]["changes"], json!([]));
}

#[tokio::test]
async fn a_policy_of_the_store_is_judged_by_once_it_is_answered_and_a_bad_one_is_told_whole() {
    let gateway = start().await;
    let rule = json!({ "agents": ["ci"], "connector": "api", "access": "full" });
    gateway
        .admin(Method::POST, "/api/v1/permissions", &rule)
        .await;
    let policy = json!({ "actions": ["api.item.delete"], "when": "params.item == \"1\"", "decision": "deny" });
    let (status, set) = gateway
        .admin(Method::PUT, "/api/v1/policies/keep-one", &policy)
        .await;
    assert_eq!(status, 200, "{set}");
    let change = &set["effect"]["changes"][0];
    assert_eq!(change["action"], "api.item.delete");
    assert_eq!(
        change["now"],
        json!({ "decision": "allow", "cases": [{ "when": ["params.item == \"1\""], "decision": "deny" }] })
    );
    let (_, listed) = gateway
        .admin(Method::GET, "/api/v1/policies?hits_since=1h", &Json::Null)
        .await;
    assert_eq!(listed["policies"][0]["id"], "keep-one");
    assert_eq!(
        (
            &listed["policies"][0]["from"],
            &listed["policies"][0]["hits"]
        ),
        (&json!("store"), &json!(0))
    );
    let bad =
        json!({ "actions": ["api.itme.*"], "when": "params.nothing == 1", "decision": "deny" });
    let (status, problem) = gateway
        .admin(Method::PUT, "/api/v1/policies/bad", &bad)
        .await;
    assert_eq!(
        (status, &problem["code"]),
        (422, &json!("policy_refused")),
        "{problem}"
    );
    assert!(!problem["diagnostics"].as_array().unwrap().is_empty());
    let (status, removed) = gateway
        .admin(Method::DELETE, "/api/v1/policies/keep-one", &Json::Null)
        .await;
    assert_eq!(status, 200, "{removed}");
    // Without a guard, `full` covers what no route matches too.
    assert_eq!(
        pairs(&removed["effect"]),
        [
            "ci api.item.delete: allow -> allow",
            "ci api.unknown: deny -> allow"
        ]
    );
}

const RULE: &str = "/api/v1/permissions";

/// Sets two permissions of the store, and returns their numbers.
async fn two_permissions(gateway: &Gateway) -> (i64, i64) {
    let mut ids = Vec::new();
    for agent in ["ci", "default"] {
        let rule = json!({ "agents": [agent], "connector": "api", "access": "read_only" });
        let (status, set) = gateway.admin(Method::POST, RULE, &rule).await;
        assert_eq!(status, 200, "{set}");
        ids.push(set["id"].as_i64().unwrap());
    }
    (ids[0], ids[1])
}

#[tokio::test]
async fn a_precondition_that_cannot_be_read_or_checked_is_not_passed_over() {
    let gateway = start().await;
    let (id, _) = two_permissions(&gateway).await;
    let policy = json!({ "actions": ["api.item.get"], "decision": "deny" });
    let path = "/api/v1/policies/stop";
    assert_eq!(gateway.admin(Method::PUT, path, &policy).await.0, 200);
    for path in [format!("{RULE}/{id}"), path.to_owned()] {
        for bad in [&b"caf\xc3\xa9"[..], b"", b"\"1\", \"2\""] {
            let headers = [("if-match", bad)];
            let call = (Method::DELETE, path.as_str());
            let (status, kind, problem) = gateway.admin_with(call, &headers, &Json::Null).await;
            assert_eq!((status, &problem["field"]), (400, &json!("if-match")));
            assert_eq!(kind, "application/problem+json");
        }
    }
    // A revision of whole files is not that of files with errors.
    let preview = format!("{RULE}/{id}?dry_run=true");
    let (_, preview) = gateway.admin(Method::DELETE, &preview, &Json::Null).await;
    gateway
        .write("connectors.d/api.yaml", "connector: api\nroutes: [\n")
        .await;
    let revision = preview["revision"].as_str().unwrap().as_bytes();
    for path in [format!("{RULE}/{id}"), path.to_owned()] {
        let headers = [("if-match", revision)];
        let call = (Method::DELETE, path.as_str());
        let (status, _, problem) = gateway.admin_with(call, &headers, &Json::Null).await;
        assert_eq!(
            (status, &problem["code"]),
            (412, &json!("changed_meanwhile"))
        );
    }
}

#[tokio::test]
async fn a_permission_does_not_take_the_place_of_another() {
    let gateway = start().await;
    let (id, other) = two_permissions(&gateway).await;
    let rule = json!({ "agents": ["default"], "connector": "api", "access": "full" });
    for path in [format!("{RULE}/{id}"), format!("{RULE}/{id}?dry_run=true")] {
        let (status, problem) = gateway.admin(Method::PUT, &path, &rule).await;
        assert_eq!((status, &problem["code"]), (409, &json!("exists")));
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("permission {other}")), "{detail}");
    }
}

#[tokio::test]
async fn candidates_are_replayed_against_records_and_change_nothing() {
    let gateway = start().await;
    let rule = json!({ "agents": ["ci"], "connector": "api", "access": "read_only" });
    gateway.admin(Method::POST, RULE, &rule).await;
    let mut tls = gateway.agent.tls_tunnel("api.test:443", "api.test").await;
    let request = "DELETE /items/1 HTTP/1.1\r\nHost: api.test\r\n\r\n";
    crate::support::agent::exchange(&mut tls, request).await;
    let candidates = json!({
        "since": "1h",
        "permissions": [{ "agents": ["ci"], "connector": "api", "access": "full" }],
    });
    let (status, found) = gateway
        .admin(Method::POST, "/api/v1/replay", &candidates)
        .await;
    assert_eq!(status, 200, "{found}");
    let change = &found["changes"][0];
    assert_eq!(
        (&change["was"], &change["now"]),
        (&json!("deny"), &json!("allow"))
    );
    assert_eq!(
        (&change["agent"], &change["count"]),
        (&json!("ci"), &json!(1))
    );
    let (_, list) = gateway.admin(Method::GET, RULE, &Json::Null).await;
    assert!(!list.to_string().contains("full"), "{list}");
    // What rules changed since the record is not blamed on candidates.
    let full = json!({ "agents": ["ci"], "connector": "api", "access": "full" });
    gateway.admin(Method::POST, RULE, &full).await;
    let (_, found) = gateway
        .admin(Method::POST, "/api/v1/replay", &json!({ "since": "1h" }))
        .await;
    assert_eq!(found["changes"], json!([]), "{found}");
    assert_eq!(found["recorded_otherwise"], 1, "{found}");
    let bad = json!({ "policies": [{ "id": "x", "actions": ["api.itme"], "decision": "deny", "when": "1 +" }] });
    let (status, problem) = gateway.admin(Method::POST, "/api/v1/replay", &bad).await;
    assert_eq!(
        (status, &problem["code"]),
        (422, &json!("candidates_refused"))
    );
    assert!(!problem["diagnostics"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_write_that_may_only_add_replaces_nothing() {
    let gateway = start().await;
    let policy = json!({ "actions": ["api.item.delete"], "decision": "deny" });
    let permission = json!({ "agents": ["ci"], "connector": "api", "access": "read_only" });
    for (method, path, body) in [
        (Method::PUT, "/api/v1/policies/kept", &policy),
        (Method::POST, "/api/v1/permissions", &permission),
    ] {
        let add = async |path: &str, precondition: &'static [u8]| {
            let headers: &[(&str, &[u8])] = &[("if-none-match", precondition)];
            let (status, _, answer) = gateway
                .admin_with((method.clone(), path), headers, body)
                .await;
            (status, answer)
        };
        let (status, problem) = add(path, b"\"1\"").await;
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!("if-none-match")),
            "{problem}"
        );
        let (status, added) = add(path, b"*").await;
        assert_eq!(status, 200, "{added}");
        for path in [path.to_owned(), format!("{path}?dry_run=true")] {
            let (status, problem) = add(&path, b"*").await;
            assert_eq!(
                (status, &problem["code"]),
                (412, &json!("exists")),
                "{path}: {problem}"
            );
        }
    }
}
