//! `explain`: how a request would be understood and decided, without sending anything.

use super::assert_shown;
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

const POLICY: &str = "permissions:
  - { agents: [ci], connector: github, access: supervised }
policies:
  - { id: no-deletion, actions: [github.repo.delete], decision: deny, reason: Repositories stay., suggest: Archive it. }
";

#[tokio::test]
async fn a_request_is_explained_as_it_would_be_decided() {
    let gateway = Builder::with_github()
        .policy("team", POLICY)
        .credential("github", "api.github.com", ("token", "declared-secret"))
        .start()
        .await;
    std::fs::write(
        gateway.path("body.json"),
        r#"{"state":"closed","base":"evil"}"#,
    )
    .unwrap();
    let shown = Shell::at(&gateway.path(""))
        .play(
            "tollgate explain GET https://api.github.com/user --agent ci
             tollgate explain DELETE https://api.github.com/repos/acme/site --agent ci
             tollgate explain PATCH https://api.github.com/repos/acme/site/pulls/7 --body @body.json --agent ci
             tollgate explain PATCH https://api.github.com/repos/acme/site/pulls/7 --body @- --agent ci <<< {\"state\":true}
             tollgate explain GET https://acme.atlassian.net/rest/api/3/issue/OPS-1 --agent ci
             tollgate explain GET https://unknown.example.com/ --agent ci
             tollgate explain GET https://api.github.com/repos/a/..%2f..%2fuser --agent ci
             tollgate explain GET https://api.github.com/user --agent ci -H 'X-HTTP-Method-Override: DELETE'
             tollgate --json explain GET https://api.github.com/user --agent ci",
        )
        .await;
    assert_shown("explain", &shown);
}

#[tokio::test]
async fn what_becomes_of_an_answer_with_a_credential_is_told() {
    let gateway = Builder::with_github()
        .connector("keys", "connector: keys\nauth: none\ndomains: [keys.test]\nroutes:\n  - { action: key.create, match: POST /keys, response_secrets: [$.key, 'header:X-Secret'] }\n  - { action: key.rotate, match: POST /rotate, response_secrets: [$.key] }\n  - { action: key.ask, match: POST /ask, response_secrets: [$.key] }\n  - { action: key.never, match: POST /never, response_secrets: [$.key] }\n")
        .policy("keys", "permissions:\n  - { agents: [ci], allow: [keys.key.create], ask: [keys.key.ask] }\n  - { agents: [ci], allow: [keys.key.rotate], response_secrets: pass }\n")
        .start()
        .await;
    let shown = Shell::at(&gateway.path(""))
        .play(
            "tollgate explain POST https://keys.test/keys --agent ci
             tollgate explain POST https://keys.test/rotate --agent ci
             tollgate explain POST https://keys.test/ask --agent ci
             tollgate explain POST https://keys.test/never --agent ci
             tollgate --json explain POST https://keys.test/keys --agent ci",
        )
        .await;
    assert_shown("explain_issued", &shown);
}

#[tokio::test]
async fn a_question_that_is_none_is_refused() {
    let gateway = Builder::with_github().start().await;
    let shown = Shell::at(&gateway.path(""))
        .play(
            "tollgate explain GET /user --agent ci
             tollgate explain 'G T' https://api.github.com/ --agent ci
             tollgate explain GET https://api.github.com/ --agent nobody
             tollgate explain GET https://api.github.com/ --agent ci -H nonsense
             tollgate explain POST https://api.github.com/ --agent ci --body @nowhere
             tollgate explain GET https://api.github.com/
             tollgate explain nonsense",
        )
        .await;
    assert_shown("explain_refused", &shown);
}

const TOLD: &str = "
connector: told
name: Told
version: 1
domains: [told.test]
auth: none
routes:
  - { action: pr.close, match: 'PATCH /pulls/{pull}', when: 'body.state == \"closed\"' }
  - { action: pr.update, match: 'PATCH /pulls/{pull}', params: { title: $.title, key: { from: $.key, secret: true } } }
  - { action: pr.get, match: 'GET /pulls/{pull}' }
";

const TOLD_POLICY: &str = "
permissions:
  - { agents: [ci], connector: told, access: full }
policies:
  - { id: ours, actions: [told.pr.update], when: 'params.title == \"x\" || agent.name == \"ada\"', decision: deny, reason: Not x. }
  - { id: theirs, agents: [default], actions: ['told.*'], decision: deny }
";

#[tokio::test]
async fn an_explanation_names_routes_rules_values_and_origins_and_hides_secrets() {
    let gateway = Builder::new()
        .connector("told", TOLD)
        .policy("told", TOLD_POLICY)
        .start()
        .await;
    let shell = Shell::at(&gateway.path(""));
    let line = "--json explain PATCH https://told.test/pulls/7 --agent ci --header content-type:application/json --body";
    let words: Vec<&str> = line.split_whitespace().collect();
    let body = r#"{"title":"x","state":"open","key":"hush"}"#;
    let words: Vec<&str> = words.into_iter().chain([body]).collect();
    let done = shell.run(&words, "").await;
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(!text.contains("hush"), "{text}");
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["decision"], "deny", "{told}");
    let lost = |action: &str| {
        let routes = told["routes"].as_array().unwrap().iter();
        let mut routes = routes.filter(|route| route["action"] == action);
        routes.next().unwrap()["lost"].clone()
    };
    assert_eq!(lost("told.pr.update"), serde_json::Value::Null);
    assert_eq!(lost("told.pr.close"), "its `when` does not hold");
    assert_eq!(lost("told.pr.get"), "it is for another method");
    let from = &told["actions"][0]["from"];
    assert_eq!(from["title"], "body $.title", "{told}");
    assert_eq!(from["pull"], "path {pull}");
    let rules = told["rules"][0]["rules"].as_array().unwrap();
    let rule = |id: &str| rules.iter().find(|rule| rule["id"] == id).unwrap();
    assert_eq!(rule("ours")["because"], "it applies");
    assert_eq!(rule("theirs")["because"], "it is for other agents");
    let parts: Vec<(&str, &str)> = rule("ours")["condition"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| {
            (
                part["text"].as_str().unwrap(),
                part["value"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(parts.contains(&("params.title", "\"x\"")), "{parts:?}");
    assert!(
        parts.contains(&("agent.name == \"ada\"", "false")),
        "{parts:?}"
    );
    // As a person reads it, for the agent that `run` works for.
    let shown = shell
        .play("tollgate explain GET https://told.test/pulls/7")
        .await;
    assert!(shown.contains("policy theirs"), "{shown}");
}
