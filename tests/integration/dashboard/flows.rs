//! What operators do on the pages, from a form to what the gateway does afterwards.

use http::Method;
use serde_json::Value as Json;

use crate::support::browser::{Browser, Page};
use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::Upstream;

const HOST: &str = "api.test";
const CONNECTOR: &str = "connector: api\nname: Test\nversion: 1\ndomains: [api.test]\nauth: none\nroutes: [{ action: item.get, match: 'GET /items/{item}', summary: 'Reads {item}' }]\n";

async fn start(access: &str, upstream: &Upstream) -> Gateway {
    Builder::new()
        .connector("api", CONNECTOR)
        .policy(
            "open",
            &format!("permissions: [{{ agents: [ci], connector: api, access: {access} }}]"),
        )
        .settings("approval: { timeout: 20ms }")
        .upstream(&format!("{HOST}:443"), upstream)
        .start()
        .await
}

fn between<'t>(page: &'t Page, start: &str, end: &str) -> &'t str {
    let found = page
        .text
        .split_once(start)
        .and_then(|(_, rest)| rest.split_once(end));
    found
        .unwrap_or_else(|| panic!("{start} in {}", page.text))
        .0
}

#[tokio::test]
async fn an_agent_is_added_its_token_shown_once_and_revoked() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start("full", &upstream).await;
    let browser = Browser::owner(&gateway).await;
    let added = browser
        .post(
            "/agents",
            &[
                ("name", "build"),
                ("labels", "team=web, stage=prod"),
                ("days", "30"),
            ],
        )
        .await;
    assert_eq!(added.status, 200, "{}", added.text);
    assert_eq!(added.header("cache-control"), "no-store");
    let token = between(&added, "<code id=\"new-token\">", "</code>").to_owned();
    assert!(token.starts_with("tga_"), "{token}");
    for path in ["/agents", "/agents/build", "/activity"] {
        let page = browser.get(path).await;
        assert!(!page.text.contains(&token), "{path}");
    }
    let page = browser.get("/agents/build").await;
    assert!(page.text.contains("team=web"), "{}", page.text);
    let again = browser
        .post("/agents", &[("name", "build"), ("labels", "team=web")])
        .await;
    assert!(
        again.text.contains("there is an agent `build` already"),
        "{}",
        again.text
    );
    assert!(
        again.text.contains("value=\"team=web\""),
        "what was written stays: {}",
        again.text
    );

    let path = between(&page, "action=\"/agents/build/tokens/", "\"");
    let revoked = browser
        .post(&format!("/agents/build/tokens/{path}"), &[])
        .await;
    assert_eq!(revoked.status, 303);
    assert!(
        browser
            .get("/agents/build")
            .await
            .text
            .contains("keeps no token")
    );
    assert_eq!(browser.post("/agents/build/remove", &[]).await.status, 303);
    assert!(
        !browser
            .get("/agents")
            .await
            .text
            .contains("/agents/build\"")
    );
}

#[tokio::test]
async fn a_cell_of_the_matrix_shows_its_effect_before_it_is_set() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start("read_only", &upstream).await;
    let browser = Browser::owner(&gateway).await;
    let page = browser.get("/permissions").await;
    assert!(
        page.text.contains("in policies.d/open.yaml") || page.text.contains("open.yaml"),
        "{}",
        page.text
    );
    let cell = [
        ("agent", "ci"),
        ("connector", "jira"),
        ("access", "read_only"),
    ];
    let asked = browser.post("/permissions", &cell).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    assert!(asked.text.contains("<code>jira."), "{}", asked.text);
    let kept = async || {
        let (_, list) = gateway
            .admin(Method::GET, "/api/v1/permissions", &Json::Null)
            .await;
        list.to_string().matches("\"connector\":\"jira\"").count()
    };
    let before = kept().await;
    let revision = between(&asked, "name=\"revision\" value=\"", "\"").to_owned();
    let confirmed: Vec<_> = cell
        .into_iter()
        .chain([("revision", revision.as_str())])
        .collect();
    assert_eq!(browser.post("/permissions", &confirmed).await.status, 303);
    assert_eq!(kept().await, before + 1);
    let page = browser.get("/permissions").await;
    assert!(
        page.text.contains("<option value=\"read_only\" selected>"),
        "{}",
        page.text
    );

    let id = between(
        &page,
        "name=\"connector\" value=\"jira\"><input type=\"hidden\" name=\"id\" value=\"",
        "\"",
    )
    .to_owned();
    let asked = browser
        .post(&format!("/permissions/{id}/remove"), &[])
        .await;
    assert!(
        asked.text.contains(&format!("Remove permission {id}?")),
        "{}",
        asked.text
    );
    let revision = between(&asked, "name=\"revision\" value=\"", "\"").to_owned();
    let removed = browser
        .post(
            &format!("/permissions/{id}/remove"),
            &[("revision", &revision)],
        )
        .await;
    assert_eq!(removed.status, 303, "{}", removed.text);
    assert_eq!(kept().await, before);
}

