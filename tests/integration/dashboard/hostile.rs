//! What agents, upstreams and other operators wrote is shown as text on every page, with what deceives made visible.

use http::Method;
use serde_json::json;

use super::roles::PAGES;
use crate::support::browser::Browser;
use crate::support::gateway::Builder;
use crate::support::upstream::Upstream;

const HOST: &str = "api.test";

/// Markup, an escape sequence of terminals, a text that runs backwards, an invisible character, a formula.
const HOSTILE: &str = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>'\u{1b}[31m\u{202e}gpj\u{200b}=HYPERLINK(\"http://evil.test\")${7*7}{{7*7}}";

const CONNECTOR: &str = "
connector: api
name: 'Test <script>alert(3)</script>'
version: 1
domains: [api.test]
auth: none
routes:
  - { action: note.create, match: 'POST /notes', params: { text: $.text }, summary: 'Writes {text} <b>now</b>' }
";

/// Fails where a page holds the text as markup, or a character that changes what surrounds it.
fn is_text(page: &str, place: &str) {
    for markup in ["<script>alert", "<img src=x", "<b>now"] {
        assert!(!page.contains(markup), "{place}: {markup} in {page}");
    }
    let deceptive = page
        .chars()
        .find(|c| (c.is_control() && !"\n\t".contains(*c)) || ['\u{202e}', '\u{200b}'].contains(c));
    assert_eq!(deceptive, None, "{place}");
}

#[tokio::test]
async fn no_text_becomes_markup_on_any_page() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = Builder::new()
        .connector("api", CONNECTOR)
        .policy(
            "ask",
            "permissions: [{ agents: [ci], connector: api, access: ask }]",
        )
        .settings("approval: { timeout: 20ms }")
        .upstream(&format!("{HOST}:443"), &upstream)
        .start()
        .await;
    let client = gateway.agent.http1();
    let long = HOSTILE.repeat(100_000 / HOSTILE.len() + 1);
    for text in [HOSTILE, &long] {
        let body = json!({ "text": text });
        let asked = client
            .post(format!("https://{HOST}/notes"))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert!(!asked.status().is_success());
    }
    let path = format!("https://{HOST}/%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE");
    let _ = client.get(path).send().await;
    gateway.decided(3).await;
    let halt = json!({ "reason": HOSTILE });
    let (status, _) = gateway
        .admin(Method::PUT, "/api/v1/kill-switch/agent/ci", &halt)
        .await;
    assert_eq!(status, 200);
    let agent = json!({ "name": "labelled", "labels": { "note": HOSTILE, "<script>alert(4)</script>": "x" } });
    let (status, answer) = gateway.admin(Method::POST, "/api/v1/agents", &agent).await;
    assert_eq!(status, 201, "{answer}");
    let policy = json!({ "actions": ["api.note.create"], "decision": "deny", "reason": HOSTILE, "suggest": HOSTILE });
    let (status, answer) = gateway
        .admin(Method::PUT, "/api/v1/policies/shown", &policy)
        .await;
    assert_eq!(status, 200, "{answer}");

    let browser = Browser::owner(&gateway).await;
    let mut paths: Vec<String> = PAGES.iter().map(|path| (*path).to_owned()).collect();
    paths.extend(
        [
            "/agents/labelled",
            "/policies/shown",
            "/connectors/api",
            "/playground?agent=ci&request=GET%20https://api.test/%3Cscript%3E",
        ]
        .map(str::to_owned),
    );
    for record in gateway.decided(3).await {
        paths.push(format!(
            "/activity/{}",
            record["request_id"].as_str().unwrap()
        ));
    }
    let (_, approvals) = gateway
        .admin(Method::GET, "/api/v1/approvals", &json!(null))
        .await;
    let approvals = approvals["approvals"].as_array().unwrap().clone();
    assert_eq!(approvals.len(), 3);
    for approval in &approvals {
        paths.push(format!("/approvals/{}", approval["id"].as_str().unwrap()));
    }
    let mut shown = 0;
    for path in &paths {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        is_text(&page.text, path);
        shown += page.text.matches("&#60;script&#62;alert").count();
    }
    assert!(shown > 20, "the text is shown {shown} times");
    let approval = browser.get(paths.last().unwrap()).await;
    assert!(
        approval.text.contains("\\u{202e}gpj"),
        "what deceives is made visible: {}",
        approval.text
    );
}

#[tokio::test]
async fn what_a_browser_sends_is_shown_as_text_too() {
    let gateway = Builder::new().start().await;
    let browser = Browser::owner(&gateway).await;
    let mut query = form_urlencoded::Serializer::new(String::new());
    for name in [
        "agent", "text", "q", "request", "agents", "actions", "id", "field", "operator", "value",
        "next", "others", "reason", "since",
    ] {
        query.append_pair(name, HOSTILE);
    }
    let query = query.finish();
    for path in [
        "/activity",
        "/connectors",
        "/connectors/jira",
        "/playground",
        "/policies/new",
        "/permissions",
        "/sign-in",
        "/agents/%3Cscript%3Ealert(1)",
        "/policies/%3Cscript%3Ealert(1)",
        "/activity/%3Cscript%3Ealert(1)",
    ] {
        let page = browser.get(&format!("{path}?{query}")).await;
        for markup in ["<script>alert", "<img src=x"] {
            assert!(!page.text.contains(markup), "{path}: {}", page.text);
        }
    }
    let named = browser
        .post("/agents", &[("name", HOSTILE), ("labels", HOSTILE)])
        .await;
    assert!(
        !named.text.contains("<script>alert") && !named.text.contains("<img src=x"),
        "{}",
        named.text
    );
}
