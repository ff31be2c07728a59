//! What is minted while credentials, halts and agents change: no token is lost, no refresh token is spent twice, nobody waits in vain.

use http::Method;
use serde_json::{Value as Json, json};
use sqlx::{ConnectOptions as _, Connection as _};

use super::minted::{CLIENT, CLIENT_FIELDS, REFRESH, REFRESH_FIELDS, Rig, URL, describe_bare, rig};
use crate::support::agent::outbox;
use crate::support::gateway::Gateway;
use crate::support::token_server::{CLIENT as CLIENT_ID, FIRST_REFRESH, Mood, SECRET, TokenServer};
use crate::support::tollgate::Shell;
use crate::support::upstream::{Reply, Upstream};

async fn execute(rig: &Rig, statement: &'static str) {
    let file = rig.gateway.path("state/tollgate.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut database = options.connect().await.unwrap();
    sqlx::raw_sql(statement)
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_that_cannot_be_sealed_is_not_spent_and_its_token_is_not_used() {
    let rig = rig((REFRESH, REFRESH_FIELDS)).await;
    let refuse = "CREATE TRIGGER full BEFORE INSERT ON meta WHEN NEW.key LIKE 'rotated.%'
        BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    execute(&rig, refuse).await;
    rig.assert_unhealthy().await;
    // The endpoint is not asked again with what would be lost.
    rig.hand.pass(60);
    rig.assert_unhealthy().await;
    assert_eq!(rig.tokens.asked().len(), 1);
    execute(&rig, "DROP TRIGGER full").await;
    rig.hand.pass(60);
    assert_eq!(rig.get().await.0, 200);
    let asked = rig.tokens.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].form["refresh_token"], "refresh-token-0001");
    assert!(!asked[1].refused);
    assert_eq!(rig.carried(), ["Bearer access-token-0002"]);
}

#[tokio::test]
async fn a_replaced_refresh_token_outlives_a_change_of_other_fields() {
    let mut rig = rig((REFRESH, REFRESH_FIELDS)).await;
    assert_eq!(rig.get().await.0, 200);
    let file = rig.gateway.path("tollgate.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        rig.gateway.path("secrets/new"),
        "a new secret of the client",
    )
    .unwrap();
    let text = text.replace(
        "client_secret: { env: SECRET }",
        "client_secret: { file: secrets/new }",
    );
    std::fs::write(&file, text).unwrap();
    rig.gateway = rig.gateway.restart().await;
    // The server does not know the new secret; what matters is which refresh token is sent.
    rig.assert_unhealthy().await;
    let asked = rig.tokens.asked();
    assert_eq!(asked[1].form["client_secret"], "a new secret of the client");
    assert_eq!(asked[1].form["refresh_token"], "refresh-token-0001");
}

#[tokio::test]
async fn replaced_fields_that_were_edited_mint_nothing() {
    let mut rig = rig((REFRESH, REFRESH_FIELDS)).await;
    assert_eq!(rig.get().await.0, 200);
    execute(
        &rig,
        "UPDATE meta SET value = '2:AAAA' WHERE key LIKE 'rotated.%'",
    )
    .await;
    rig.gateway = rig.gateway.restart().await;
    rig.assert_unhealthy().await;
    assert_eq!(
        rig.tokens.asked().len(),
        1,
        "the first refresh token is used up"
    );
}

#[tokio::test]
async fn a_reload_that_declares_the_same_credential_keeps_its_token() {
    let rig = rig((REFRESH, REFRESH_FIELDS)).await;
    assert_eq!(rig.get().await.0, 200);
    for name in ["first", "second"] {
        let note = format!(
            "{}\n# {name}\n",
            std::fs::read_to_string(rig.gateway.path("tollgate.yaml")).unwrap()
        );
        rig.gateway.write("tollgate.yaml", &note).await;
        assert_eq!(rig.get().await.0, 200);
    }
    assert_eq!(rig.tokens.asked().len(), 1);
    assert_eq!(rig.carried(), ["Bearer access-token-0001"; 3]);
}

