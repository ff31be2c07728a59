//! The policy builder: what a form makes, its effect before it is saved, and two operators at once.

use http::Method;
use serde_json::{Value as Json, json};

use crate::support::browser::{Browser, Page};
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
    Builder::new()
        .connector("api", CONNECTOR)
        .policy(
            "open",
            "permissions: [{ agents: [ci], connector: api, access: full }]\npolicies: [{ id: by-hand, actions: [api.item.get], when: 'agent.name == \"x\" || agent.name == \"y\"', decision: deny, reason: 'Written by hand.' }]",
        )
        .start()
        .await
}

fn deny(id: &str, value: &str) -> Vec<(&'static str, String)> {
    vec![
        ("kind", "policy".to_owned()),
        ("id", id.to_owned()),
        ("agents", "ci".to_owned()),
        ("actions", "api.item.delete".to_owned()),
        ("condition", "rows".to_owned()),
        ("field", "item".to_owned()),
        ("operator", "starts_with".to_owned()),
        ("value", value.to_owned()),
        ("type", String::new()),
        ("decision", "deny".to_owned()),
        ("reason", "Not these.".to_owned()),
    ]
}

async fn send(browser: &Browser, path: &str, fields: &[(&'static str, String)]) -> Page {
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    browser.post(path, &fields).await
}

fn revision(page: &Page) -> String {
    let (_, rest) = page.text.split_once("name=\"revision\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

async fn policy(gateway: &Gateway, id: &str) -> Json {
    let (_, list) = gateway
        .admin(Method::GET, "/api/v1/policies", &Json::Null)
        .await;
    let list = list["policies"].as_array().unwrap().clone();
    list.into_iter()
        .find(|policy| policy["id"] == id)
        .unwrap_or_default()
}

#[tokio::test]
async fn a_policy_is_previewed_saved_and_read_back_as_rows() {
    let gateway = start().await;
    let browser = Browser::owner(&gateway).await;
    let mut fields = deny("no-prod", "prod-");
    let preview = send(&browser, "/policies/preview", &fields).await;
    assert_eq!(preview.status, 200);
    let cel = "(!has(params.item) || params.item.startsWith(&#34;prod-&#34;))";
    assert!(preview.text.contains(cel), "{}", preview.text);
    assert!(
        preview
            .text
            .contains("<pre id=\"made-yaml\">policies:\n  - id: no-prod\n"),
        "{}",
        preview.text
    );
    assert!(
        preview.text.contains("<code>api.item.delete</code>"),
        "{}",
        preview.text
    );
    assert_eq!(policy(&gateway, "no-prod").await, Json::Null);

    let early = send(&browser, "/policies/save", &fields).await;
    assert!(
        early.text.contains("Look at the effect first"),
        "{}",
        early.text
    );
    assert_eq!(policy(&gateway, "no-prod").await, Json::Null);

    fields.push(("revision", revision(&preview)));
    let saved = send(&browser, "/policies/save", &fields).await;
    assert_eq!(
        (saved.status, saved.header("location")),
        (303, "/policies"),
        "{}",
        saved.text
    );
    let kept = policy(&gateway, "no-prod").await;
    assert_eq!(
        kept["when"],
        "(!has(params.item) || params.item.startsWith(\"prod-\"))"
    );
    assert_eq!(
        (&kept["decision"], &kept["agents"], &kept["from"]),
        (&json!("deny"), &json!(["ci"]), &json!("store"))
    );

    let open = browser.get("/policies/no-prod").await;
    assert!(
        open.text.contains("<input name=\"field\" value=\"item\""),
        "{}",
        open.text
    );
    assert!(open.text.contains("value=\"prod-\""));
    assert!(
        open.text
            .contains("<option value=\"starts_with\" selected>")
    );
    let list = browser.get("/policies").await;
    assert!(list.text.contains("never spoke"), "{}", list.text);
}

#[tokio::test]
async fn a_condition_of_another_form_stays_cel_and_a_file_keeps_its_policy() {
    let gateway = start().await;
    let browser = Browser::owner(&gateway).await;
    let open = browser.get("/policies/by-hand").await;
    assert_eq!(open.status, 200);
    assert!(
        open.text
            .contains("agent.name == &#34;x&#34; || agent.name == &#34;y&#34;</textarea>"),
        "{}",
        open.text
    );
    assert!(open.text.contains("change it there"), "{}", open.text);
    assert!(open.text.contains("value=\"cel\" checked"), "{}", open.text);
}

#[tokio::test]
async fn what_does_not_compile_is_told_with_its_place_and_not_saved() {
    let gateway = start().await;
    let browser = Browser::owner(&gateway).await;
    for (name, value, told) in [
        ("actions", "api.item.destroy", "api.item.destroy"),
        ("cel", "params.item ==", "policy is not kept"),
        ("field", "two words", "is not the name of a parameter"),
    ] {
        let mut fields = deny("broken", "x");
        fields.retain(|(known, _)| *known != name);
        if name == "cel" {
            fields.retain(|(known, _)| *known != "condition");
            fields.push(("condition", "cel".to_owned()));
        }
        fields.push((name, value.to_owned()));
        let preview = send(&browser, "/policies/preview", &fields).await;
        assert!(
            preview.text.contains("role=\"alert\""),
            "{name}: {}",
            preview.text
        );
        assert!(preview.text.contains(told), "{name}: {}", preview.text);
        fields.push(("revision", "1-0".to_owned()));
        let saved = send(&browser, "/policies/save", &fields).await;
        assert_eq!(saved.status, 409, "{name}");
        assert_eq!(policy(&gateway, "broken").await, Json::Null);
    }
}

#[tokio::test]
async fn two_operators_at_once_lose_nothing_and_see_the_new_effect() {
    let gateway = start().await;
    let (one, other) = (
        Browser::owner(&gateway).await,
        Browser::owner(&gateway).await,
    );
    let mut first = deny("first", "a");
    let mut second = deny("second", "b");
    first.push((
        "revision",
        revision(&send(&one, "/policies/preview", &first).await),
    ));
    second.push((
        "revision",
        revision(&send(&other, "/policies/preview", &second).await),
    ));
    assert_eq!(send(&one, "/policies/save", &first).await.status, 303);
    let refused = send(&other, "/policies/save", &second).await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.text.contains("changed since you looked"),
        "{}",
        refused.text
    );
    assert_eq!(policy(&gateway, "second").await, Json::Null);
    second.pop();
    second.push(("revision", revision(&refused)));
    assert_eq!(send(&other, "/policies/save", &second).await.status, 303);
    assert_eq!(policy(&gateway, "first").await["decision"], "deny");
    assert_eq!(policy(&gateway, "second").await["decision"], "deny");
}

#[tokio::test]
async fn a_policy_from_a_record_is_filled_in() {
    let gateway = start().await;
    let agent = gateway.agent.http1();
    // Nothing answers there, and the decision is recorded before that is known.
    let _ = agent.delete("https://api.test/items/prod-7").send().await;
    let decided = gateway.decided(1).await.remove(0);
    let browser = Browser::owner(&gateway).await;
    let id = decided["request_id"].as_str().unwrap();
    let record = browser.get(&format!("/activity/{id}")).await;
    assert_eq!(record.status, 200, "{}", record.text);
    for shown in [
        "api.item.delete",
        "prod-7",
        "DELETE api.test",
        "tests:\n",
        "tollgate run --agent ci -- curl",
    ] {
        assert!(record.text.contains(shown), "{shown}: {}", record.text);
    }
    let (_, rest) = record
        .text
        .split_once("href=\"/policies/new?kind=policy")
        .unwrap();
    let link = format!(
        "/policies/new?kind=policy{}",
        rest.split('"').next().unwrap()
    )
    .replace("&#38;", "&");
    let form = browser.get(&link).await;
    assert!(
        form.text.contains("name=\"agents\" value=\"ci\""),
        "{link}: {}",
        form.text
    );
    assert!(
        form.text.contains("name=\"value\" value=\"prod-7\""),
        "{}",
        form.text
    );
}

#[tokio::test]
async fn a_permission_for_single_actions_is_built_too() {
    let gateway = start().await;
    let browser = Browser::owner(&gateway).await;
    let fields = [
        ("kind", "permission"),
        ("agents", "ci"),
        ("actions", "jira.issue.get"),
        ("decision", "allow"),
        ("condition", "rows"),
    ];
    let preview = browser.post("/policies/preview", &fields).await;
    assert!(
        preview.text.contains(
            "<pre id=\"made-yaml\">permissions:\n  - agents: [ci]\n    allow: [jira.issue.get]\n"
        ),
        "{}",
        preview.text
    );
    let revision = revision(&preview);
    let fields: Vec<_> = fields
        .into_iter()
        .chain([("revision", revision.as_str())])
        .collect();
    let saved = browser.post("/policies/save", &fields).await;
    assert_eq!(
        (saved.status, saved.header("location")),
        (303, "/permissions"),
        "{}",
        saved.text
    );
    let (_, list) = gateway
        .admin(Method::GET, "/api/v1/permissions", &Json::Null)
        .await;
    assert!(
        list.to_string().contains("\"allow\":[\"jira.issue.get\"]"),
        "{list}"
    );
}

#[tokio::test]
async fn a_link_brings_nothing_that_the_form_does_not_show() {
    let gateway = start().await;
    let browser = Browser::owner(&gateway).await;
    let smuggled = "others=%7B%22decision%22:%22allow%22,%22shadow%22:true%7D&kept=by-link";
    let link = format!("/policies/new?id=by-link&actions=api.item.delete&decision=deny&{smuggled}");
    let form = browser.get(&link).await;
    assert_eq!(form.status, 200, "{}", form.text);
    assert!(form.text.contains("    decision: deny\n"), "{}", form.text);
    assert!(!form.text.contains("shadow"), "{}", form.text);
    assert!(
        form.text.contains("name=\"kept\" value=\"\""),
        "{}",
        form.text
    );
    assert!(!form.text.contains("readonly"), "{}", form.text);
}

#[tokio::test]
async fn keys_that_the_form_shows_are_read_from_nowhere_else() {
    let gateway = start().await;
    let browser = Browser::owner(&gateway).await;
    let mut fields = deny("plain", "prod-");
    let others = "{\"decision\":\"allow\",\"when\":\"true\",\"id\":\"another\",\"allow\":[\"*\"]}";
    fields.push(("others", others.to_owned()));
    let preview = send(&browser, "/policies/preview", &fields).await;
    fields.push(("revision", revision(&preview)));
    let saved = send(&browser, "/policies/save", &fields).await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let kept = policy(&gateway, "plain").await;
    assert_eq!(
        (&kept["decision"], kept.get("allow")),
        (&json!("deny"), None),
        "{kept}"
    );
    assert!(kept["when"].as_str().unwrap().contains("prod-"), "{kept}");
}

#[tokio::test]
async fn a_new_rule_replaces_none_that_is_kept() {
    let gateway = start().await;
    let browser = Browser::owner(&gateway).await;
    let mut first = deny("taken", "a");
    first.push((
        "revision",
        revision(&send(&browser, "/policies/preview", &first).await),
    ));
    assert_eq!(send(&browser, "/policies/save", &first).await.status, 303);

    let mut second = deny("taken", "b");
    let preview = send(&browser, "/policies/preview", &second).await;
    assert!(
        preview.text.contains("there is a policy `taken` already"),
        "{}",
        preview.text
    );
    second.push(("revision", "*".to_owned()));
    let refused = send(&browser, "/policies/save", &second).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(
        refused.text.contains("there is a policy `taken` already"),
        "{}",
        refused.text
    );
    let when = policy(&gateway, "taken").await["when"].to_string();
    assert!(when.contains("\\\"a\\\""), "{when}");

    // The one that was opened is replaced.
    second.retain(|(name, _)| *name != "revision");
    second.push(("kept", "taken".to_owned()));
    let preview = send(&browser, "/policies/preview", &second).await;
    second.push(("revision", revision(&preview)));
    assert_eq!(send(&browser, "/policies/save", &second).await.status, 303);
    let when = policy(&gateway, "taken").await["when"].to_string();
    assert!(when.contains("\\\"b\\\""), "{when}");

    let permission = [
        ("kind", "permission"),
        ("agents", "ci"),
        ("actions", "jira.issue.get"),
        ("decision", "allow"),
        ("condition", "rows"),
    ];
    for told in ["", "already"] {
        let preview = browser.post("/policies/preview", &permission).await;
        assert_eq!(
            preview.text.contains("there is permission"),
            !told.is_empty(),
            "{}",
            preview.text
        );
        let revision = if told.is_empty() {
            revision(&preview)
        } else {
            "*".to_owned()
        };
        let fields = permission.into_iter().chain([("revision", &*revision)]);
        let saved = browser
            .post("/policies/save", &fields.collect::<Vec<_>>())
            .await;
        let wanted = if told.is_empty() { 303 } else { 409 };
        assert_eq!(saved.status, wanted, "{}", saved.text);
    }
}

#[tokio::test]
async fn the_recorded_week_is_decided_again_before_a_rule_is_saved() {
    let gateway = start().await;
    let agent = gateway.agent.http1();
    for item in ["prod-1", "prod-2", "test-1"] {
        let url = format!("https://api.test/items/{item}");
        let _ = agent.delete(url).send().await;
    }
    gateway.decided(3).await;
    let browser = Browser::owner(&gateway).await;
    let mut fields = deny("no-prod", "prod-");
    let plain = send(&browser, "/policies/preview", &fields).await;
    assert!(!plain.text.contains("Would be"), "{}", plain.text);
    fields.push(("replay", "yes".to_owned()));
    let replayed = send(&browser, "/policies/preview", &fields).await;
    assert!(replayed.text.contains("Of 3 requests"), "{}", replayed.text);
    assert!(replayed.text.contains("<td>2</td>"), "{}", replayed.text);
    let baseline = "today's rules with today's rules and this one";
    assert!(replayed.text.contains(baseline), "{}", replayed.text);
    assert_eq!(
        policy(&gateway, "no-prod").await,
        Json::Null,
        "nothing is saved"
    );
}

#[tokio::test]
async fn a_policy_is_disabled_enabled_and_exported() {
    let gateway = start().await;
    let browser = Browser::owner(&gateway).await;
    let mut fields = deny("no-prod", "prod-");
    let preview = send(&browser, "/policies/preview", &fields).await;
    fields.push(("revision", revision(&preview)));
    assert_eq!(send(&browser, "/policies/save", &fields).await.status, 303);
    let decides = async |wanted: &str| {
        let asked =
            json!({ "agent": "ci", "method": "DELETE", "url": "https://api.test/items/prod-1" });
        let (_, told) = gateway.admin(Method::POST, "/api/v1/explain", &asked).await;
        assert_eq!(told["decision"], wanted, "{told}");
    };
    decides("deny").await;
    let path = "/policies/no-prod/switch";
    for (enabled, decision) in [("no", "allow"), ("yes", "deny")] {
        let asked = browser.post(path, &[("enabled", enabled)]).await;
        assert!(
            asked.text.contains("<code>api.item.delete</code>"),
            "{}",
            asked.text
        );
        let revision = revision(&asked);
        let form = [("enabled", enabled), ("revision", revision.as_str())];
        assert_eq!(browser.post(path, &form).await.status, 303);
        decides(decision).await;
        let list = browser.get("/policies").await;
        assert_eq!(
            list.text.contains(">disabled<"),
            enabled == "no",
            "{}",
            list.text
        );
    }
    let stale = [("enabled", "no"), ("revision", "1-0")];
    assert_eq!(browser.post(path, &stale).await.status, 412);

    let exported = browser.get("/rules.yaml").await;
    assert!(
        exported
            .header("content-type")
            .starts_with("application/yaml"),
        "{}",
        exported.text
    );
    assert!(
        exported.text.contains("policies:\n  - id: no-prod\n"),
        "{}",
        exported.text
    );
    for key in ["from:", "hits:", "label:"] {
        assert!(!exported.text.contains(key), "{key}: {}", exported.text);
    }
}

#[tokio::test]
async fn a_permission_tells_what_came_of_it() {
    let gateway = start().await;
    let agent = gateway.agent.http1();
    for item in 0..3 {
        let url = format!("https://api.test/items/{item}");
        let _ = agent.delete(url).send().await;
    }
    gateway.decided(3).await;
    let browser = Browser::owner(&gateway).await;
    let page = browser.get("/permissions").await;
    assert!(
        page.text.contains("title=\"allowed\">✓ 3</td>"),
        "{}",
        page.text
    );
}
