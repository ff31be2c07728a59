//! `audit`: the journal read by people and by programs; nothing in it can move the cursor.

use super::assert_shown;
use crate::support::agent::exchange;
use crate::support::gateway::{Builder, Gateway};
use crate::support::tollgate::Shell;
use crate::support::upstream::{Reply, Upstream};

const HOST: &str = "api.test";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: none
routes:
  - { action: item.get, match: 'GET /items/{item}', risk: low, params: { note: query:note, key: { from: query:key, secret: true } } }
  - { action: item.delete, match: 'DELETE /items/{item}', risk: high }
";

const POLICY: &str = "
permissions:
  - { agents: [ci], connector: api, access: full }
policies:
  - { id: nothing-goes, actions: [api.item.delete], decision: deny, reason: Items stay. }
";

async fn asked(upstream: &Upstream) -> Gateway {
    upstream.reply("/items/2", Reply::new(500, "broken"));
    let gateway = Builder::new()
        .connector("api", CONNECTOR)
        .policy("api", POLICY)
        .upstream("api.test:443", upstream)
        .start()
        .await;
    let mut tls = gateway.agent.tls_tunnel("api.test:443", HOST).await;
    for (line, finished) in [
        // A red terminal, text from right to left, a cell that a spreadsheet would run.
        (
            "GET /items/1?note=%1b%5b31m%e2%80%ae%3dHYPERLINK()&key=hush-hush",
            1,
        ),
        ("GET /items/2", 2),
        ("DELETE /items/3", 2),
    ] {
        let request = format!("{line} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        exchange(&mut tls, &request).await;
        gateway.finished(finished).await;
    }
    gateway
}

#[tokio::test]
async fn the_journal_is_read_line_by_line_or_as_json() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = asked(&upstream).await;
    let shell = Shell::at(&gateway.path(""));
    let shown = shell
        .play(
            "tollgate audit tail
             tollgate audit tail -n 1
             tollgate audit query --decision deny --since 1h
             tollgate audit query --action 'api.item.*' --agent ci --limit 2
             tollgate audit query --code denied --agent nobody
             tollgate --json audit query --decision deny
             tollgate audit query --risk high --connector api",
        )
        .await;
    assert!(!shown.contains("hush-hush"), "{shown}");
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    assert_shown("audit", &shown);
}

#[tokio::test]
async fn the_journal_is_verified_and_exported_without_the_gateway() {
    let upstream = Upstream::start(&[HOST]).await;
    let mut gateway = asked(&upstream).await;
    let shell = Shell::at(&gateway.path(""));
    let live = shell.play("tollgate audit verify").await;
    assert!(live.contains("self-consistent only"), "{live}");
    gateway
        .stop(std::time::Duration::from_secs(20))
        .await
        .unwrap();
    let csv = shell
        .play("tollgate audit export --format csv --agent ci")
        .await;
    let lines: Vec<&str> = csv.lines().filter(|line| !line.is_empty()).collect();
    assert!(
        lines[1].starts_with("seq,time,kind,request_id,agent,"),
        "{csv}"
    );
    assert_eq!(lines.len(), 2 + 5, "{csv}");
    assert!(!csv.contains(",=HYPERLINK"), "{csv}");
    let report = shell.json("--json audit verify").await;
    assert_eq!(report["claim"], "self-consistent only", "{report}");
    let key = report["key"].as_str().unwrap();
    let args = format!("tollgate audit verify --key {key}");
    assert!(shell.play(&args).await.contains("verified: "));
    let args = "tollgate audit verify --key sha256:00";
    let shown = shell.play(args).await;
    assert!(shown.contains("not the one that is trusted"), "{shown}");
    assert!(shown.contains("[exit 1]"), "{shown}");
    // One byte, by somebody who can write the file.
    let segment = gateway.path("state/journal/000000000001.jsonl");
    let text = std::fs::read_to_string(&segment).unwrap();
    std::fs::write(&segment, text.replacen("\"deny\"", "\"eeny\"", 1)).unwrap();
    let shown = shell.play("tollgate audit verify").await;
    assert!(shown.contains("000000000001.jsonl:"), "{shown}");
    assert!(shown.contains("[exit 1]"), "{shown}");
}

#[tokio::test]
async fn one_request_is_explained_from_its_records() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = asked(&upstream).await;
    let shell = Shell::at(&gateway.path(""));
    let mut shown = String::new();
    for record in gateway.decided(3).await {
        let id = record["request_id"].as_str().unwrap();
        shown.push_str(&shell.play(&format!("tollgate explain {id}")).await);
    }
    assert_shown("explain_recorded", &shown);
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_is_refused() {
    let gateway = Builder::new().start().await;
    let shown = Shell::at(&gateway.path(""))
        .play(
            "tollgate audit query --since yesterday
             tollgate audit query --decision maybe
             tollgate audit query --limit -1
             tollgate audit query
             tollgate --json audit tail
             tollgate explain 01ARZ3NDEKTSV4RRFFQ69G5FAV",
        )
        .await;
    assert_shown("audit_refused", &shown);
}