#[tokio::test]
async fn a_credential_that_is_replaced_while_a_token_is_minted_waits_and_mints_its_own() {
    let rig = rig((REFRESH, REFRESH_FIELDS)).await;
    rig.tokens.set(Mood::Holds);
    let first = tokio::spawn(rig.gateway.agent.http1().get(URL).send());
    rig.tokens.wait_for(1).await;
    // Bound to an agent now, so it is another credential; its refresh token is the same.
    let file = rig.gateway.path("tollgate.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let bound = text.replace(
        "host: api.test, fields",
        "host: api.test, agents: [ci], fields",
    );
    assert_ne!(bound, text);
    rig.gateway.write("tollgate.yaml", &bound).await;
    let second = tokio::spawn(rig.gateway.agent.http1().get(URL).send());
    rig.gateway.decided(2).await;
    assert_eq!(rig.tokens.asked().len(), 0, "one question is under way");
    rig.tokens.set(Mood::Good);
    assert_eq!(second.await.unwrap().unwrap().status(), 200);
    drop(first.await.unwrap());
    let asked = rig.tokens.asked();
    assert!(asked.iter().all(|asked| !asked.refused), "{asked:?}");
    let spent: Vec<&str> = asked
        .iter()
        .map(|asked| &*asked.form["refresh_token"])
        .collect();
    assert_eq!(spent, ["refresh-token-0000", "refresh-token-0001"]);
}

#[tokio::test]
async fn a_halt_ends_the_wait_for_a_token() {
    let rig = rig((CLIENT, CLIENT_FIELDS)).await;
    rig.tokens.set(Mood::Holds);
    let asked = tokio::spawn(rig.gateway.agent.http1().get(URL).send());
    rig.tokens.wait_for(1).await;
    let halt = json!({ "reason": "a test" });
    let path = "/api/v1/kill-switch/all";
    let (status, text) = rig.gateway.admin(Method::PUT, path, &halt).await;
    assert!(status < 300, "{status} {text}");
    let answer = asked.await.unwrap().unwrap();
    assert_eq!(answer.status(), 403);
    let problem: Json = answer.json().await.unwrap();
    assert_eq!(problem["code"], "killed", "{problem}");
    assert!(rig.api.received().is_empty());
}

#[tokio::test]
async fn an_agent_that_leaves_ends_its_wait_for_a_token() {
    let rig = rig((CLIENT, CLIENT_FIELDS)).await;
    rig.tokens.set(Mood::Holds);
    let asked = tokio::spawn(rig.gateway.agent.http1().get(URL).send());
    rig.tokens.wait_for(1).await;
    asked.abort();
    let _ = asked.await;
    let finished = rig.gateway.finished(1).await;
    assert!(
        finished[0].to_string().contains("agent_left"),
        "{}",
        finished[0]
    );
    assert!(rig.api.received().is_empty());
}

#[tokio::test]
async fn refusals_of_bodies_that_stream_renew_once_a_minute() {
    let rig = rig((CLIENT, CLIENT_FIELDS)).await;
    for _ in 0..6 {
        rig.api.reply("/items/1", Reply::new(401, "no"));
    }
    for _ in 0..5 {
        let (sender, body) = outbox();
        let sent = tokio::spawn(rig.gateway.agent.http1().post(URL).body(body).send());
        sender.send("streamed".into()).await.unwrap();
        drop(sender);
        assert_eq!(sent.await.unwrap().unwrap().status().as_u16(), 401);
    }
    assert_eq!(rig.tokens.asked().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_takes_a_replaced_refresh_token_along() {
    let (api, tokens) = (
        Upstream::start(&["api.test"]).await,
        TokenServer::start("auth.test").await,
    );
    let one = describe_bare(&api, &tokens, REFRESH).start().await;
    let other = describe_bare(&api, &tokens, REFRESH).start().await;
    let status = async |gateway: &Gateway| {
        let answer = gateway.agent.http1().get(URL).send().await.unwrap();
        answer.status().as_u16()
    };
    let add = format!(
        "tollgate credential add api --host api.test <<< {CLIENT_ID}\\n{SECRET}\\n{FIRST_REFRESH}"
    );
    let shown = Shell::at(&one.path("")).play(&add).await;
    assert_eq!(status(&one).await, 200, "{shown}");
    let file = one.path("export.json").display().to_string();
    let export = format!("tollgate vault export --out {file} <<< correct horse battery");
    Shell::at(&one.path("")).play(&export).await;
    let import = format!("tollgate vault import {file} <<< correct horse battery");
    let shown = Shell::at(&other.path("")).play(&import).await;
    assert!(shown.contains("imported"), "{shown}");
    assert_eq!(status(&other).await, 200);
    let asked = tokens.asked();
    let spent: Vec<&str> = asked
        .iter()
        .map(|asked| &*asked.form["refresh_token"])
        .collect();
    assert_eq!(spent, [FIRST_REFRESH, "refresh-token-0001"]);
}
