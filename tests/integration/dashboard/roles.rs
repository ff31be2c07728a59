//! Each page and each form, for each role: what a role may not do is refused by the API, whatever a page shows.

use crate::support::browser::Browser;
use crate::support::gateway::{Builder, Gateway};

const OPERATORS: [(&str, &str); 4] = [
    ("viewer", "tgo_viewer_0123456789abcdef0123456789"),
    ("approver", "tgo_approver_0123456789abcdef01234567"),
    ("editor", "tgo_editor_0123456789abcdef0123456789"),
    ("owner", "tgo_owner_0123456789abcdef01234567890"),
];

/// Every page that reads.
pub(super) const PAGES: [&str; 20] = [
    "/",
    "/activity",
    "/activity?agent=ci&decision=deny&since=7d",
    "/approvals",
    "/agents",
    "/agents/ci",
    "/permissions",
    "/permissions?connector=jira",
    "/policies",
    "/policies/new",
    "/policies/new?agents=ci&actions=jira.issue.delete&field=issue_key&operator=starts_with&value=OPS-",
    "/connectors",
    "/connectors/jira",
    "/connectors/jira?q=delete",
    "/playground",
    "/credentials",
    "/credentials?connector=github",
    "/journal",
    "/kill-switch",
    "/settings",
];

/// Every form, and the least role that may send it. They name nothing that is there, so nothing changes.
const FORMS: [(&str, &str, &str); 27] = [
    (
        "/playground",
        "request=GET%20https://nowhere.test/&agent=ci",
        "viewer",
    ),
    ("/journal", "", "viewer"),
    ("/approvals/none/approve", "", "approver"),
    ("/approvals/none/deny", "", "approver"),
    ("/kill-switch/halt", "scope=agent&name=nobody", "approver"),
    ("/kill-switch/lift", "scope=agent&name=nobody", "editor"),
    ("/agents", "name=NOT%20A%20NAME", "editor"),
    ("/agents/nobody/labels", "labels=a%3Db", "editor"),
    ("/agents/nobody/remove", "", "editor"),
    ("/agents/nobody/tokens", "", "editor"),
    ("/agents/nobody/tokens/none/revoke", "", "editor"),
    (
        "/permissions",
        "agent=nobody&connector=jira&access=full",
        "editor",
    ),
    (
        "/permissions",
        "agent=ci&connector=jira&access=full&revision=old",
        "editor",
    ),
    ("/permissions/999/remove", "", "editor"),
    ("/permissions/999/remove", "revision=old", "editor"),
    (
        "/policies/save",
        "id=x&actions=jira.issue.delete&decision=deny&revision=old",
        "editor",
    ),
    ("/policies/kept/switch", "enabled=no", "editor"),
    ("/policies/none/remove", "", "editor"),
    ("/policies/none/remove", "revision=old", "editor"),
    ("/credentials", "connector=none", "editor"),
    ("/credentials/none/test", "", "editor"),
    ("/credentials/none/rotate", "", "editor"),
    ("/credentials/none/rebind", "", "editor"),
    ("/credentials/none/remove", "", "editor"),
    ("/settings", "name=a%20b&role=viewer", "owner"),
    ("/settings/nobody/rotate", "", "owner"),
    ("/settings/nobody/remove", "", "owner"),
];

/// A policy of a file, which no form changes.
const KEPT: &str = "policies: [{ id: kept, actions: [jira.issue.delete], decision: deny }]";

async fn start() -> Gateway {
    OPERATORS
        .iter()
        .fold(
            Builder::new().policy("kept", KEPT),
            |builder, (role, token)| builder.operator(role, role, token),
        )
        .start()
        .await
}

#[tokio::test]
async fn each_page_is_shown_to_each_role_and_to_nobody_else() {
    let gateway = start().await;
    let outside = Browser::at(&gateway);
    for path in PAGES {
        let answer = outside.get(path).await;
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.header("location").starts_with("/sign-in?"), "{path}");
    }
    for (role, token) in OPERATORS {
        let browser = Browser::signed_in(&gateway, token).await;
        for path in PAGES {
            let page = browser.get(path).await;
            assert_eq!(page.status, 200, "{role}: {path}: {}", page.text);
            assert!(page.text.contains("<main id=\"main\">"), "{path}");
            holds_the_policy(&page.text, path);
            let policy = page.header("content-security-policy");
            assert!(
                policy.starts_with("default-src 'none'; script-src 'self';"),
                "{path}: {policy}"
            );
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(page.header("cache-control"), "no-store", "{path}");
            assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        }
    }
}

/// Fails where a page has something inline, or something from elsewhere.
fn holds_the_policy(page: &str, path: &str) {
    for script in page.split("<script").skip(1) {
        let tag = script.split('>').next().unwrap();
        assert!(tag.contains("src=\"/assets/"), "{path}: {tag}");
    }
    let written =
        regex::Regex::new(r#"(?i)<style|\sstyle="|\son[a-z]+="|(src|action)="(https?:)?//"#)
            .unwrap();
    assert_eq!(
        written.find(page).map(|found| found.as_str()),
        None,
        "{path}"
    );
}

#[tokio::test]
async fn each_form_is_refused_below_its_role_and_answered_from_there_on() {
    let gateway = start().await;
    for (path, fields, least) in FORMS {
        let unsigned = Browser::at(&gateway);
        let answer = unsigned.post_with(path, fields.to_owned(), &[]).await;
        assert_eq!(answer.status, 401, "{path}");
        let least = OPERATORS
            .iter()
            .position(|(role, _)| *role == least)
            .unwrap();
        for (rank, (role, token)) in OPERATORS.iter().enumerate() {
            let browser = Browser::signed_in(&gateway, token).await;
            let without = browser.post_with(path, fields.to_owned(), &[]).await;
            assert_eq!(
                without.status, 403,
                "{role}: {path} without the session's token"
            );
            let body = format!("csrf={}&{fields}", browser.csrf);
            let answer = browser.post_with(path, body, &[]).await;
            let is_refused = answer.status == 403 || answer.text.contains("it needs the role");
            assert_eq!(
                is_refused,
                rank < least,
                "{role}: {path}?{fields}: {} {}",
                answer.status,
                answer.text
            );
            assert!(answer.status < 500, "{role}: {path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn assets_are_named_by_their_content_and_kept() {
    let gateway = start().await;
    let page = Browser::at(&gateway).get("/sign-in").await;
    let names = regex::Regex::new(r#""(/assets/[^"]+)""#).unwrap();
    let names: std::collections::BTreeSet<&str> = names
        .captures_iter(&page.text)
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let asset = Browser::at(&gateway).get(name).await;
        assert_eq!(asset.status, 200, "{name}");
        assert!(
            asset.header("cache-control").contains("immutable"),
            "{name}"
        );
    }
    assert_eq!(
        Browser::at(&gateway).get("/assets/style.css").await.status,
        404
    );
}
