//! `agent`: added with a token shown once, listed with those that are declared, removed.

use super::assert_shown;
use crate::support::agent::exchange;
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

#[tokio::test]
async fn an_agent_is_added_listed_and_removed() {
    let gateway = Builder::new().start().await;
    let shell = Shell::at(&gateway.path(""));
    let shown = shell
        .play(
            "tollgate agent list
             tollgate agent add build --label team=payments --label tier=1
             tollgate agent add build
             tollgate --json agent add nightly
             tollgate agent list
             tollgate --json agents list
             tollgate agent remove nightly
             tollgate --json agent remove build
             tollgate agent remove build",
        )
        .await;
    assert_shown("agent", &shown);
}

#[tokio::test]
async fn what_is_not_an_agent_is_refused_and_what_is_declared_stays() {
    let gateway = Builder::new().start().await;
    let shell = Shell::at(&gateway.path(""));
    let shown = shell
        .play(
            "tollgate agent add Upper
             tollgate agent add ''
             tollgate agent add a --label novalue
             tollgate agent add a --label k=1 --label k=2
             tollgate agent add ci
             tollgate agent remove ci
             tollgate agent remove nobody",
        )
        .await;
    assert_shown("agent_refused", &shown);
}

#[tokio::test]
async fn a_token_works_once_the_gateway_follows_and_no_longer_than_its_agent() {
    let gateway = Builder::new().start().await;
    let shell = Shell::at(&gateway.path(""));
    let token = shell.json("--json agent add build").await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    gateway.followed().await;
    let agent = gateway.other("build", &token);
    let asked = "GET http://tollgate.internal/whoami HTTP/1.1\r\nHost: tollgate.internal\r\n";
    let request = format!("{asked}{}\r\n", agent.authorization());
    let answer = exchange(&mut agent.connect().await, &request).await;
    assert_eq!(answer.json()["agent"], "build");
    shell.json("--json agent remove build").await;
    gateway.followed().await;
    let answer = exchange(&mut agent.connect().await, &request).await;
    assert_eq!(answer.status, 407);
}
