//! `credential`: sealed as it is added, bound to where it may go, listed without its secret.

use super::assert_shown;
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

const SECRET: &str = "ghp_0123456789abcdef";

async fn played(script: &str) -> String {
    let gateway = Builder::with_github()
        .credential("github", "api.github.com", ("token", "declared-secret"))
        .start()
        .await;
    let shown = Shell::at(&gateway.path("")).play(script).await;
    assert!(!shown.contains("declared-secret"), "{shown}");
    shown
}

#[tokio::test]
async fn a_credential_is_added_from_standard_input_listed_and_removed() {
    let shown = played(
        "tollgate credential add github --id gh-team --agent ci --path /repos/acme <<< ghp_0123456789abcdef
         tollgate credential add jira --host acme.atlassian.net <<< ada@example.com\\nATATT-0123456789
         tollgate credential add http --id own --host api.github.com --agent-owned
         tollgate --json credential add github --id gh-json <<< ghp_0123456789abcdef
         tollgate credential list
         tollgate --json credential list
         tollgate credential remove gh-team
         tollgate --json credential remove gh-json
         tollgate credential remove gh-team",
    )
    .await;
    let told: Vec<&str> = shown
        .lines()
        .filter(|line| !line.starts_with('$'))
        .collect();
    assert!(!told.join("\n").contains(SECRET), "{shown}");
    assert!(!shown.contains("\nATATT"), "{shown}");
    assert_shown("credential", &shown);
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_and_nothing_is_stored() {
    let shown = played(
        "tollgate credential add github --credential ghp_0123456789abcdef
         tollgate credential add github
         tollgate credential add github --id a <<< short
         tollgate credential add github --id a <<< Bearer ghp_0123456789abcdef
         tollgate credential add github --id a <<< \"ghp_0123456789abcdef\"
         tollgate credential add github --id a <<< “ghp_0123456789abcdef”
         tollgate credential add github --id a <<< \u{feff}ghp_0123456789abcdef
         tollgate credential add github --id a <<< one-secret\\ntwo-secrets
         tollgate credential add jira <<< ada@example.com\\nATATT-0123456789
         tollgate credential add jira --host evil.example.com <<< ada@example.com\\nATATT-0123456789
         tollgate credential add jira --host '*.atlassian.net' <<< ada@example.com\\nATATT-0123456789
         tollgate credential add jira --host acme.atlassian.net <<< only-one-line
         tollgate credential add gitub <<< ghp_0123456789abcdef
         tollgate credential add github --id a --scheme basic <<< ghp_0123456789abcdef
         tollgate credential add github --id 'A b' <<< ghp_0123456789abcdef
         tollgate credential add github --id a --path /x/../y <<< ghp_0123456789abcdef
         tollgate credential add github --id a --agent 'A b' <<< ghp_0123456789abcdef
         tollgate credential add github --id a --from-file nowhere
         tollgate credential add github <<< ghp_0123456789abcdef
         tollgate credential remove github
         tollgate credential remove nothing
         tollgate credential list",
    )
    .await;
    assert_shown("credential_refused", &shown);
}

#[tokio::test]
async fn the_seed_product_s_spelling_adds_a_credential_too() {
    let shown = played(
        "tollgate connector add jira --name ops --domain acme.atlassian.net <<< ada@example.com\\nATATT-0123456789
         tollgate connector add --type github --name gh-two --domain api.github.com <<< ghp_0123456789abcdef
         tollgate connector add --type github --credential ghp_0123456789abcdef
         tollgate connector add
         tollgate credentials list",
    )
    .await;
    assert_shown("credential_seed", &shown);
}
