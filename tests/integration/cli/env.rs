//! `env`: the variables that send a program's traffic through the gateway, in every form.

use super::assert_shown;
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

#[tokio::test]
async fn variables_are_printed_for_shells_files_and_programs() {
    let gateway = Builder::new()
        .credential("github", "api.github.com", ("token", "declared-secret"))
        .start()
        .await;
    let shown = Shell::at(&gateway.path(""))
        .play(
            "tollgate env --agent ci
             tollgate env --agent ci --format dotenv
             tollgate env --agent ci --format compose
             tollgate --json env --agent ci --new-token
             tollgate env --agent Nobody
             tollgate env --agent nobody --new-token
             tollgate env --format toml",
        )
        .await;
    assert!(!shown.contains("declared-secret"));
    // Each connector adds its own.
    let shown: Vec<&str> = shown
        .lines()
        .filter(|line| !line.contains("placeholder") || line.contains("GITHUB_TOKEN"))
        .collect();
    assert_shown("env", &shown.join("\n"));
}

#[tokio::test]
async fn what_a_shell_reads_is_what_was_meant() {
    let gateway = Builder::new().start().await;
    let shell = Shell::at(&gateway.path(""));
    let script = shell.run(&["env", "--agent", "ci"], "").await.stdout;
    let mut read = tokio::process::Command::new("sh");
    let script = String::from_utf8(script).unwrap();
    read.env_clear().arg("-c").arg(format!(
        "{script}\nprintf '%s' \"$HTTPS_PROXY $NODE_EXTRA_CA_CERTS\""
    ));
    let read = read.output().await.unwrap();
    let wanted = format!(
        "http://ci:TOKEN@{} {}",
        gateway.agent.proxy,
        gateway.path("state/ca.pem").display()
    );
    assert_eq!(String::from_utf8(read.stdout).unwrap(), wanted);
}
