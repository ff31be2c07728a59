//! The API's description: what the gateway serves, what lies in `schemas/`, and what handlers answer are the same.

use http::Method;
use serde_json::{Value as Json, json};

use crate::support::gateway::Builder;

/// Returns what keeps a value from being what a schema says.
fn misfit(root: &Json, schema: &Json, value: &Json) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.trim_start_matches('#');
        let schema = root.pointer(pointer).unwrap_or_else(|| panic!("no {name}"));
        return misfit(root, schema, value);
    }
    for (key, one_is_enough) in [("allOf", false), ("oneOf", true)] {
        let Some(all) = schema[key].as_array() else {
            continue;
        };
        let misfits: Vec<_> = all.iter().map(|part| misfit(root, part, value)).collect();
        return if one_is_enough && misfits.contains(&None) {
            None
        } else {
            misfits.into_iter().flatten().next()
        };
    }
    let types: Vec<&str> = match &schema["type"] {
        Json::String(one) => vec![one.as_str()],
        Json::Array(several) => several.iter().filter_map(Json::as_str).collect(),
        _ => return None,
    };
    let kind = match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_f64() => "number",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    if !types.contains(&kind) {
        return Some(format!("{value} is not {types:?}"));
    }
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Json::as_str) {
        if value.get(name).is_none() {
            return Some(format!("`{name}` is missing in {value}"));
        }
    }
    let mut properties = schema["properties"].as_object().into_iter().flatten();
    let wrong = properties.find_map(|(name, schema)| misfit(root, schema, value.get(name)?));
    let mut items = value.as_array().into_iter().flatten();
    wrong.or_else(|| items.find_map(|item| misfit(root, &schema["items"], item)))
}