#[tokio::test]
async fn an_approval_is_answered_and_the_request_goes() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start("ask", &upstream).await;
    let url = format!("https://{HOST}/items/7");
    let client = gateway.agent.http1();
    assert!(!client.get(&url).send().await.unwrap().status().is_success());
    let browser = Browser::owner(&gateway).await;
    let list = browser.get("/approvals").await;
    assert!(
        list.text.contains("<code>api.item.get</code>"),
        "{}",
        list.text
    );
    // Nobody approves what a card does not tell apart from others.
    for shown in [
        "<pre class=\"request\">GET https://api.test:443/items/7</pre>",
        "<dt><code>item</code></dt><dd class=\"whole\"><code>7</code></dd>",
        "No request waits any more; a retry passes",
        "Approve once",
    ] {
        assert!(list.text.contains(shown), "{shown} in {}", list.text);
    }
    let id = between(&list, "href=\"/approvals/", "\"").to_owned();
    let page = browser.get(&format!("/approvals/{id}")).await;
    assert!(page.text.contains("GET https://api.test"), "{}", page.text);
    let fingerprint = between(&page, "name=\"opened\" value=\"", "\"").to_owned();
    let path = format!("/approvals/{id}/approve");
    let approved = browser.post(&path, &[("opened", &fingerprint)]).await;
    assert_eq!(approved.status, 303, "{}", approved.text);
    assert!(client.get(&url).send().await.unwrap().status().is_success());
    let again = browser.post(&path, &[("opened", &fingerprint)]).await;
    assert_eq!(again.status, 409);
    assert!(again.text.contains("used already"), "{}", again.text);
}

#[tokio::test]
async fn an_approval_for_a_time_is_given_shown_and_ended() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start("ask", &upstream).await;
    let client = gateway.agent.http1();
    let send = async |item: &str| {
        let url = format!("https://{HOST}/items/{item}");
        client.get(&url).send().await.unwrap().status().as_u16()
    };
    assert_ne!(send("7").await, 200);
    let browser = Browser::owner(&gateway).await;
    let list = browser.get("/approvals").await;
    let id = between(&list, "href=\"/approvals/", "\"").to_owned();
    let page = browser.get(&format!("/approvals/{id}")).await;
    assert!(page.text.contains("name=\"seconds\""), "{}", page.text);
    // The same for good: a permission as narrow as this request.
    let link = between(&page, "href=\"/policies/new?", "\"").replace("&#38;", "&");
    let form = browser.get(&format!("/policies/new?{link}")).await;
    assert!(form.text.contains("allow: [api.item.get]"), "{}", form.text);
    assert!(
        form.text
            .contains("has(params.item) &#38;&#38; params.item == &#34;7&#34;"),
        "{}",
        form.text
    );
    let path = format!("/approvals/{id}/approve");
    let wrong = browser.post(&path, &[("seconds", "a day")]).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    let approved = browser.post(&path, &[("seconds", "1800")]).await;
    assert_eq!(approved.status, 303, "{}", approved.text);
    assert_eq!([send("7").await, send("7").await], [200; 2]);

    let list = browser.get("/approvals").await;
    assert!(list.text.contains("Approved for a time"), "{}", list.text);
    assert!(list.text.contains(">End</button>"), "{}", list.text);
    let page = browser.get(&format!("/approvals/{id}")).await;
    assert!(page.text.contains("End: ask again"), "{}", page.text);
    let ended = browser.post(&format!("/approvals/{id}/deny"), &[]).await;
    assert_eq!(ended.status, 303, "{}", ended.text);
    assert_ne!(send("7").await, 200, "it was ended");
    let page = browser.get(&format!("/approvals/{id}")).await;
    assert!(!page.text.contains("End: ask again"), "{}", page.text);
}

#[tokio::test]
async fn a_halt_is_made_shown_everywhere_and_lifted() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start("full", &upstream).await;
    let browser = Browser::owner(&gateway).await;
    let halted = browser
        .post(
            "/kill-switch/halt",
            &[("scope", "all"), ("reason", "a leak")],
        )
        .await;
    assert_eq!(halted.status, 303);
    let url = format!("https://{HOST}/items/7");
    // The tunnel itself may be refused.
    let answer = gateway.agent.http1().get(&url).send().await;
    assert!(answer.is_err() || answer.unwrap().status() == 403);
    for path in ["/", "/activity", "/policies"] {
        let page = browser.get(path).await;
        assert!(
            page.text.contains("everything (a leak)"),
            "{path}: {}",
            page.text
        );
    }
    assert_eq!(
        browser
            .post("/kill-switch/lift", &[("scope", "all")])
            .await
            .status,
        303
    );
    assert!(
        gateway
            .agent
            .http1()
            .get(&url)
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
}

