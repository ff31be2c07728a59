//! The resources of the admin API: who may call what, and that a change takes effect before its answer and is recorded.

use http::Method;
use serde_json::{Value as Json, json};

use crate::support::agent::exchange;
use crate::support::gateway::{Builder, Gateway};
use crate::support::tollgate::Shell;

const OPERATORS: [(&str, &str); 4] = [
    ("viewer", "tgo_viewer_0123456789abcdef0123456789"),
    ("approver", "tgo_approver_0123456789abcdef01234567"),
    ("editor", "tgo_editor_0123456789abcdef0123456789"),
    ("owner", "tgo_owner_0123456789abcdef01234567890"),
];

/// Each operation, and the least role that may call it.
const ROLES: &[(&str, &str, &str)] = &[
    ("get", "/api/v1/status", "viewer"),
    ("get", "/api/v1/config", "viewer"),
    ("post", "/api/v1/sync", "viewer"),
    ("get", "/api/v1/run/{agent}", "editor"),
    ("post", "/api/v1/explain", "viewer"),
    ("get", "/api/v1/kill-switch", "viewer"),
    ("put", "/api/v1/kill-switch/{scope}", "approver"),
    ("delete", "/api/v1/kill-switch/{scope}", "editor"),
    ("put", "/api/v1/kill-switch/{scope}/{name}", "approver"),
    ("delete", "/api/v1/kill-switch/{scope}/{name}", "editor"),
    ("get", "/api/v1/approvals", "viewer"),
    ("get", "/api/v1/approvals/{id}", "viewer"),
    ("post", "/api/v1/approvals/{id}/approve", "approver"),
    ("post", "/api/v1/approvals/{id}/deny", "approver"),
    ("get", "/api/v1/agents", "viewer"),
    ("post", "/api/v1/agents", "editor"),
    ("patch", "/api/v1/agents/{name}", "editor"),
    ("delete", "/api/v1/agents/{name}", "editor"),
    ("get", "/api/v1/agents/{name}/tokens", "viewer"),
    ("post", "/api/v1/agents/{name}/tokens", "editor"),
    ("delete", "/api/v1/agents/{name}/tokens/{id}", "editor"),
    ("get", "/api/v1/connectors", "viewer"),
    ("get", "/api/v1/connectors/{id}", "viewer"),
    ("get", "/api/v1/connectors/{id}/health", "viewer"),
    ("post", "/api/v1/connectors/{id}/health", "editor"),
    ("get", "/api/v1/credentials", "viewer"),
    ("post", "/api/v1/credentials", "editor"),
    ("get", "/api/v1/credentials/{id}", "viewer"),
    ("post", "/api/v1/credentials/{id}/rebind", "editor"),
    ("delete", "/api/v1/credentials/{id}", "editor"),
    ("get", "/api/v1/credentials/health", "viewer"),
    ("post", "/api/v1/credentials/{id}/rotate", "editor"),
    ("post", "/api/v1/credentials/{id}/test", "editor"),
    ("get", "/api/v1/operators", "viewer"),
    ("post", "/api/v1/operators", "owner"),
    ("delete", "/api/v1/operators/{name}", "owner"),
    ("post", "/api/v1/operators/{name}/rotate", "owner"),
    ("get", "/api/v1/permissions", "viewer"),
    ("post", "/api/v1/permissions", "editor"),
    ("put", "/api/v1/permissions/{id}", "editor"),
    ("delete", "/api/v1/permissions/{id}", "editor"),
    ("get", "/api/v1/policies", "viewer"),
    ("get", "/api/v1/policies/{id}", "viewer"),
    ("put", "/api/v1/policies/{id}", "editor"),
    ("delete", "/api/v1/policies/{id}", "editor"),
    ("post", "/api/v1/replay", "viewer"),
    ("get", "/api/v1/connectors/{id}/suggestions", "viewer"),
    ("post", "/api/v1/connectors/{id}/coverage", "viewer"),
    ("get", "/api/v1/records", "viewer"),
    ("get", "/api/v1/records/stream", "viewer"),
    ("get", "/api/v1/records/export", "viewer"),
    ("get", "/api/v1/records/{request_id}", "viewer"),
    ("post", "/api/v1/journal/verify", "viewer"),
    ("get", "/api/v1/metrics/summary", "viewer"),
    ("get", "/api/v1/journal/verify", "viewer"),
];

