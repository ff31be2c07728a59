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
    let gateway = Builder::new()
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
    let gateway = Builder::new()
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
    let gateway = Builder::new().start().await;
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
