//! `policy check` and `policy test`: policy files against the connectors, and the tests in them.

use super::assert_shown;
use crate::support::tollgate::Shell;

const GOOD: &str = "permissions:
  - { agents: ['*'], connector: github, access: read_only }
policies:
  - id: no-deletion
    actions: [github.repo.delete]
    decision: deny
    reason: Repositories stay.
tests:
  - { agent: default, action: github.repo.delete, expect: { decision: deny, by: [no-deletion] } }
  - { agent: default, request: GET https://api.github.com/user, expect: { action: github.user.me, decision: allow } }
";

#[tokio::test]
async fn policies_are_checked_and_their_tests_run() {
    let shown = Shell::new()
        .file("tollgate.yaml", "policies: [policies.d]\n")
        .file("policies.d/team.yaml", GOOD)
        .file(
            "other/policies.d/team.yaml",
            GOOD.replace("read_only", "none"),
        )
        .file(
            "broken/policies.d/team.yaml",
            GOOD.replace("github.repo.delete]", "github.repo.remove]")
                .replace(
                    "decision: deny\n",
                    "when: !has(params.x)\n    decision: deny\n",
                ),
        )
        .play(
            "tollgate policy check
             tollgate policy test
             tollgate policy test other
             tollgate policy check broken
             tollgate --json policies test other
             tollgate policy check nowhere",
        )
        .await;
    assert_shown("policy", &shown);
}
