//! `--server`: commands on another machine reach the gateway over TLS, with a token, or not at all.

use crate::support::certificate::{Issued, Validity};
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

const TOKEN: &str = "tgo_remote_0123456789abcdef012345678";

#[tokio::test]
async fn a_command_elsewhere_asks_over_tls_with_a_token() {
    let issued = Issued::new(&["localhost"], Validity::Now);
    let gateway = Builder::new()
        .operator("remote", "editor", TOKEN)
        .admin_tls(&issued.leaf_pem, &issued.key_pem())
        .start()
        .await;
    let port = gateway.serving().addresses().admin[0].port();
    let other = Shell::new()
        .file("ca.pem", &issued.ca_pem)
        .env("TOLLGATE_OPERATOR_TOKEN", TOKEN);
    let server = format!("--json --server https://localhost:{port} --ca ca.pem");
    let added = other.json(&format!("{server} agent add far")).await;
    assert!(added["token"].as_str().unwrap().starts_with("tga_"));
    let listed = other.json(&format!("{server} agent list")).await;
    assert!(listed.to_string().contains("\"far\""), "{listed}");
    let halted = other.json(&format!("{server} kill on --agent far")).await;
    assert_eq!(halted["by"], "remote");
    let status = other.json(&format!("{server} status")).await;
    assert_eq!(status["halts"][0]["name"], "far");
}

#[tokio::test]
async fn a_server_that_is_not_known_or_not_secured_gets_no_token() {
    let issued = Issued::new(&["localhost"], Validity::Now);
    let other_authority = Issued::new(&["localhost"], Validity::Now);
    let gateway = Builder::new()
        .operator("remote", "editor", TOKEN)
        .admin_tls(&issued.leaf_pem, &issued.key_pem())
        .start()
        .await;
    let port = gateway.serving().addresses().admin[0].port();
    let shell = Shell::new().file("ca.pem", &other_authority.ca_pem);
    let server = format!("https://localhost:{port}");
    let ask = ["--server", &server, "--ca", "ca.pem", "agent", "list"];
    let done = shell.run(&ask, "").await;
    assert_eq!(done.status.code(), Some(2), "{done:?}");
    let shell = shell.env("TOLLGATE_OPERATOR_TOKEN", TOKEN);
    let done = shell.run(&ask, "").await;
    assert_eq!(done.status.code(), Some(3), "{done:?}");
    let plain = format!("http://localhost:{port}");
    let done = shell.run(&["--server", &plain, "agent", "list"], "").await;
    assert_eq!(done.status.code(), Some(2), "{done:?}");
}

/// Commands that work on this machine only, and those that need a gateway.
const HERE: &str = "serve
    run -- true
    env
    check
    ca
    connector check x.yaml
    connector test
    connector new x
    connector suggest
    credential add github --oauth
    credential add github --source token=file:/x
    policy check
    policy test
    policy diff a b
    policy replay
    audit rotate-key
    audit verify journal
    completions bash
    schema
    init";

#[tokio::test]
async fn a_flag_that_a_command_would_pass_over_is_refused() {
    let shell = Shell::new().env("TOLLGATE_OPERATOR_TOKEN", TOKEN);
    let flags = "--server https://localhost:1";
    let commands = HERE.lines().map(|line| format!("{flags} {}", line.trim()));
    let offline = ["status", "approval list", "serve", "run -- true"];
    let offline = offline.map(|command| format!("--offline {command}"));
    for command in commands.chain(offline) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let done = shell.run(&words, "").await;
        let told = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(2), "{command}: {told}");
        let flag = words[0];
        assert!(
            told.contains(flag) && told.contains("help:"),
            "{command}: {told}"
        );
    }
    let done = shell.run(&["--ca", "x.pem", "status"], "").await;
    assert_eq!(done.status.code(), Some(2), "{done:?}");
}

#[tokio::test]
async fn a_store_that_a_gateway_holds_is_not_written_beside_it() {
    let gateway = Builder::new().start().await;
    let shown = Shell::at(&gateway.path(""))
        .play(
            "tollgate --offline agent add beside
             tollgate --offline kill on
             tollgate --offline credential add github <<< ghp_0123456789abcdef",
        )
        .await;
    assert_eq!(
        shown
            .matches("a gateway runs on the state directory")
            .count(),
        3,
        "{shown}"
    );
    assert_eq!(shown.matches("[exit 1]").count(), 3, "{shown}");
}

#[tokio::test]
async fn records_of_another_machine_are_read_as_those_of_this_one() {
    let issued = Issued::new(&["localhost"], Validity::Now);
    let gateway = Builder::new()
        .operator("remote", "editor", TOKEN)
        .admin_tls(&issued.leaf_pem, &issued.key_pem())
        .start()
        .await;
    let port = gateway.serving().addresses().admin[0].port();
    let here = Shell::at(&gateway.path(""));
    let there = Shell::new()
        .file("ca.pem", &issued.ca_pem)
        .env("TOLLGATE_OPERATOR_TOKEN", TOKEN);
    here.json("--json agent add one").await;
    here.json("--json agent add two").await;
    gateway.changed(2).await;
    let server = format!("--server https://localhost:{port} --ca ca.pem");
    for command in [
        "--json audit query --limit 2",
        "audit query --text agent.add",
        "audit tail --lines 1",
        "audit export --format csv --text agent.add",
        "audit export --text agent.add",
    ] {
        let local: Vec<&str> = command.split_whitespace().collect();
        let line = format!("{server} {command}");
        let remote: Vec<&str> = line.split_whitespace().collect();
        let (local, remote) = (here.run(&local, "").await, there.run(&remote, "").await);
        assert!(remote.status.success(), "{command}: {remote:?}");
        assert!(!remote.stdout.is_empty(), "{command}");
        assert_eq!(
            String::from_utf8(local.stdout).unwrap(),
            String::from_utf8(remote.stdout).unwrap(),
            "{command}"
        );
    }
    let report = there.json(&format!("--json {server} audit verify")).await;
    assert_eq!(report["claim"], "self-consistent only", "{report}");
}
