//! `connector suggest`: what the journal holds as `unknown`, as routes; what agents wrote stays text.

use super::assert_shown;
use crate::support::agent::exchange;
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;
use crate::support::upstream::Upstream;

const HOST: &str = "api.test";

const CONNECTOR: &str = "
connector: api
domains: [api.test]
base_paths: [/v1]
auth: none
routes:
  - { action: repo.get, match: 'GET /repos/{owner}/{repo}' }
  - { action: repo.list, match: GET /repos }
  - { action: label.add, match: POST /graphql, graphql: mutation.addLabel }
  - { action: tool.list, match: POST /mcp, rpc: tools/list, risk: low }
";

/// One line a request, asked so often.
const ASKED: [(&str, usize); 10] = [
    ("GET /v1/repos/acme/site/rulesets/31", 2),
    ("GET /v1/repos/acme/shop/rulesets/7", 1),
    ("DELETE /v1/repos/acme/site", 1),
    ("GET /v1/repos", 1),
    (
        "POST /v1/users/0b4a7e0e-5c5c-4b1e-9d2a-7a1f6c3d2e10/keys",
        1,
    ),
    (
        "POST /v1/x%0A%20%20-%20action:%20fine.get/%1b%5b31m%e2%80%ae",
        1,
    ),
    ("GET /v1/teams/red", 1),
    ("GET /v1/teams/green", 1),
    ("GET /v1/teams/blue", 1),
    ("GET /v1/teams/grey", 1),
];

#[tokio::test]
async fn unknown_requests_become_routes_that_a_person_looks_at() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = Builder::new()
        .connector("api", CONNECTOR)
        .upstream("api.test:443", &upstream)
        .start()
        .await;
    let mut tls = gateway.agent.tls_tunnel("api.test:443", HOST).await;
    let teams = (b'a'..b'd').map(|letter| format!("GET /v1/teams/t{}", char::from(letter)));
    let requests = ASKED
        .iter()
        .flat_map(|(line, times)| vec![(*line).to_owned(); *times])
        .chain(teams);
    for line in requests {
        exchange(
            &mut tls,
            &format!("{line} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        )
        .await;
    }
    for (path, body) in [
        ("graphql", r#"{"query":"mutation { removeLabel }"}"#),
        (
            "mcp",
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read"}"#,
        ),
        // As a route it would be all methods.
        ("mcp", r#"{"jsonrpc":"2.0","id":1,"method":"*"}"#),
    ] {
        let head = format!(
            "POST /v1/{path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        exchange(&mut tls, &(head + body)).await;
    }
    let shown = Shell::at(&gateway.path(""))
        .play(
            "tollgate connector suggest
             tollgate connector suggest api --limit 1
             tollgate --json connector suggest api --limit 1
             tollgate connector suggest github
             tollgate connector suggest ap",
        )
        .await;
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    assert!(!shown.contains("- action: fine.get"), "{shown}");
    assert_shown("suggest", &shown);
}
