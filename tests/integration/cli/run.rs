//! `run`: a command goes through the gateway under a token that dies with it; no secret of the operator reaches it.

use super::assert_shown;
use crate::support::agent::exchange;
use crate::support::certificate::{Issued, Validity};
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

#[tokio::test]
async fn the_command_s_exit_is_the_exit_of_run() {
    let gateway = Builder::with_github().start().await;
    let shown = Shell::at(&gateway.path(""))
        .play(
            "tollgate run -- sh -c 'echo out; echo err >&2; exit 7'
             tollgate run -- sh -c 'kill -TERM $$'
             tollgate run -- no-such-command
             tollgate run -- /etc/passwd
             tollgate --json run -- no-such-command
             tollgate run --agent ci -- cat <<< what it reads
             tollgate run --agent nobody -- true
             tollgate run --agent Nobody -- true",
        )
        .await;
    assert_shown("run", &shown);
}

#[tokio::test]
async fn a_child_finds_the_gateway_and_no_secret() {
    let gateway = Builder::with_github()
        .credential("github", "api.github.com", ("token", "declared-secret"))
        .settings("vault: { key: { passphrase_env: VAULT_PASSPHRASE } }")
        .env("VAULT_PASSPHRASE", "correct horse battery staple")
        .start()
        .await;
    let shell = Shell::at(&gateway.path(""))
        .env("VAULT_PASSPHRASE", "correct horse battery staple")
        .env("TOLLGATE_LOG", "debug")
        .env("GITHUB_TOKEN", "ghp_the-operators-own")
        .env("NO_PROXY", "internal.example.com")
        .env("KEPT", "kept");
    let done = shell.run(&["run", "--agent", "ci", "--", "env"], "").await;
    let shown = String::from_utf8(done.stdout).unwrap();
    let variable = |name: &str| {
        shown
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    };
    let proxy = variable("HTTPS_PROXY").unwrap();
    assert!(
        proxy.starts_with("http://ci:tga_") && proxy.ends_with(&gateway.agent.proxy.to_string()),
        "{proxy}"
    );
    let held = variable("GITHUB_TOKEN").unwrap();
    // Longer than the secret, which is short, and without its punctuation, since it is of no known kind.
    assert!(held.len() > 20 && !held.contains('-'), "{held}");
    assert_eq!(variable("NO_PROXY"), Some("internal.example.com"));
    assert_eq!(variable("KEPT"), Some("kept"));
    assert_eq!(
        (variable("TOLLGATE_LOG"), variable("VAULT_PASSPHRASE")),
        (None, None)
    );
    for secret in ["declared-secret", "the-operators-own", "correct horse"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn a_child_trusts_our_ca_and_still_every_authority_that_its_environment_names() {
    let gateway = Builder::with_github().start().await;
    let mut shell = Shell::at(&gateway.path(""));
    let variables = [
        "SSL_CERT_FILE",
        "NODE_EXTRA_CA_CERTS",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "AWS_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "PIP_CERT",
        "npm_config_cafile",
    ];
    let mut theirs = Vec::new();
    for name in variables {
        let pem = Issued::new(&["any.test"], Validity::Now).ca_pem;
        shell = shell.file(name, &pem).env(name, name);
        theirs.push(pem.lines().nth(1).unwrap().to_owned());
    }
    // What a variable names and cannot be read costs that one alone, and is told.
    let shell = shell.file("empty.pem", "").env("DENO_CERT", "empty.pem");
    let ca = std::fs::read_to_string(gateway.path("state/ca.pem")).unwrap();
    let ours = ca.lines().nth(1).unwrap();
    let script = "cat \"$NODE_EXTRA_CA_CERTS\"; echo; echo ====; cat \"$REQUESTS_CA_BUNDLE\";                   test \"$REQUESTS_CA_BUNDLE\" = \"$GIT_SSL_CAINFO\"";
    let done = shell.run(&["run", "--", "sh", "-c", script], "").await;
    assert!(done.status.success(), "{done:?}");
    let told = String::from_utf8(done.stderr).unwrap();
    assert!(
        told.contains("does not trust what DENO_CERT names"),
        "{told}"
    );
    let shown = String::from_utf8(done.stdout).unwrap();
    let (extra, bundle) = shown.split_once("\n====\n").unwrap();
    assert!(extra.contains(ours) && bundle.contains(ours));
    for (name, line) in variables.iter().zip(&theirs) {
        assert!(bundle.contains(line), "{name} in the bundle");
        // The system's roots are read by this name, so they are in the bundle alone.
        assert_eq!(extra.contains(line), *name != "SSL_CERT_FILE", "{name}");
    }
}

#[tokio::test]
async fn what_is_on_the_child_s_own_machine_goes_around_the_gateway_unless_the_user_says_otherwise()
{
    let gateway = Builder::with_github().start().await;
    let shown = "printf '%s' \"$NO_PROXY $no_proxy $WGETRC\"";
    let told = async |shell: Shell| {
        let done = shell.run(&["run", "--", "sh", "-c", shown], "").await;
        String::from_utf8(done.stdout).unwrap()
    };
    let loopback = "localhost,127.0.0.1,::1";
    let wgetrc = gateway.path("state/wgetrc");
    let plain = told(Shell::at(&gateway.path(""))).await;
    assert_eq!(plain, format!("{loopback} {loopback} {}", wgetrc.display()));
    let settings = std::fs::read_to_string(wgetrc).unwrap();
    let bundle = gateway.path("state/ca-bundle.pem");
    assert_eq!(settings, format!("ca_certificate = {}\n", bundle.display()));

    let theirs = Shell::at(&gateway.path(""))
        .env("no_proxy", "")
        .env("WGETRC", "own");
    assert_eq!(told(theirs).await, "  own");
    let home = Shell::at(&gateway.path("")).file("home/.wgetrc", "quiet = on");
    assert_eq!(told(home).await, format!("{loopback} {loopback} "));
}

#[tokio::test]
async fn a_child_s_token_works_while_it_lives_and_dies_with_it() {
    let gateway = Builder::with_github().start().await;
    let shell = Shell::at(&gateway.path(""));
    let script = "printf '%s' \"$HTTPS_PROXY\"; curl -sS http://tollgate.internal/whoami >whoami";
    let done = shell
        .run(&["run", "--agent", "ci", "--", "sh", "-c", script], "")
        .await;
    assert!(done.status.success(), "{done:?}");
    let answer = std::fs::read_to_string(gateway.path("whoami")).unwrap();
    assert!(answer.contains("\"agent\":\"ci\""), "{answer}");
    let proxy = String::from_utf8(done.stdout).unwrap();
    let token = proxy.split(['@', ':']).nth(2).unwrap();
    gateway.followed().await;
    let agent = gateway.other("ci", token);
    let head = "GET http://tollgate.internal/whoami HTTP/1.1\r\nHost: tollgate.internal\r\n";
    let answer = exchange(
        &mut agent.connect().await,
        &format!("{head}{}\r\n", agent.authorization()),
    )
    .await;
    assert_eq!(answer.status, 407);
}

#[tokio::test]
async fn without_a_gateway_nothing_is_run() {
    let mut gateway = Builder::with_github().start().await;
    gateway.stop(std::time::Duration::ZERO).await.unwrap();
    let shell = Shell::at(&gateway.path(""));
    let shown = shell.play("tollgate run -- touch ran").await;
    assert!(!shell.path("ran").exists());
    assert_shown("run_unreached", &shown);
}
