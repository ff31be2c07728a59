//! `check`: everything at once, offline, in four forms; exit 1 where there is a problem.

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
