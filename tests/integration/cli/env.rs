//! `env`: the variables that send a program's traffic through the gateway, in every form.

use super::assert_shown;
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

#[tokio::test]
async fn variables_are_printed_for_shells_files_and_programs() {
    let gateway = Builder::with_github()
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
             tollgate env --agent nobody
             tollgate env --agent nobody --new-token
             tollgate env --format toml",
        )
        .await;
    assert!(!shown.contains("declared-secret"));
    // It is made with a key of this gateway's own.
    let placeholder = shown
        .lines()
        .find_map(|line| line.strip_prefix("export GITHUB_TOKEN='"))
        .unwrap();
    let placeholder = placeholder.trim_end_matches('\'').to_owned();
    assert!(placeholder.len() > "declared-secret".len());
    let port = gateway.agent.proxy.port();
    let shown = shown
        .replace(&placeholder, "<placeholder>")
        .replace(&format!("@tollgate:{port}"), "@tollgate:<port>");
    assert_shown("env", &shown);
}

#[tokio::test]
async fn what_a_shell_reads_is_what_was_meant() {
    let gateway = Builder::with_github().start().await;
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

#[tokio::test]
async fn an_agent_of_another_container_finds_proxy_and_files_where_they_are_said_to_be() {
    let gateway = Builder::with_github().start().await;
    let shell = Shell::at(&gateway.path(""));
    let volume = gateway.path("volume");
    std::fs::create_dir(&volume).unwrap();
    let volume = volume.display().to_string();
    let asked = [
        "env", "--agent", "ci", "--format", "json", "--proxy", "gw.corp", "--files", &volume,
    ];
    let answer = shell.run(&asked, "").await;
    let variables: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
    let port = gateway.agent.proxy.port();
    assert_eq!(
        variables["HTTPS_PROXY"],
        format!("http://ci:TOKEN@gw.corp:{port}")
    );
    let ca = std::fs::read_to_string(variables["NODE_EXTRA_CA_CERTS"].as_str().unwrap()).unwrap();
    assert_eq!(ca.trim(), gateway.agent.ca_pem.trim());
    let bundle = std::fs::read_to_string(format!("{volume}/ca-bundle.pem")).unwrap();
    assert!(bundle.contains(ca.trim()));

    for (proxy, wanted) in [
        ("gw.corp:8080", "@gw.corp:8080"),
        ("[fd00::1]:80", "@[fd00::1]:80"),
    ] {
        let answer = shell
            .run(&["env", "--agent", "ci", "--proxy", proxy], "")
            .await;
        assert!(
            String::from_utf8_lossy(&answer.stdout).contains(wanted),
            "{proxy}"
        );
    }
    let answer = shell
        .run(&["env", "--agent", "ci", "--proxy", "http://gw"], "")
        .await;
    assert_eq!(answer.status.code(), Some(2));
    let answer = shell
        .run(&["env", "--agent", "ci", "--files", "/proc/nothing"], "")
        .await;
    assert_eq!(answer.status.code(), Some(1));
}
