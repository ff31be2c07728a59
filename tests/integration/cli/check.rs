//! `check`: everything at once, offline, in four forms; exit 1 where there is a problem.

use std::path::{Path, PathBuf};

use super::assert_shown;
use crate::support::tollgate::Shell;

/// Broken in its configuration, in a connector and in a policy.
const CONFIG: &str = "connectors: [connectors.d]
policies: [policies.d]
agents: [{ name: ci, token: { env: CI_AGENT_TOKEN } }]
credentials:
  - { id: gh, connector: github, host: api.github.com, fields: { token: { file: /run/secrets/gh } } }
";

const CONNECTOR: &str = "connector: tickets
name: Tickets
version: 1
domains: [tickets.example.com]
auth: none
routes:
  - { action: ticket.get, match: 'GET /tickets/{id}', params: { id: { pattern: '[0-9]+' } } }
  - { action: ticket.read, match: 'GET /tickets/{id}' }
";

const POLICY: &str = "permissions:
  - { agents: [ci], connector: github, access: read_only }
";

#[tokio::test]
async fn a_whole_configuration_is_checked_without_its_secrets() {
    let shown = Shell::new()
        .file("tollgate.yaml", CONFIG)
        .file(
            "connectors.d/tickets.yaml",
            CONNECTOR.lines().take(7).collect::<Vec<_>>().join("\n"),
        )
        .file("policies.d/team.yaml", POLICY)
        .play("tollgate check\ntollgate check --strict\ntollgate --json check")
        .await;
    assert_shown("check", &shown);
}

#[tokio::test]
async fn two_routes_alike_are_told_in_every_form() {
    let shown = Shell::new()
        .file("tollgate.yaml", CONFIG)
        .file("connectors.d/tickets.yaml", CONNECTOR)
        .file("policies.d/team.yaml", POLICY)
        .play(
            "tollgate check
             tollgate check --format json
             tollgate check --format sarif
             tollgate check --format github",
        )
        .await;
    assert_shown("check_routes", &shown);
}

#[tokio::test]
async fn what_is_declared_must_fit_the_connectors() {
    let shell = Shell::new()
        .file(
            "connectors.d/tickets.yaml",
            CONNECTOR.lines().take(7).collect::<Vec<_>>().join("\n"),
        )
        .file("policies.d/team.yaml", POLICY);
    let shown = shell
        .file(
            "tollgate.yaml",
            "connectors: [connectors.d]
policies: [policies.d]
agents: [{ name: ci }]
credentials:
  - { id: a, connector: gihub, host: api.github.com, fields: { token: { env: A } } }
  - { id: b, connector: github, host: github.example.com, fields: { token: { env: A } } }
  - { id: c, connector: github, host: api.github.com, scheme: basic, fields: { token: { env: A } } }
  - { id: d, connector: github, host: api.github.com, fields: { tokn: { env: A } } }
  - { id: e, connector: github, host: api.github.com, fields: { token: written-down } }
  - { id: f, connector: jira, host: acme.atlassian.net, fields: { email: ada@example.com, token: { env: A } } }
  - { id: g, connector: github, host: api.github.com, agent_owned: true }
",
        )
        .play("tollgate check")
        .await;
    assert_shown("check_declared", &shown);
}

#[tokio::test]
async fn a_directory_is_checked_whatever_is_in_it() {
    let shown = Shell::new()
        .file("whole/tollgate.yaml", "policies: [policies.d]\n")
        .file("whole/policies.d/a.yaml", POLICY)
        .file("parts/connectors.d/tickets.yaml", CONNECTOR)
        .file("loose/tickets.yaml", CONNECTOR)
        .file("loose/team.yaml", POLICY)
        .file("empty/readme.txt", "")
        .play(
            "tollgate check whole
             tollgate check parts
             tollgate check loose
             tollgate check empty
             tollgate check nowhere",
        )
        .await;
    assert_shown("check_directories", &shown);
}

/// Each by itself, as somebody would copy it, with the built-in connectors that it names.
#[tokio::test]
async fn every_example_policy_passes_the_strict_check() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = |folder: &str| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let connectors: Vec<String> = files("connectors.d").iter().map(stem).collect();
    let examples = files("policies.d/examples");
    assert!(examples.len() >= 6);
    for example in examples {
        let text = std::fs::read_to_string(&example).unwrap();
        assert!(text.matches("expect:").count() >= 4, "{example:?}");
        let named = connectors.iter().filter(|id| {
            let mut words =
                text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
            words.any(|word| word == id.as_str() || word.starts_with(&format!("{id}.")))
        });
        let named: Vec<&str> = named.map(String::as_str).collect();
        let shown = Shell::new()
            .env("TOLLGATE_BUILT_IN", &named.join(","))
            .file("policies.d/example.yaml", text)
            .play("tollgate check --strict .")
            .await;
        assert!(
            shown.contains("0 errors, 0 warnings"),
            "{example:?}: {shown}"
        );
    }
}
