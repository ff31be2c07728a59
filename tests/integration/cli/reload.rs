//! `tollgate.yaml` edited while the gateway runs: what can take effect does, the rest is named, and a broken file changes nothing.

use rustix::process::Signal;

use crate::support::agent::exchange;
use crate::support::gateway::{Builder, Gateway};
use crate::support::tollgate::Shell;

const TOKEN: &str = "tga_edited_0123456789abcdef0123456789";

async fn config(gateway: &Gateway, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(gateway.path("tollgate.yaml")).unwrap();
    gateway.write("tollgate.yaml", &change(text)).await;
}

async fn knows(gateway: &Gateway, token: &str) -> bool {
    let is_first = token == gateway.agent.token;
    let agent = gateway.other(if is_first { "ci" } else { "edited" }, token);
    let head = "GET http://tollgate.internal/whoami HTTP/1.1\r\nHost: tollgate.internal\r\n";
    let request = format!("{head}{}\r\n", agent.authorization());
    exchange(&mut agent.connect().await, &request).await.status == 200
}

#[tokio::test]
async fn agents_and_operators_of_an_edited_configuration_take_effect() {
    let gateway = Builder::new().start().await;
    let operator = "tgo_edited_0123456789abcdef0123456789";
    std::fs::write(gateway.path("secrets/edited"), TOKEN).unwrap();
    std::fs::write(gateway.path("secrets/ada"), operator).unwrap();
    let before = std::fs::read_to_string(gateway.path("tollgate.yaml")).unwrap();
    assert!(!knows(&gateway, TOKEN).await);
    config(&gateway, |text| {
        let agents = "agents:\n  - { name: edited, token: { file: secrets/edited } }\n";
        let operators = "operators: [{ name: ada, role: viewer, token: { file: secrets/ada } }]\n";
        text.replacen("agents:\n", agents, 1) + operators
    })
    .await;
    assert!(knows(&gateway, TOKEN).await);
    let null = serde_json::Value::Null;
    let asked = gateway.admin_as(operator, http::Method::GET, "/api/v1/status", &null);
    assert_eq!(asked.await.0, 200);
    gateway.write("tollgate.yaml", &before).await;
    assert!(!knows(&gateway, TOKEN).await);
    let asked = gateway.admin_as(operator, http::Method::GET, "/api/v1/status", &null);
    assert_eq!(asked.await.0, 401);
}

#[tokio::test]
async fn a_policy_directory_that_is_added_is_read_and_watched_and_one_that_goes_needs_a_restart() {
    let gateway = Builder::new().start().await;
    let shell = Shell::at(&gateway.path(""));
    let permission = "permissions: [{ agents: [ci], connector: github, access: full }]\n";
    std::fs::create_dir(gateway.path("moved")).unwrap();
    std::fs::write(gateway.path("moved/a.yaml"), permission).unwrap();
    let before = shell.json("--json status").await["snapshot"]["policies"].clone();
    config(&gateway, |text| format!("{text}policies: [moved]\n")).await;
    let after = shell.json("--json status").await["snapshot"]["policies"].clone();
    assert_eq!(after.as_u64(), before.as_u64().map(|count| count + 1));
    // By itself, in the directory that is new.
    std::fs::write(gateway.path("moved/b.yaml"), permission).unwrap();
    let taken =
        async { while shell.json("--json status").await["snapshot"]["policies"] == after {} };
    let time_limit = std::time::Duration::from_secs(20);
    tokio::time::timeout(time_limit, taken)
        .await
        .expect("it is not watched");
}