#[tokio::test]
async fn the_overview_counts_and_a_record_tells_everything() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start("full", &upstream).await;
    let client = gateway.agent.http1();
    for item in 0..3 {
        let url = format!("https://{HOST}/items/{item}");
        assert!(client.get(url).send().await.unwrap().status().is_success());
    }
    let _ = client.get("https://nowhere.test/").send().await;
    gateway.finished(3).await;
    let browser = Browser::owner(&gateway).await;
    let (_, counts) = gateway
        .admin(Method::GET, "/api/v1/metrics/summary", &Json::Null)
        .await;
    assert_eq!(
        (&counts["allowed"], &counts["agents"]["ci"]),
        (&Json::from(3), &counts["requests"]),
        "{counts}"
    );
    assert_eq!(counts["actions"]["api.item.get"], 3, "{counts}");
    let sum: u64 = counts["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bucket| bucket["allow"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, 3, "{counts}");
    let overview = browser.get("/").await;
    assert!(
        overview.text.contains("<svg class=\"chart\""),
        "{}",
        overview.text
    );
    assert!(overview.text.contains("api.item.get"));

    let id = gateway.decided(3).await[0]["request_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let page = browser.get(&format!("/activity/{id}")).await;
    for shown in [
        "Outcome",
        "answered",
        "200",
        "classify",
        "collect",
        "decide",
        "Upstream",
        "api.item.get",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    let filtered = browser.get("/activity?action=api.item.*&agent=ci").await;
    assert_eq!(
        filtered.text.matches("<tr id=\"r-").count(),
        3,
        "{}",
        filtered.text
    );
    let wrong = browser.get("/activity?risk=enormous").await;
    assert!(wrong.text.contains("role=\"alert\""), "{}", wrong.text);
    assert_eq!(browser.get("/activity/nonsense").await.status, 400);
}

#[tokio::test]
async fn the_playground_explains_a_request_and_a_curl_command() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start("read_only", &upstream).await;
    let browser = Browser::owner(&gateway).await;
    for request in [
        "GET https://api.test/items/7",
        "https://api.test/items/7",
        "curl -sS 'https://api.test/items/7' -H 'Accept: application/json'",
    ] {
        let page = browser
            .post("/playground", &[("agent", "ci"), ("request", request)])
            .await;
        assert!(
            page.text.contains("<code>api.item.get</code>"),
            "{request}: {}",
            page.text
        );
        assert!(
            page.text.contains("Reads 7") && page.text.contains("allowed"),
            "{}",
            page.text
        );
    }
    let unknown = [
        ("agent", "ci"),
        (
            "request",
            "curl -X POST https://api.test/orders/17/refunds -d a=1",
        ),
    ];
    let page = browser.post("/playground", &unknown).await;
    assert!(
        page.text
            .contains("match: &#34;POST /orders/{order_id}/refunds&#34;"),
        "{}",
        page.text
    );
    let wrong = browser
        .post("/playground", &[("agent", "ci"), ("request", "curl")])
        .await;
    assert!(wrong.text.contains("0 URLs"), "{}", wrong.text);
    assert!(gateway.decided(0).await.is_empty(), "nothing was sent");
}

#[tokio::test]
async fn the_journal_is_verified_and_operators_are_managed() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start("full", &upstream).await;
    let browser = Browser::owner(&gateway).await;
    let verified = browser.post("/journal", &[]).await;
    assert!(
        verified.text.contains("self-consistent only"),
        "{}",
        verified.text
    );
    let added = browser
        .post(
            "/settings",
            &[("name", "ada"), ("role", "approver"), ("groups", "finance")],
        )
        .await;
    let token = between(&added, "<code id=\"new-token\">", "</code>").to_owned();
    let ada = Browser::signed_in(&gateway, &token).await;
    assert_eq!(ada.get("/").await.status, 200);
    let rotated = browser.post("/settings/ada/rotate", &[]).await;
    assert!(
        rotated.text.contains("<code id=\"new-token\">"),
        "{}",
        rotated.text
    );
    assert_eq!(
        ada.get("/").await.status,
        303,
        "the old token has no session"
    );
    assert_eq!(browser.post("/settings/ada/remove", &[]).await.status, 303);
}
