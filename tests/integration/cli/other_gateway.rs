//! A command that names a configuration is answered by the gateway that runs with it and by no other of the same user.

use rustix::process::Signal;

use super::assert_shown;
use crate::support::tollgate::Shell;

const CONFIG: &str = "proxy: { listen: ['127.0.0.1:0'] }
admin: { listen: [] }
metrics: { listen: [] }
";

/// `own/` and `other/`, neither of which says where its state is.
fn shell() -> Shell {
    Shell::new()
        .file("own/tollgate.yaml", CONFIG)
        .file("other/tollgate.yaml", CONFIG)
        .without_config()
}

#[tokio::test]
async fn no_command_reaches_one_that_runs_with_another_configuration() {
    let shell = shell();
    let other = shell.serve(&["--config", "other/tollgate.yaml"]).await;
    let commands = [
        "status",
        "status --live",
        "agent add mine",
        "agent list",
        "credential add github",
        "credential rotate github",
        "permission set --agent default --connector github --access full",
        "permission list",
        "approval list",
        "kill on",
        "kill status",
        "audit tail",
        "audit rotate-key",
        "operator add ada --role owner",
        "config show",
        "dashboard --no-open",
        "run -- true",
    ];
    for command in commands {
        let line = format!("--config own/tollgate.yaml {command}");
        let done = shell.run_line(&line).await;
        let told = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(2), "{command}: {told}");
        assert!(
            told.contains("other/tollgate.yaml`, not"),
            "{command}: {told}"
        );
    }
    let listed = "tollgate kill status\ntollgate agent list\ntollgate credential list";
    let shown = shell
        .play(&format!(
            "tollgate --config own/tollgate.yaml status
             tollgate --json --config own/tollgate.yaml agent list
             {listed}
             tollgate --config other/../other/tollgate.yaml agent list"
        ))
        .await;
    let by_variable = shell.env("TOLLGATE_CONFIG", "own/tollgate.yaml");
    let shown = format!("{shown}{}", by_variable.play("tollgate kill on").await);
    other.signal(Signal::TERM);
    assert_eq!(other.ended().await.0, Some(0));
    assert_shown("other_gateway", &shown);
}

#[tokio::test]
async fn one_without_a_configuration_is_another_too() {
    let shell = shell()
        .env("TOLLGATE_PROXY_LISTEN", "127.0.0.1:0")
        .env("TOLLGATE_ADMIN_LISTEN", "")
        .env("TOLLGATE_METRICS_LISTEN", "127.0.0.1:0");
    let bare = shell.serve(&[]).await;
    let done = shell.run_line("--config own/tollgate.yaml kill on").await;
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{told}");
    assert!(told.contains("has no configuration file"), "{told}");
    bare.signal(Signal::TERM);
    assert_eq!(bare.ended().await.0, Some(0));
}

#[tokio::test]
async fn the_hints_of_a_first_start_reach_the_gateway_that_prints_them() {
    let shell = shell();
    let other = shell.serve(&["--config", "other/tollgate.yaml"]).await;
    let args = ["--data-dir", "my state", "--config", "own/tollgate.yaml"];
    let mut own = shell.serve(&args).await;
    own.wait_for("agent `default` is in").await;
    let told = own.told();
    let hint = |what: &str| {
        let line = told.lines().find(|line| line.contains(what)).unwrap();
        let (_, line) = line.split_once("tollgate ").unwrap();
        line.to_owned()
    };
    let add = hint("credential add");
    assert!(add.starts_with("--data-dir '/"), "{add}");
    let done = shell
        .play(&format!(
            "tollgate {add} <<< ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        ))
        .await;
    assert!(done.contains("is kept"), "{done}");
    let shown = shell.play("tollgate credential list").await;
    assert!(!shown.contains("github"), "it went to the other: {shown}");
    let done = shell.run_line(&hint("audit tail")).await;
    let lines = String::from_utf8(done.stdout).unwrap();
    assert!(lines.contains("credential.add"), "{lines}");
    for served in [own, other] {
        served.signal(Signal::TERM);
        assert_eq!(served.ended().await.0, Some(0));
    }
}
