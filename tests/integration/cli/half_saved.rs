//! A file that is half saved: who must stop something, or see how the gateway is, need not mend it first.

use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;
use rustix::process::Signal;

const CONFIG: &str = "proxy: { listen: ['127.0.0.1:0'] }
admin: { listen: [] }
metrics: { listen: [] }
data_dir: state
connectors: [connectors.d]
agents: [{ name: ci }]
";

const CONNECTOR: &str = "connector: api\nname: Api\nversion: 1\ndomains: [api.test]\nauth: none\nroutes: [{ action: a.b, match: GET /, risk: low }]\n";

const COMMANDS: &str = "tollgate status
    tollgate kill on --agent ci
    tollgate kill status
    tollgate kill off --agent ci
    tollgate approval list
    tollgate run --agent ci -- true
    tollgate env --agent ci --format dotenv";

#[tokio::test]
async fn kill_status_approval_run_and_env_go_by_the_socket_whatever_the_files_hold() {
    let shell = Shell::new()
        .file("tollgate.yaml", CONFIG)
        .file("connectors.d/api.yaml", CONNECTOR);
    let served = shell.serve(&[]).await;
    let whole = shell.play(COMMANDS).await;
    assert!(!whole.contains("[exit"), "{whole}");
    for (name, text) in [
        ("tollgate.yaml", "proxy: { listen: [\n"),
        ("tollgate.yaml", "log: { level: debgu }\n"),
        ("tollgate.yaml", ""),
        ("connectors.d/api.yaml", "connector: api\nroutes: [\n"),
    ] {
        let kept = std::fs::read(shell.path(name)).unwrap();
        std::fs::write(shell.path(name), text).unwrap();
        let shown = shell.play(COMMANDS).await;
        // A gateway that cannot take its files over says so with 1, and works.
        let shown = shown.replacen(
            "[exit 1]\n",
            "",
            usize::from(shown.contains("FAILED") || shown.contains("HAS ERRORS")),
        );
        assert!(!shown.contains("[exit"), "{name}: {text}\n{shown}");
        assert!(shown.contains("HTTPS_PROXY=\"http://ci:"), "{shown}");
        std::fs::write(shell.path(name), kept).unwrap();
    }
    std::fs::remove_dir_all(shell.path("connectors.d")).unwrap();
    let shown = shell.play(COMMANDS).await;
    assert!(shown.contains("is halted"), "{shown}");
    served.signal(Signal::TERM);
    assert_eq!(served.ended().await.0, Some(0));
}

#[tokio::test]
async fn the_state_directory_can_be_named_alone() {
    let shell = Shell::new()
        .file("tollgate.yaml", CONFIG)
        .file("connectors.d/api.yaml", CONNECTOR);
    let served = shell.serve(&[]).await;
    let other = Shell::at(&shell.path("")).without_config();
    let shown = other
        .play("tollgate --data-dir state status\ntollgate status --data-dir state\ntollgate status")
        .await;
    assert_eq!(shown.matches("is ready").count(), 2, "{shown}");
    assert!(shown.contains("[exit 3]"), "{shown}");
    drop(served);
}

#[tokio::test]
async fn a_change_is_in_force_when_its_command_returns() {
    let gateway = Builder::new().start().await;
    let shell = Shell::at(&gateway.path(""));
    for name in ["one", "two", "three", "four", "five"] {
        let token = shell.json(&format!("--json agent add {name}")).await["token"].clone();
        let agent = gateway.other(name, token.as_str().unwrap());
        let head = "GET http://tollgate.internal/whoami HTTP/1.1\r\nHost: tollgate.internal\r\n";
        let request = format!("{head}{}\r\n", agent.authorization());
        let mut socket = agent.connect().await;
        let answer = crate::support::agent::exchange(&mut socket, &request).await;
        assert_eq!(answer.status, 200, "{name}");
        shell.json(&format!("--json agent remove {name}")).await;
        let mut socket = agent.connect().await;
        let answer = crate::support::agent::exchange(&mut socket, &request).await;
        assert_eq!(answer.status, 407, "{name}");
    }
}

#[tokio::test]
async fn commands_that_write_make_the_store_before_the_first_start() {
    let config =
        format!("{CONFIG}policies: [policies.d]\n").replace("connectors: [connectors.d]\n", "");
    let shell = Shell::new().file("tollgate.yaml", config).file(
        "policies.d/team.yaml",
        "permissions: [{ agents: [support], connector: github, access: read_only }]\n",
    );
    let shown = shell
        .play(
            "tollgate agent add support
             tollgate credential add github <<< ghp_0123456789abcdef
             tollgate permission set --agent support --connector jira --access ask",
        )
        .await;
    assert!(!shown.contains("[exit"), "{shown}");
    assert!(shown.contains("made the state directory"), "{shown}");
    let served = shell.serve(&[]).await;
    let status = shell.json("--json status").await;
    assert_eq!(status["reload"]["warnings"], serde_json::json!([]));
    assert_eq!(status["credentials_unhealthy"], serde_json::json!([]));
    served.signal(Signal::TERM);
    assert_eq!(served.ended().await.0, Some(0));

    // The other order: what names nobody yet does not keep the gateway from starting.
    let fresh = Shell::new()
        .file(
            "tollgate.yaml",
            std::fs::read(shell.path("tollgate.yaml")).unwrap(),
        )
        .file(
            "policies.d/team.yaml",
            "permissions: [{ agents: [support], connector: github, access: read_only }]\n",
        );
    let served = fresh.serve(&[]).await;
    assert!(
        served.told().contains("there is no agent `support`"),
        "{}",
        served.told()
    );
    let shown = fresh
        .play("tollgate agent add support\ntollgate status")
        .await;
    assert!(!shown.contains("there is no agent"), "{shown}");
    drop(served);
}

#[tokio::test]
async fn a_misspelt_level_is_told_before_it_silences_the_log() {
    let shell = Shell::new().file(
        "tollgate.yaml",
        "log: { level: debgu }\nproxy: { listen: ['127.0.0.1:0'] }\n",
    );
    let shown = shell
        .play("tollgate check\ntollgate serve\ntollgate check .")
        .await;
    assert_eq!(
        shown.matches("`debgu` is not a log level").count(),
        3,
        "{shown}"
    );
    let shown = Shell::new()
        .env("TOLLGATE_LOG", "tollgate=inof")
        .play("tollgate serve")
        .await;
    assert!(
        shown.contains("`tollgate=inof` is not a log level"),
        "{shown}"
    );
    assert!(shown.contains("[exit 1]"), "{shown}");
}