async fn start() -> Gateway {
    OPERATORS
        .iter()
        .fold(Builder::new(), |builder, (role, token)| {
            builder.operator(role, role, token)
        })
        .start()
        .await
}

#[tokio::test]
async fn each_operation_has_the_role_of_the_table() {
    let gateway = start().await;
    let (_, described) = gateway
        .admin(Method::GET, "/api/v1/openapi.json", &Json::Null)
        .await;
    let mut found: Vec<(String, String, String)> = Vec::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let role = operation["x-role"].as_str().unwrap().to_owned();
            found.push((method.clone(), path.clone(), role));
        }
    }
    found.sort();
    let owned = |text: &str| text.to_owned();
    let mut wanted: Vec<_> = ROLES
        .iter()
        .map(|(method, path, role)| (owned(method), owned(path), owned(role)))
        .collect();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn each_operation_may_be_called_by_its_role_and_those_above_and_by_nobody_else() {
    let gateway = start().await;
    let braces = regex::Regex::new(r"\{[a-z_]+\}").unwrap();
    for (method, template, needed) in ROLES {
        let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        // Nothing of this name is there, so nothing changes.
        let path = braces.replace_all(template, "0");
        // A stream would not end, and an export is not JSON.
        let path = match &*path {
            "/api/v1/records/stream" | "/api/v1/records/export" => format!("{path}?risk=none"),
            _ => path.into_owned(),
        };
        let call = async |token: &str| {
            let (status, answer) = gateway
                .admin_as(token, verb.clone(), &path, &json!({}))
                .await;
            (status, answer["code"].clone())
        };
        assert_eq!(call("tgo_nobody").await, (401, json!("operator_required")));
        let least = OPERATORS.iter().position(|(role, _)| role == needed);
        for (rank, (role, token)) in OPERATORS.iter().enumerate() {
            let (status, code) = call(token).await;
            if Some(rank) < least {
                let refused = (403, json!("role_required"));
                assert_eq!((status, code), refused, "{role}: {method} {template}");
            } else {
                assert!(
                    ![401, 403, 405, 500].contains(&status),
                    "{role}: {method} {template}: {status} {code}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_token_works_when_it_is_answered_is_listed_and_fails_once_revoked() {
    let gateway = start().await;
    let (status, added) = gateway
        .admin(
            Method::POST,
            "/api/v1/agents",
            &json!({ "name": "build", "labels": { "team": "web" } }),
        )
        .await;
    assert_eq!(status, 201, "{added}");
    let (_, second) = gateway
        .admin(
            Method::POST,
            "/api/v1/agents/build/tokens",
            &json!({ "expires_in": 3600 }),
        )
        .await;
    assert!(second["expires_at"].is_string(), "{second}");
    let asked = "GET http://tollgate.internal/whoami HTTP/1.1\r\nHost: tollgate.internal\r\n";
    let whoami = async |token: &Json| {
        let agent = gateway.other("build", token.as_str().unwrap());
        let request = format!("{asked}{}\r\n", agent.authorization());
        exchange(&mut agent.connect().await, &request).await.status
    };
    assert_eq!(whoami(&added["token"]).await, 200);
    assert_eq!(whoami(&second["token"]).await, 200);
    let path = "/api/v1/agents/build/tokens";
    let (_, listed) = gateway.admin(Method::GET, path, &Json::Null).await;
    let tokens = listed["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 2, "{listed}");
    let named = tokens.iter().find(|token| token["id"] == second["id"]);
    let named = named.unwrap();
    assert!(named["used_at"].is_string() && named["created_at"].is_string());
    assert_eq!(named["expires_at"], second["expires_at"]);
    assert!(!listed.to_string().contains("tga_"));
    let id = second["id"].as_str().unwrap();
    let (status, _) = gateway
        .admin(Method::DELETE, &format!("{path}/{id}"), &Json::Null)
        .await;
    assert_eq!(status, 200);
    assert_eq!(whoami(&second["token"]).await, 407);
    assert_eq!(whoami(&added["token"]).await, 200);
    let changes = gateway.changed(3).await;
    let said: Vec<_> = changes
        .iter()
        .map(|body| {
            (
                body["what"].as_str().unwrap(),
                body["operator"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("agent.add", "local"),
            ("agent.token.add", "local"),
            ("agent.token.revoke", "local")
        ]
    );
}

#[tokio::test]
async fn an_operator_works_at_once_is_rotated_and_ends_with_its_removal() {
    let gateway = start().await;
    let new = json!({ "name": "ada", "role": "editor", "groups": ["finance"] });
    let (status, added) = gateway.admin(Method::POST, "/api/v1/operators", &new).await;
    assert_eq!(status, 201, "{added}");
    let list = async |token: &Json| {
        let token = token.as_str().unwrap();
        gateway
            .admin_as(token, Method::GET, "/api/v1/agents", &Json::Null)
            .await
            .0
    };
    assert_eq!(list(&added["token"]).await, 200);
    let (_, again) = gateway
        .admin(Method::POST, "/api/v1/operators/ada/rotate", &Json::Null)
        .await;
    assert_eq!(list(&added["token"]).await, 401);
    assert_eq!(list(&again["token"]).await, 200);
    let (_, listed) = gateway
        .admin(Method::GET, "/api/v1/operators", &Json::Null)
        .await;
    assert!(!listed.to_string().contains("tgo_"), "{listed}");
    let removed = gateway
        .admin(Method::DELETE, "/api/v1/operators/ada", &Json::Null)
        .await;
    assert_eq!(removed.0, 200);
    assert_eq!(list(&again["token"]).await, 401);
    for (name, code) in [
        ("viewer", "declared"),
        ("local", "local"),
        ("x", "unknown_operator"),
    ] {
        let path = format!("/api/v1/operators/{name}");
        let (_, problem) = gateway.admin(Method::DELETE, &path, &Json::Null).await;
        assert_eq!(problem["code"], code);
    }
}

#[tokio::test]
async fn lists_come_in_pages_and_bodies_that_do_not_fit_name_the_field() {
    let gateway = start().await;
    for name in ["a", "b", "c"] {
        let new = json!({ "name": name });
        gateway.admin(Method::POST, "/api/v1/agents", &new).await;
    }
    let mut names = Vec::new();
    let mut path = "/api/v1/agents?limit=2".to_owned();
    loop {
        let (_, page) = gateway.admin(Method::GET, &path, &Json::Null).await;
        let agents = page["agents"].as_array().unwrap();
        assert!(agents.len() <= 2);
        names.extend(agents.iter().map(|agent| agent["name"].clone()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/v1/agents?limit=2&cursor={next}");
    }
    assert_eq!(names, ["ci", "a", "b", "c", "default"].map(Json::from));
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": "Upper" }), "name"),
        (json!({ "name": "a", "nam": 1 }), "nam"),
        (json!({ "name": "x", "expires_in": 0 }), "expires_in"),
    ] {
        let (status, problem) = gateway.admin(Method::POST, "/api/v1/agents", &body).await;
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!(field)),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn changes_by_two_operators_through_api_and_commands_are_all_made_and_all_recorded() {
    let gateway = start().await;
    let shell = Shell::at(&gateway.path(""));
    let (_, editor) = OPERATORS[2];
    let (_, owner) = OPERATORS[3];
    let by_api = async |token: &'static str, who: &'static str| {
        for number in 0..6 {
            let new = json!({ "name": format!("{who}-{number}") });
            let (status, _) = gateway
                .admin_as(token, Method::POST, "/api/v1/agents", &new)
                .await;
            assert_eq!(status, 201);
            if number % 2 == 0 {
                let path = format!("/api/v1/agents/{who}-{number}");
                let done = gateway
                    .admin_as(token, Method::DELETE, &path, &Json::Null)
                    .await;
                assert_eq!(done.0, 200);
            }
        }
    };
    let by_command = async {
        for number in 0..4 {
            shell
                .json(&format!("--json agent add command-{number}"))
                .await;
        }
    };
    tokio::join!(by_api(editor, "editor"), by_api(owner, "owner"), by_command);
    let (_, listed) = gateway
        .admin(Method::GET, "/api/v1/agents", &Json::Null)
        .await;
    // Three of six each, four by commands, `ci` and `default`.
    assert_eq!(listed["agents"].as_array().unwrap().len(), 3 + 3 + 4 + 2);
    let changes = gateway.changed(9 + 9 + 4).await;
    for (who, count) in [("editor", 9), ("owner", 9), ("local", 4)] {
        let by = changes.iter().filter(|change| change["operator"] == who);
        assert_eq!(by.count(), count, "{who}");
    }
}

#[tokio::test]
async fn a_change_without_a_gateway_is_recorded_by_the_next_one() {
    let mut gateway = start().await;
    gateway
        .stop(std::time::Duration::from_secs(20))
        .await
        .unwrap();
    let shell = Shell::at(&gateway.path(""));
    shell.json("--json --offline agent add alone").await;
    let gateway = gateway.restarted().await;
    let changes = gateway.changed(1).await;
    assert_eq!(changes[0]["what"], "agent.add");
    assert_eq!(changes[0]["agent"], "alone");
    let operator = changes[0]["operator"].as_str().unwrap();
    assert!(
        operator.starts_with("uid ") && operator.ends_with(", offline"),
        "{operator}"
    );
}

#[tokio::test]
async fn what_rules_name_is_removed_with_them_or_not_at_all() {
    let gateway = start().await;
    let new = json!({ "name": "build" });
    gateway.admin(Method::POST, "/api/v1/agents", &new).await;
    let rule = json!({ "agents": ["build", "ci"], "connector": "*", "access": "read_only" });
    let (status, set) = gateway
        .admin(Method::POST, "/api/v1/permissions", &rule)
        .await;
    assert_eq!(status, 200, "{set}");
    let path = "/api/v1/agents/build";
    let (status, problem) = gateway.admin(Method::DELETE, path, &Json::Null).await;
    assert_eq!((status, &problem["code"]), (409, &json!("named")));
    assert_eq!(problem["named_by"].as_array().unwrap().len(), 1);
    let cascading = format!("{path}?cascade=true");
    let (status, removed) = gateway.admin(Method::DELETE, &cascading, &Json::Null).await;
    assert_eq!(status, 200, "{removed}");
    let (_, left) = gateway
        .admin(Method::GET, "/api/v1/permissions", &Json::Null)
        .await;
    let mut left = left["permissions"].as_array().unwrap().iter();
    assert!(left.any(|permission| permission["agents"] == json!(["ci"])));
}

#[tokio::test]
async fn a_removal_between_two_pages_hides_nothing_of_the_second() {
    let gateway = start().await;
    for name in ["a", "b", "c", "e"] {
        let new = json!({ "name": name });
        gateway.admin(Method::POST, "/api/v1/agents", &new).await;
    }
    let first = "/api/v1/agents?limit=3";
    let (_, page) = gateway.admin(Method::GET, first, &Json::Null).await;
    let names = |page: &Json| -> Vec<String> {
        let agents = page["agents"].as_array().unwrap().iter();
        agents
            .map(|agent| agent["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&page), ["ci", "a", "b"]);
    for name in ["a", "b"] {
        let path = format!("/api/v1/agents/{name}");
        gateway.admin(Method::DELETE, &path, &Json::Null).await;
    }
    let new = json!({ "name": "d" });
    gateway.admin(Method::POST, "/api/v1/agents", &new).await;
    let next = page["next"].as_str().unwrap();
    let path = format!("{first}&cursor={next}");
    let (_, page) = gateway.admin(Method::GET, &path, &Json::Null).await;
    assert_eq!(names(&page), ["c", "d", "default"]);
}

#[tokio::test]
async fn tokens_that_env_and_run_make_are_recorded() {
    let gateway = start().await;
    let shell = Shell::at(&gateway.path(""));
    let shown = shell
        .play(
            "tollgate env --agent ci --new-token --format json
             tollgate run --agent ci -- true",
        )
        .await;
    assert!(!shown.contains("[exit"), "{shown}");
    let changes = gateway.changed(3).await;
    let said = |change: &Json| {
        let text = |key: &str| change[key].as_str().unwrap().to_owned();
        (text("what"), text("agent"))
    };
    let ci = |what: &str| (what.to_owned(), "ci".to_owned());
    let (added, revoked) = (ci("agent.token.add"), ci("agent.token.revoke"));
    let said: Vec<_> = changes.iter().map(said).collect();
    assert_eq!(said, [added.clone(), added, revoked]);
    let by = changes[1]["operator"].as_str().unwrap();
    assert!(by.ends_with(", run"), "{by}");
}

#[test]
fn what_answers_a_token_does_not_show_it_in_a_log() {
    use tollgate::admin::ShownToken;
    use tollgate::admin::service::tokens::AddedToken;
    let added = AddedToken {
        id: "0123".to_owned(),
        token: ShownToken::new("tga_secret"),
        expires_at: None,
        warnings: Vec::new(),
    };
    assert!(!format!("{added:?}").contains("tga_secret"));
    assert_eq!(json!(added)["token"], "tga_secret");
}
