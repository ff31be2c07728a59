//! `approval`: what waits is listed and shown in full, escaped; it is answered once.

use serde_json::Value as Json;

use super::assert_shown;
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: none
routes: [{ action: note.add, match: POST /notes, params: { text: $.text } }]
";

const POLICY: &str = "
permissions: [{ agents: [ci], connector: api, access: full }]
policies: [{ id: notes, actions: [api.note.*], decision: require_approval, reason: Notes are read by people. }]
";

#[tokio::test]
async fn lists_shows_and_answers() {
    let gateway = Builder::new()
        .connector("api", CONNECTOR)
        .policy("ask", POLICY)
        .settings("approval: { timeout: 20ms }")
        .start()
        .await;
    let shell = Shell::at(&gateway.path(""));
    let mut shown = shell.play("tollgate approval list").await;
    let mut ids = Vec::new();
    for text in ["plain", "\u{1b}[2J\u{202e}evil"] {
        let body = serde_json::json!({ "text": text }).to_string();
        let request = gateway.agent.http1().post("https://api.test/notes");
        let answer = request.body(body).send().await.unwrap();
        let problem: Json = answer.json().await.unwrap();
        ids.push(problem["approval"]["id"].as_str().unwrap().to_owned());
    }
    let (first, second) = (&ids[0], &ids[1]);
    let script = format!(
        "tollgate approval list
         tollgate approval show {second}
         tollgate --json approvals show {first}
         tollgate approval approve {first}
         tollgate approval approve {first}
         tollgate approval deny {second}
         tollgate approval list
         tollgate approval list --all
         tollgate approval show {second}
         tollgate approval deny nothing
         tollgate approval show nothing"
    );
    shown.push_str(&shell.play(&script).await);
    assert_shown("approval", &shown);
}

#[tokio::test]
async fn an_approval_for_a_time_is_listed_ended_and_told_as_ended() {
    let gateway = Builder::new()
        .connector("api", CONNECTOR)
        .policy("ask", POLICY)
        .settings("approval: { timeout: 20ms }")
        .start()
        .await;
    let shell = Shell::at(&gateway.path(""));
    let ask = async || {
        let request = gateway.agent.http1().post("https://api.test/notes");
        let request = request.header("content-type", "application/json");
        let answer = request.body(r#"{"text":"a"}"#).send().await.unwrap();
        let problem: Json = answer.json().await.unwrap();
        problem["approval"]["id"].as_str().map(str::to_owned)
    };
    let id = ask().await.unwrap();
    let script = format!(
        "tollgate approval approve {id} --for 30h
         tollgate approval approve {id} --for 8h
         tollgate approval list
         tollgate approval show {id}
         tollgate approval approve {id}
         tollgate approval deny {id}
         tollgate approval list
         tollgate approval list --all
         tollgate approval show {id}
         tollgate approval deny {id}"
    );
    assert_shown("approval_for", &shell.play(&script).await);
    let again = ask().await.expect("it is asked again");
    assert_ne!(again, id);
}

#[tokio::test]
async fn without_a_gateway_nothing_waits() {
    let shown = Shell::new()
        .play("tollgate approval list\ntollgate approval approve x")
        .await;
    assert_shown("approval_unreached", &shown);
}
