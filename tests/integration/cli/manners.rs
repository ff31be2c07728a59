//! Manners: what a new user types works, and what a command did not do it says.

use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

#[tokio::test]
async fn a_command_is_run_without_a_separator_and_its_flags_stay_its_own() {
    let gateway = Builder::new().start().await;
    let shell = Shell::at(&gateway.path(""));
    for line in [
        "run --agent ci printenv HTTPS_PROXY",
        "run --agent ci -- printenv HTTPS_PROXY",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let done = shell.run(&words, "").await;
        let shown = String::from_utf8(done.stdout).unwrap();
        assert!(shown.starts_with("http://ci:"), "{line}: {shown}");
    }
    let words = ["run", "--agent", "ci", "printf", "%s", "--json"];
    let done = shell.run(&words, "").await;
    assert_eq!(String::from_utf8(done.stdout).unwrap(), "--json");
}

#[tokio::test]
async fn the_tutorials_spellings_keep_their_meaning() {
    let gateway = Builder::new().start().await;
    let shell = Shell::at(&gateway.path(""));
    let shown = shell
        .play(
            "tollgate connector add --type jira --name 'Jira Cloud' --domain acme.atlassian.net <<< ada@example.com\\nATATT-0123456789
             tollgate agent add devops
             tollgate permissions set --gateway devops --connector jira --permission allow_all
             tollgate permission list
             tollgate credential list",
        )
        .await;
    assert!(!shown.contains("[exit"), "{shown}");
    assert!(shown.contains("credential `jira-cloud`"), "{shown}");
    assert!(shown.contains("devops on jira: full"), "{shown}");
    let shown = shell
        .play("tollgate connector add --type jira --name x --credential secret\ntollgate permissions set --help\ntollgate connector add --help")
        .await;
    assert!(
        shown.contains("give it on standard input: printf"),
        "{shown}"
    );
    assert!(
        shown.contains("--gateway") && shown.contains("its id is made of it"),
        "{shown}"
    );
}

#[tokio::test]
async fn lifting_one_halt_says_what_is_halted_still() {
    let gateway = Builder::new().start().await;
    let shown = Shell::at(&gateway.path(""))
        .play(
            "tollgate kill on --agent ci
             tollgate kill on --connector jira
             tollgate kill off --agent ci
             tollgate kill off --connector jira",
        )
        .await;
    assert_eq!(
        shown.matches("still halted: connector jira").count(),
        1,
        "{shown}"
    );
    assert_eq!(shown.matches("still halted").count(), 1, "{shown}");
}

#[tokio::test]
async fn names_in_filters_that_nothing_has_are_told() {
    let gateway = Builder::new().start().await;
    let shown = Shell::at(&gateway.path(""))
        .play("tollgate audit query --agent c1\ntollgate audit query --connector jiraa --agent ci")
        .await;
    assert!(shown.contains("there is no agent `c1` now"), "{shown}");
    assert!(
        shown.contains("no connector `jiraa` now; did you mean `jira`?"),
        "{shown}"
    );
}

#[tokio::test]
async fn settings_are_shown_with_their_source_and_manual_pages_are_written() {
    let shell = Shell::new()
        .file("tollgate.yaml", "limits: { body: 2MiB }\ndata_dir: state\n")
        .file("pages/keep", "");
    let shown = shell
        .play("tollgate config show\ntollgate man --out pages\ntollgate man --out nowhere")
        .await;
    assert!(
        shown.contains("limits.body") && shown.contains("2MiB"),
        "{shown}"
    );
    assert!(!shown.contains("limits.idle"), "{shown}");
    let page = std::fs::read_to_string(shell.path("pages/tollgate-agent-add.1")).unwrap();
    assert!(page.contains("tollgate agent add ci"), "{page}");
    assert_eq!(shown.matches("[exit 1]").count(), 1, "{shown}");
}
