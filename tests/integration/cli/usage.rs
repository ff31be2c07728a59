//! What every command has in common: help, usage errors, JSON errors, pipes that close.

use std::process::Stdio;

use super::assert_shown;
use crate::support::tollgate::Shell;

#[tokio::test]
async fn every_command_explains_itself() {
    let shell = Shell::new();
    let mut shown = shell.play("tollgate --help\ntollgate --version").await;
    for command in [
        "serve",
        "run",
        "env",
        "check",
        "explain",
        "ca",
        "status",
        "connector",
        "connector list",
        "connector show",
        "connector check",
        "connector test",
        "credential",
        "credential add",
        "credential list",
        "credential remove",
        "agent",
        "agent add",
        "agent list",
        "agent remove",
        "permission",
        "permission set",
        "permission list",
        "permission remove",
        "permission export",
        "policy",
        "policy check",
        "policy test",
        "audit",
        "audit tail",
        "audit query",
        "audit verify",
        "audit rotate-key",
        "audit export",
        "completions",
        "schema",
        "init",
    ] {
        shown.push_str(&shell.play(&format!("tollgate {command} --help")).await);
    }
    assert_shown("help", &shown);
}

#[tokio::test]
async fn a_wrong_command_line_ends_with_2() {
    let shown = Shell::new()
        .play(
            "tollgate
             tollgate frob
             tollgate agent
             tollgate agent add
             tollgate --json agent add
             tollgate --json frob
             tollgate run
             tollgate completions tcsh
             tollgate check --format yaml
             tollgate serve --port 1",
        )
        .await;
    assert_shown("usage", &shown);
}

#[tokio::test]
async fn without_a_store_commands_end_with_3_and_make_none() {
    let shell = Shell::new();
    let shown = shell
        .play(
            "tollgate agent list
             tollgate --json agent list
             tollgate credential list
             tollgate permission list
             tollgate audit tail
             tollgate run -- true
             tollgate env
             tollgate explain GET https://api.github.com/user --agent default",
        )
        .await;
    assert_shown("no_store", &shown);
    assert!(!shell.path("home").exists(), "a command made something");
}

#[tokio::test]
async fn a_closed_pipe_ends_a_command_quietly() {
    let shell = Shell::new();
    for args in [
        &["connector", "list"][..],
        &["--help"],
        &["schema"],
        &["check"],
        &["completions", "bash"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let done = shell
            .command(args)
            .stdout(Stdio::from(writer))
            .output()
            .await
            .unwrap();
        assert_eq!(done.stderr, b"", "{args:?}");
        assert_eq!(done.status.code(), Some(0), "{args:?}");
    }
}

#[tokio::test]
async fn completions_and_schemas_are_printed() {
    let shell = Shell::new();
    for which in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let done = shell.run(&["completions", which], "").await;
        let script = String::from_utf8(done.stdout).unwrap();
        assert!(
            script.contains("tollgate") && script.contains("credential"),
            "{which}"
        );
    }
    let schemas = shell.json("schema").await;
    let published: serde_json::Map<String, serde_json::Value> = tollgate::cli::schemas()
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    assert_eq!(schemas, serde_json::Value::Object(published));
    let shown = shell.play("tollgate schema --write").await;
    assert_shown("schema_written", &shown);
    assert!(shell.path("schemas/policy.schema.json").is_file());
}
