//! `connector`: what is known, shown, checked and tested.

use super::assert_shown;
use crate::support::tollgate::Shell;

const TICKETS: &str = "connector: tickets
name: Ticket system
version: 1
domains: [tickets.example.com, '*.tickets.example.com']
auth:
  - { id: token, fields: [{ name: user, secret: false }, token], basic: { username: '{user}', password: '{token}' } }
routes:
  - action: ticket.create
    match: POST /v1/tickets
    params: { queue: { from: $.queue, pattern: '[a-z]+' } }
    tests:
      - { request: POST https://tickets.example.com/v1/tickets, body: { queue: ops }, expect: { params: { queue: ops } } }
  - { action: ticket.close, match: 'POST /v1/tickets/{id}', when: 'body.state == \"closed\"', only: [state], risk: medium }
  - { action: ticket.update, match: 'POST /v1/tickets/{id}' }
fallback: { risk: medium }
";

fn shell() -> Shell {
    Shell::new()
        .file("connectors.d/tickets.yaml", TICKETS)
        .file("tollgate.yaml", "connectors: [connectors.d]\n")
}

#[tokio::test]
async fn a_connector_is_shown_route_by_route() {
    let shown = shell()
        .play(
            "tollgate connector show tickets
             tollgate --json connector show tickets
             tollgate connectors show tikets",
        )
        .await;
    assert_shown("connector", &shown);
}

#[tokio::test]
async fn the_lists_have_every_connector() {
    let listed = shell().run(&["connector", "list"], "").await.stdout;
    let listed = String::from_utf8(listed).unwrap();
    let columns = ["tickets", "Ticket", "system", "3", "token"];
    assert!(
        listed
            .lines()
            .any(|line| line.split_whitespace().take(5).eq(columns)),
        "{listed}"
    );
    let document = shell().json("--json connector list").await;
    let connectors = document["connectors"].as_array().unwrap();
    let ids: Vec<&str> = connectors
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert!(
        ["github", "http", "jira", "tickets"]
            .iter()
            .all(|id| ids.contains(id)),
        "{ids:?}"
    );
}

#[tokio::test]
async fn files_are_checked_and_their_tests_run() {
    let shown = shell()
        .file(
            "wrong.yaml",
            TICKETS.replace("queue: ops }, expect", "queue: Ops }, expect"),
        )
        .file(
            "broken.yaml",
            TICKETS
                .replace("POST /v1/tickets\n", "POSTT /v1/tickets\n")
                .replace("token]", "tokn]"),
        )
        .file(
            "twice.yaml",
            TICKETS.replace(", when: 'body.state == \"closed\"', only: [state]", ""),
        )
        .play(
            "tollgate connector check connectors.d/tickets.yaml
             tollgate connector test connectors.d/tickets.yaml
             tollgate connector test wrong.yaml
             tollgate connector check broken.yaml
             tollgate connector check twice.yaml
             tollgate --json connector test wrong.yaml
             tollgate connector check nowhere.yaml",
        )
        .await;
    assert_shown("connector_check", &shown);
}

#[tokio::test]
async fn every_built_in_connector_loads_unless_the_configuration_names_some() {
    let ids = async |shell: &Shell| {
        let document = shell.json("--json connector list").await;
        let connectors = document["connectors"].as_array().unwrap().clone();
        connectors
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = ids(&Shell::new().with_all_connectors()).await;
    assert!(all.len() > 10, "{all:?}");
    let some = ids(&Shell::new().env("TOLLGATE_BUILT_IN", "jira")).await;
    assert_eq!(some, ["jira"]);
    let none = ids(&Shell::new()
        .file("tollgate.yaml", "built_in: []\n")
        .env("TOLLGATE_BUILT_IN", ""))
    .await;
    assert!(none.is_empty(), "{none:?}");
    let wrong = Shell::new().env("TOLLGATE_BUILT_IN", "jira,githb");
    let done = wrong.run(&["connector", "list"], "").await;
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{told}");
    assert!(
        told.contains("`built_in` names `githb`, which is no built-in connector"),
        "{told}"
    );
}