#[tokio::test]
async fn what_needs_a_restart_is_named_until_it_is_taken_back() {
    let gateway = Builder::new()
        .settings("limits: { streams: 100 }")
        .start()
        .await;
    let shell = Shell::at(&gateway.path(""));
    config(&gateway, |text| {
        let text = text.replace(
            "metrics: { listen: [\"127.0.0.1:0\"] }",
            "metrics: { listen: [] }",
        );
        text.replace("streams: 100", "streams: 200, pending_approvals: 5")
            + "approval: { timeout: 5s }\n"
    })
    .await;
    let shown = shell.play("tollgate status\ntollgate check").await;
    let keys = "needs a restart: approval.timeout, limits.pending_approvals, limits.streams, metrics.listen";
    assert!(shown.contains(keys), "{shown}");
    let told = "the running gateway needs a restart for: approval.timeout";
    assert!(shown.contains(told), "{shown}");
    config(&gateway, |text| {
        text.replace("streams: 200, pending_approvals: 5", "streams: 100")
    })
    .await;
    let shown = shell.play("tollgate status").await;
    assert!(
        shown.contains("needs a restart: approval.timeout, metrics.listen\n"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_broken_configuration_changes_nothing_and_is_told() {
    let gateway = Builder::new().start().await;
    let shell = Shell::at(&gateway.path(""));
    let good = std::fs::read_to_string(gateway.path("tollgate.yaml")).unwrap();
    for broken in [
        "proxy: {",
        "log: { level: debgu }\n",
        "agents: [{ name: Wrong }]\n",
    ] {
        gateway.write("tollgate.yaml", broken).await;
        let shown = shell.play("tollgate --data-dir state status").await;
        assert!(
            shown.contains("HAS ERRORS") && shown.contains("[exit 1]"),
            "{shown}"
        );
        assert!(shown.contains("is ready"), "{shown}");
        assert!(knows(&gateway, &gateway.agent.token).await);
    }
    gateway.write("tollgate.yaml", &good).await;
    let shown = shell.play("tollgate --data-dir state status").await;
    assert!(!shown.contains("[exit"), "{shown}");
}

#[tokio::test]
async fn an_edit_is_noticed_without_a_signal_and_a_hang_up_reads_it_at_once() {
    let text = "proxy: { listen: ['127.0.0.1:0'] }\nadmin: { listen: [] }\nmetrics: { listen: [] }\ndata_dir: state\n";
    let shell = Shell::new().file("tollgate.yaml", text);
    let mut served = shell.serve(&[]).await;
    std::fs::write(
        shell.path("tollgate.yaml"),
        format!("{text}limits: {{ pending_approvals: 7 }}\n"),
    )
    .unwrap();
    served
        .wait_for("needs a restart: limits.pending_approvals")
        .await;
    std::fs::write(
        shell.path("tollgate.yaml"),
        format!("{text}limits: {{ tunnels: 7 }}\n"),
    )
    .unwrap();
    served.signal(Signal::HUP);
    served.wait_for("needs a restart: limits.tunnels").await;
    served.signal(Signal::TERM);
    assert_eq!(served.ended().await.0, Some(0));
}

#[tokio::test]
async fn a_policy_file_whose_own_tests_fail_does_not_take_effect() {
    let policy = |access: &str, decision: &str| {
        format!(
            "permissions: [{{ agents: [ci], connector: jira, access: {access} }}]
tests:
  - {{ agent: ci, action: jira.issue.get, params: {{ issue_key: OPS-1 }}, expect: {{ decision: {decision} }} }}
"
        )
    };
    let gateway = Builder::new()
        .policy("team", &policy("read_only", "allow"))
        .start()
        .await;
    let shell = Shell::at(&gateway.path(""));
    let explain = async || {
        let url = "https://acme.atlassian.net/rest/api/3/issue/OPS-1";
        let line = format!("--json explain GET {url} --agent ci");
        shell.json(&line).await["code"].clone()
    };
    let before = explain().await;
    gateway
        .write("policies.d/team.yaml", &policy("none", "allow"))
        .await;
    assert_eq!(explain().await, before, "the failing file took effect");
    let status = shell.play("tollgate status").await;
    assert!(
        status.contains("FAILED") && status.contains("team.yaml"),
        "{status}"
    );
    // What operators keep in the store makes no file fail.
    let rule = serde_json::json!({ "agents": ["ci"], "connector": "jira", "access": "none" });
    gateway
        .write("policies.d/team.yaml", &policy("read_only", "allow"))
        .await;
    let (status, set) = gateway
        .admin(http::Method::POST, "/api/v1/permissions", &rule)
        .await;
    assert_eq!(status, 200, "{set}");
    assert!(gateway.metrics().await.contains("tollgate_reload_failed 0"));
    assert_eq!(explain().await, "denied");
}
