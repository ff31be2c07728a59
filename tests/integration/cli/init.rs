//! `init`: a configuration that is clean from the start, and whose editor knows what it may name.

use serde_json::{Value, json};

use super::assert_shown;
use crate::support::tollgate::Shell;

#[tokio::test]
async fn a_fresh_configuration_is_clean_and_nothing_is_replaced() {
    let shell = Shell::new();
    let shown = shell
        .play(
            "tollgate init
             tollgate check --strict
             tollgate init
             tollgate init elsewhere
             tollgate --json init elsewhere/below
             tollgate init tollgate.yaml",
        )
        .await;
    assert_shown("init", &shown);
}

#[tokio::test]
async fn what_it_says_to_do_next_works_as_it_is_printed() {
    for (line, is_chosen) in [
        ("tollgate init ob", true),
        ("tollgate --data-dir state init ob", true),
        ("tollgate --data-dir 'my state' init 'my files'", false),
    ] {
        let shell = Shell::new()
            .without_config()
            .file("bin/.keep", "")
            .file("other/tollgate.yaml", "")
            .env("TOLLGATE_PROXY_LISTEN", "127.0.0.1:0")
            .env("TOLLGATE_ADMIN_LISTEN", "127.0.0.1:0")
            .env("TOLLGATE_METRICS_LISTEN", "127.0.0.1:0");
        if !is_chosen {
            // The state directory remembers another configuration.
            let other = shell.path("other/tollgate.yaml");
            std::fs::create_dir(shell.path("my state")).unwrap();
            std::fs::write(shell.path("my state/config.path"), other.to_str().unwrap()).unwrap();
        }
        let binary = env!("CARGO_BIN_EXE_tollgate");
        std::os::unix::fs::symlink(binary, shell.path("bin/tollgate")).unwrap();
        let path = format!("{}:/usr/bin:/bin", shell.path("bin").display());
        let shell = shell.env("PATH", &path);
        let words = line.replace("tollgate ", "");
        let done = shell.run_line(&words).await;
        let told = String::from_utf8(done.stderr).unwrap();
        let next = told.lines().find_map(|line| line.strip_prefix("next: "));
        let next = next.unwrap_or_else(|| panic!("{line}: {told}"));
        assert_eq!(!next.contains("--config"), is_chosen, "{next}");
        // The signal must reach the gateway and not its shell.
        let (before, serve) = next.rsplit_once("&& ").unwrap();
        let served = shell.serve_by(&format!("{before}&& exec {serve}")).await;
        let state = line.contains("--data-dir");
        assert_eq!(
            shell
                .path("home/.local/state/tollgate/tollgate.db")
                .exists(),
            !state
        );
        served.signal(rustix::process::Signal::TERM);
        assert_eq!(served.ended().await.0, Some(0));
    }
}

#[tokio::test]
async fn an_example_policy_is_added_to_a_configuration_that_it_leaves_alone() {
    let shell = Shell::new().with_all_connectors();
    let shown = shell
        .play(
            "tollgate init --policy own-branch --policy no-secrets
             tollgate init --policy publish-asks --policy no-secrets
             tollgate init --policy own-branches
             tollgate policy test",
        )
        .await;
    assert_shown("init_policy", &shown);
    let schema = std::fs::read_to_string(shell.path("policies.d/own-branch.yaml")).unwrap();
    assert!(schema.contains("$schema=../schemas/policy.schema.json"));
}

#[tokio::test]
async fn the_readme_shows_what_init_writes() {
    let shell = Shell::new();
    shell.play("tollgate init").await;
    let example = std::fs::read_to_string(shell.path("connectors.d/tickets.yaml")).unwrap();
    let shown: Vec<&str> = example
        .lines()
        .filter(|line| !line.starts_with("# An API"))
        .collect();
    let readme = include_str!("../../../README.md");
    assert!(
        readme.contains(&shown.join("\n")),
        "README.md shows another file"
    );
}

#[tokio::test]
async fn the_policy_schema_names_what_policies_may_name() {
    let shell = Shell::new().file(
        "tools.yaml",
        "connector: tools
auth: none
domains: [tools.example]
routes:
  - { action: 'tool.{rpc.params.name}', match: POST /, rpc: tools/call, risk: medium }
  - { action: item.list, match: GET /items, params: { page: { from: 'query:page', type: int }, tags: '$.tags[*]' } }
",
    );
    shell.play("tollgate init").await;
    std::fs::rename(
        shell.path("tools.yaml"),
        shell.path("connectors.d/tools.yaml"),
    )
    .unwrap();
    let shown = shell
        .play(
            "tollgate schema connector --write
             tollgate schema policy --write --actions
             tollgate schema gateway",
        )
        .await;
    assert_shown("schema_actions", &shown);
    let schema = shell.json("schema policy --actions").await;
    let written = std::fs::read_to_string(shell.path("schemas/policy.schema.json")).unwrap();
    assert_eq!(written, format!("{schema:#}\n"));
    for place in [
        "/$defs/PolicyEntry/properties/actions/items",
        "/$defs/PermissionEntry/properties/allow/items",
        "/$defs/PermissionEntry/properties/ask/items",
        "/$defs/PermissionEntry/properties/deny/items",
    ] {
        assert_eq!(
            schema.pointer(place).unwrap()["$ref"],
            "#/$defs/ActionPattern",
            "{place}"
        );
    }
    for (place, definition) in [
        ("/$defs/TestEntry/properties/action", "Action"),
        ("/$defs/Expectation/properties/action", "Action"),
        ("/$defs/PermissionEntry/properties/connector", "Connector"),
        ("/$defs/PermissionEntry/properties/agents/items", "Agent"),
        ("/$defs/PolicyEntry/properties/agents/items", "Agent"),
        ("/$defs/TestEntry/properties/agent", "Agent"),
    ] {
        assert_eq!(
            schema.pointer(place).unwrap()["$ref"],
            format!("#/$defs/{definition}"),
            "{place}"
        );
    }
    let names = schema
        .pointer("/$defs/Action/anyOf/0/enum")
        .unwrap()
        .as_array()
        .unwrap();
    for name in [
        "github.issue.create",
        "tickets.ticket.delete",
        "tools.item.list",
        "tools.unknown",
    ] {
        assert!(names.contains(&json!(name)), "{name}");
    }
    assert_eq!(
        schema.pointer("/$defs/Action/anyOf/1").unwrap(),
        &json!({ "pattern": r"^tools\.tool\.[a-z0-9_-]+$" })
    );
    assert_eq!(
        params(&schema["$defs"]["TestEntry"], "tools.item.list").unwrap(),
        &json!({ "additionalProperties": false, "properties": { "page": { "type": "integer" }, "tags": { "type": "array", "items": {} } } }),
    );
    assert_eq!(params(&schema["$defs"]["TestEntry"], "tools.item"), None);
}

/// Follows the conditions that hold for an action to what they say of its parameters.
fn params<'a>(schema: &'a Value, action: &str) -> Option<&'a Value> {
    let holds = |entry: &&Value| {
        let name = &entry["if"]["properties"]["action"];
        let pattern = |text: &str| regex::Regex::new(text).unwrap().is_match(action);
        name["const"] == action || name["pattern"].as_str().is_some_and(pattern)
    };
    let then = &schema["allOf"].as_array()?.iter().find(holds)?["then"];
    then.pointer("/properties/params")
        .or_else(|| params(then, action))
}
