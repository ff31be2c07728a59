//! Names of what is not there: no state that was accepted keeps the gateway from starting, and what dangles is inert and shown.

use crate::support::agent::exchange;
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;
use crate::support::upstream::Upstream;

const HOST: &str = "api.test";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: none
routes:
  - { action: item.get, match: 'GET /items/{item}', params: { item: { pattern: '[0-9]+' } } }
";

const ALLOWING: &str = "permissions: [{ agents: [ci], connector: api, access: full }]\n";

async fn asked(gateway: &crate::support::gateway::Gateway) -> u16 {
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let request = format!("GET /items/1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    exchange(&mut tls, &request).await.status
}

async fn start(policy: &str) -> (Upstream, crate::support::gateway::Gateway) {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = Builder::with_github()
        .connector("api", CONNECTOR)
        .policy("api", policy)
        .upstream(&format!("{HOST}:443"), &upstream)
        .start()
        .await;
    (upstream, gateway)
}

async fn warnings(gateway: &crate::support::gateway::Gateway) -> String {
    let status = Shell::at(&gateway.path(""))
        .run(&["--json", "status"], "")
        .await;
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    status["reload"]["warnings"].to_string()
}

#[tokio::test]
async fn an_agent_that_rules_name_is_removed_only_with_them_and_its_return_says_what_it_revives() {
    let gateway = Builder::with_github()
        .policy(
            "team",
            "permissions: [{ agents: [ci], allow: [github.issue.get] }]\n",
        )
        .start()
        .await;
    let shell = Shell::at(&gateway.path(""));
    let shown = shell
        .play(
            "tollgate agent add support
             tollgate permission set --agent support --connector jira --access read_only
             tollgate permission set --agent support --agent ci --connector github --access ask
             tollgate agent remove support",
        )
        .await;
    assert!(
        shown.contains("agent `support` is named by permission"),
        "{shown}"
    );
    assert!(shown.contains("support on jira: read_only"), "{shown}");
    assert!(shown.contains("--cascade"), "{shown}");
    let shown = shell
        .play("tollgate agent remove support --cascade\ntollgate permission list")
        .await;
    assert!(shown.contains("agent `support` is removed"), "{shown}");
    assert!(!shown.contains("[exit"), "{shown}");
    let listed = shown.split("permission list").last().unwrap();
    assert!(!listed.contains("support"), "{listed}");
    assert!(listed.contains("ci on github: ask"), "{listed}");

    gateway
        .write(
            "policies.d/team.yaml",
            "permissions: [{ agents: [support], allow: [github.issue.get] }]\n",
        )
        .await;
    let shown = shell
        .play("tollgate agent add support\ntollgate agent remove support --cascade")
        .await;
    let revived =
        "this names it and takes effect now: policies.d/team.yaml: support: allow github.issue.get";
    assert!(shown.contains(revived), "{shown}");
    assert!(shown.contains("remove it from the files first"), "{shown}");
}

#[tokio::test]
async fn a_credential_that_a_permission_names_is_removed_only_with_it() {
    let gateway = Builder::with_github().start().await;
    let shell = Shell::at(&gateway.path(""));
    let shown = shell
        .play(
            "tollgate credential add github <<< ghp_0123456789abcdef
             tollgate permission set --agent ci --connector github --access full --credential github
             tollgate credential remove github",
        )
        .await;
    assert!(
        shown.contains("credential `github` is named by permission"),
        "{shown}"
    );
    let shown = shell
        .play("tollgate credential remove github --cascade\ntollgate permission list")
        .await;
    assert!(!shown.contains("[exit"), "{shown}");
    assert!(!shown.contains("ci on github"), "{shown}");
}

#[tokio::test]
async fn a_store_whose_permissions_name_what_is_gone_starts_serves_and_says_so() {
    let (upstream, gateway) = start(ALLOWING).await;
    let store = gateway.store().await;
    for (key, manifest) in [
        (
            "a",
            r#"{"agents":["gone"],"connector":"api","access":"full"}"#,
        ),
        (
            "b",
            r#"{"agents":["ci"],"connector":"lost","access":"full"}"#,
        ),
        ("c", r#"{"agents":["ci"],"allow":["lost.thing.get"]}"#),
        (
            "d",
            r#"{"agents":["ci"],"allow":["api.item.get"],"where":"params.lost == \"x\""}"#,
        ),
        (
            "e",
            r#"{"agents":["team=gone"],"connector":"api","access":"full","credential":"lost"}"#,
        ),
    ] {
        store.set_permission(key, manifest).await.unwrap();
    }
    store.close().await;
    let gateway = gateway.restart().await;
    assert_eq!(asked(&gateway).await, 200);
    assert_eq!(upstream.received().len(), 1);
    let told = warnings(&gateway).await;
    for name in [
        "`gone`",
        "`lost`",
        "`lost.thing.get`",
        "`lost`",
        "team=gone",
    ] {
        assert!(told.contains(name), "{name}: {told}");
    }
    let shown = Shell::at(&gateway.path(""))
        .play("tollgate check\ntollgate check --strict\ntollgate status")
        .await;
    let parts: Vec<&str> = shown.split("$ tollgate").collect();
    assert!(!parts[1].contains("[exit"), "{shown}");
    assert!(parts[2].contains("[exit 1]"), "{shown}");
    assert!(parts[3].contains("there is no agent `gone`"), "{shown}");
}

#[tokio::test]
async fn a_deny_of_the_store_that_names_a_lost_action_covers_its_connector() {
    let (_upstream, gateway) = start(ALLOWING).await;
    let store = gateway.store().await;
    let deny = r#"{"agents":["ci"],"deny":["api.item.lost"]}"#;
    store.set_permission("k", deny).await.unwrap();
    store.close().await;
    let gateway = gateway.restart().await;
    assert_eq!(asked(&gateway).await, 403);
    let told = warnings(&gateway).await;
    assert!(told.contains("all of `api` is covered"), "{told}");
}

#[tokio::test]
async fn at_start_an_unknown_name_in_a_file_is_a_warning_and_a_deny_of_it_covers_the_connector() {
    let grant = format!("{ALLOWING}  # and\n").replace(
        "[{",
        "[{ agents: [ghost], connector: api, access: full }, {",
    );
    let (_upstream, gateway) = start(&grant).await;
    assert_eq!(asked(&gateway).await, 200);
    let shell = Shell::at(&gateway.path(""));
    let shown = shell.play("tollgate check").await;
    assert!(shown.contains("there is no agent `ghost`"), "{shown}");
    assert!(!shown.contains("[exit"), "{shown}");

    let deny = "policies: [{ id: p, actions: [api.item.gett], when: 'params.item == \"1\"', decision: deny }]\n";
    gateway.write("policies.d/deny.yaml", deny).await;
    assert_eq!(asked(&gateway).await, 200, "a new one is not taken over");
    let gateway = gateway.restart().await;
    assert_eq!(asked(&gateway).await, 403);
    let shown = shell.play("tollgate check").await;
    assert!(shown.contains("[exit 1]"), "{shown}");

    // What dangles already keeps nothing else from taking effect.
    gateway
        .write(
            "policies.d/api.yaml",
            "permissions: [{ agents: [ci], deny: [api.item.get] }]\n",
        )
        .await;
    assert!(gateway.metrics().await.contains("tollgate_reload_failed 0"));
    gateway.write("policies.d/api.yaml", ALLOWING).await;
    gateway
        .write("policies.d/deny.yaml", &deny.replace("gett", "get"))
        .await;
    assert_eq!(asked(&gateway).await, 403, "mended, it says the same");
}

#[tokio::test]
async fn a_connector_whose_file_went_leaves_its_credential_and_permission_inert() {
    let keyed = CONNECTOR
        .replace(
            "auth: none",
            "auth: [{ id: token, fields: [token], bearer: '{token}' }]",
        )
        .replace("connector: api", "connector: extra")
        .replace("api.test", "extra.test");
    let gateway = Builder::with_github()
        .connector("api", CONNECTOR)
        .connector("extra", &keyed)
        .policy("api", ALLOWING)
        .start()
        .await;
    let shell = Shell::at(&gateway.path(""));
    let shown = shell
        .play(
            "tollgate credential add extra <<< the-real-token
             tollgate permission set --agent ci --connector extra --access full --credential extra",
        )
        .await;
    assert!(!shown.contains("[exit"), "{shown}");
    std::fs::remove_file(gateway.path("connectors.d/extra.yaml")).unwrap();
    let gateway = gateway.restart().await;
    let told = warnings(&gateway).await;
    assert!(told.contains("there is no connector `extra`"), "{told}");
    assert!(
        told.contains("the credential `extra` is for `extra`"),
        "{told}"
    );
}
