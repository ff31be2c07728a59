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

#[tokio::test]
async fn rules_that_no_test_is_decided_by_are_named() {
    let more = "  - { id: untested, actions: [github.issue.create], decision: deny }\ntests:";
    let shell = Shell::new()
        .file("tollgate.yaml", "policies: [policies.d]\n")
        .file("policies.d/team.yaml", GOOD.replace("tests:", more));
    let tested = shell.json("--json policy test --coverage").await;
    let rules = tested["coverage"].as_array().unwrap();
    let tests = |id: &str| {
        let mut of = rules.iter().filter(|rule| rule["id"] == id);
        of.next().unwrap()["tests"].clone()
    };
    assert_eq!(
        (tests("no-deletion"), tests("untested")),
        (1.into(), 0.into())
    );
    let shown = shell.play("tollgate policy test --coverage").await;
    assert!(shown.contains("1 of 3 decide in no test"), "{shown}");
}

#[tokio::test]
async fn a_likely_word_inside_an_allow_is_never_a_riskier_one() {
    let allow =
        |name: &str| format!("permissions: [{{ agents: ['*'], allow: [github.repo.{name}] }}]\n");
    let shell = Shell::new()
        .file("tollgate.yaml", "policies: [policies.d]\n")
        .file("policies.d/team.yaml", allow("delet"));
    let shown = shell.play("tollgate policy check").await;
    assert!(
        !shown.contains("did you mean `github.repo.delete`"),
        "{shown}"
    );
    let deny = allow("delet").replace("allow:", "deny:");
    std::fs::write(shell.path("policies.d/team.yaml"), deny).unwrap();
    let shown = shell.play("tollgate policy check").await;
    assert!(
        shown.contains("did you mean `github.repo.delete`"),
        "{shown}"
    );
}