/// Calls that meet answers and refusals: method, path as described, what stands in its braces, and body.
fn calls() -> Vec<(&'static str, &'static str, &'static str, Json)> {
    let none = Json::Null;
    let permission = json!({ "agents": ["ci"], "connector": "*", "access": "read_only" });
    let policy = json!({ "actions": ["*"], "decision": "require_approval" });
    let agent = json!({ "name": "build" });
    let operator = json!({ "name": "ada", "role": "viewer" });
    let explain = json!({ "agent": "ci", "method": "GET", "url": "https://acme.atlassian.net/rest/api/3/myself" });
    let mut calls = vec![
        ("POST", "/api/v1/agents", "", agent.clone()),
        ("POST", "/api/v1/agents", "", agent),
        ("PATCH", "/api/v1/agents/{name}", "build", none.clone()),
        (
            "POST",
            "/api/v1/agents/{name}/tokens",
            "build",
            none.clone(),
        ),
        ("POST", "/api/v1/operators", "", operator),
        (
            "POST",
            "/api/v1/operators/{name}/rotate",
            "ada",
            none.clone(),
        ),
        ("POST", "/api/v1/permissions", "", permission),
        ("POST", "/api/v1/permissions", "", none.clone()),
        ("PUT", "/api/v1/policies/{id}", "ask", policy),
        ("POST", "/api/v1/explain", "", explain),
        ("POST", "/api/v1/journal/verify", "", none.clone()),
        ("POST", "/api/v1/replay", "", json!({ "since": "1h" })),
        ("POST", "/api/v1/replay", "", json!({ "policies": [{}] })),
        (
            "POST",
            "/api/v1/connectors/{id}/coverage",
            "jira",
            json!({ "description": "x" }),
        ),
        ("GET", "/api/v1/journal/verify", "", none.clone()),
        (
            "POST",
            "/api/v1/credentials?dry_run=true",
            "",
            json!({ "connector": "github" }),
        ),
        (
            "POST",
            "/api/v1/credentials",
            "",
            json!({ "connector": "github", "fields": { "token": "ghp_0123456789abcdef" } }),
        ),
        (
            "POST",
            "/api/v1/credentials",
            "",
            json!({ "connector": "github", "id": "b", "fields": { "token": "x" } }),
        ),
        (
            "POST",
            "/api/v1/credentials",
            "",
            json!({ "connector": "none" }),
        ),
        (
            "POST",
            "/api/v1/credentials/{id}/rebind",
            "github",
            none.clone(),
        ),
        (
            "POST",
            "/api/v1/credentials/{id}/rotate",
            "github",
            json!({ "fields": {} }),
        ),
        (
            "POST",
            "/api/v1/credentials/{id}/rotate",
            "none",
            json!({ "fields": {} }),
        ),
    ];
    let without_body = [
        ("GET", "/api/v1/agents", ""),
        ("GET", "/api/v1/agents/{name}/tokens", "build"),
        ("GET", "/api/v1/agents/{name}/tokens", "nobody"),
        ("DELETE", "/api/v1/agents/{name}/tokens/{id}", "build"),
        ("GET", "/api/v1/operators", ""),
        ("DELETE", "/api/v1/operators/{name}", "ada"),
        ("GET", "/api/v1/permissions", ""),
        ("DELETE", "/api/v1/permissions/{id}", "99"),
        ("DELETE", "/api/v1/permissions/{id}", "x"),
        ("PUT", "/api/v1/permissions/{id}", "%ff"),
        ("DELETE", "/api/v1/agents/{name}", "%ff"),
        ("GET", "/api/v1/policies", ""),
        ("GET", "/api/v1/policies/{id}", "ask"),
        ("DELETE", "/api/v1/policies/{id}", "ask"),
        ("GET", "/api/v1/credentials", ""),
        ("GET", "/api/v1/credentials/{id}", "github"),
        ("GET", "/api/v1/credentials/{id}", "none"),
        ("DELETE", "/api/v1/credentials/{id}", "none"),
        ("GET", "/api/v1/connectors", ""),
        ("GET", "/api/v1/connectors/{id}", "jira"),
        ("GET", "/api/v1/connectors/{id}", "none"),
        ("GET", "/api/v1/connectors/{id}/suggestions", "jira"),
        ("GET", "/api/v1/records", ""),
        ("GET", "/api/v1/records/{request_id}", "x"),
        ("GET", "/api/v1/status", ""),
        ("GET", "/api/v1/config", ""),
        ("GET", "/api/v1/metrics/summary", ""),
        ("GET", "/api/v1/run/{agent}", "ci"),
        ("PUT", "/api/v1/kill-switch/{scope}", "all"),
        ("GET", "/api/v1/kill-switch", ""),
        ("DELETE", "/api/v1/kill-switch/{scope}", "all"),
        ("GET", "/api/v1/approvals", ""),
        ("GET", "/api/v1/approvals/{id}", "none"),
        ("DELETE", "/api/v1/agents/{name}", "build"),
    ];
    let without_body = without_body.into_iter();
    calls.extend(without_body.map(|(method, path, name)| (method, path, name, none.clone())));
    calls
}

#[tokio::test]
async fn each_answer_is_what_the_description_says() {
    let gateway = Builder::new().start().await;
    let (_, served) = gateway
        .admin(Method::GET, "/api/v1/openapi.json", &Json::Null)
        .await;
    let braces = regex::Regex::new(r"\{[a-z_]+\}").unwrap();
    for (method, template, name, body) in calls() {
        let path = braces.replace_all(template, name);
        let verb = Method::from_bytes(method.as_bytes()).unwrap();
        let (status, kind, answer) = gateway.admin_with((verb, &path), &[], &body).await;
        let template = template.split('?').next().unwrap();
        let operation = &served["paths"][template][method.to_lowercase()];
        let response = &operation["responses"][status.to_string()];
        assert!(
            response.is_object(),
            "{method} {template} does not describe {status}: {answer}"
        );
        let content = &response["content"][&kind];
        assert!(
            content.is_object(),
            "{method} {template} {status} does not describe {kind}"
        );
        let misfit = misfit(&served, &content["schema"], &answer);
        assert_eq!(misfit, None, "{method} {template} {status}");
    }
}

#[test]
fn the_description_in_the_repository_is_the_one_that_is_served() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/admin.openapi.json");
    let written: Json = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(
        written == tollgate::admin::description(),
        "run `tollgate schema --write`"
    );
}
