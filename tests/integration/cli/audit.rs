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
    // A column is as wide as its longest time, which no test knows.
    let mut shown = shown;
    while shown.contains("   ") {
        shown = shown.replace("   ", "  ");
    }
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
async fn a_request_is_recorded_with_tunnel_snapshot_upstream_and_stages() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = asked(&upstream).await;
    let decided = gateway.decided(3).await;
    let snapshot = decided[0]["snapshot"].as_str().unwrap().to_owned();
    assert!(snapshot.len() == 16 && snapshot.bytes().all(|byte| byte.is_ascii_hexdigit()));
    for record in &decided {
        assert_eq!(record["snapshot"], snapshot.as_str());
        assert_eq!(record["tunnel"], decided[0]["tunnel"]);
        for stage in ["admit", "classify", "collect", "decide"] {
            assert!(record["stages_us"][stage].is_u64(), "{stage}: {record}");
        }
    }
    let finished = gateway.finished(2).await;
    assert_eq!(finished[0]["upstream"], upstream.address.to_string());
    for stage in ["record", "forward"] {
        assert!(
            finished[0]["stages_us"][stage].is_u64(),
            "{stage}: {finished:?}"
        );
    }

    let recorded = |what: &str| {
        let mut records = crate::journal::records(&gateway.path("state/journal"));
        records.retain(|record| record["what"] == what);
        records
    };
    let wait = async |what: &str, count: usize| {
        let found = async {
            while recorded(what).len() < count {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), found)
            .await
            .unwrap_or_else(|_| panic!("no {count} of {what}"));
        recorded(what)
    };
    // A file that does not load is a record, once; so is the next that does.
    gateway
        .write("policies.d/api.yaml", "policies: [{ id: 7 }]")
        .await;
    let failed = wait("files.reload_failed", 1).await;
    assert!(
        failed[0]["detail"]["reason"]
            .as_str()
            .unwrap()
            .contains("api.yaml"),
        "{failed:?}"
    );
    let other = format!("# another text\n{POLICY}");
    gateway.write("policies.d/api.yaml", &other).await;
    let reloaded = wait("files.reloaded", 1).await;
    let next = reloaded[0]["detail"]["snapshot"].as_str().unwrap();
    assert_ne!(next, snapshot);
    let mut tls = gateway.agent.tls_tunnel("api.test:443", HOST).await;
    let request = format!("GET /items/4 HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    exchange(&mut tls, &request).await;
    let last = gateway.decided(4).await.pop().unwrap();
    assert_eq!(last["snapshot"], next);
    assert_ne!(last["tunnel"], decided[0]["tunnel"]);
    assert_eq!(recorded("files.reload_failed").len(), 1);
}

#[tokio::test]
async fn the_key_is_rotated_at_the_next_start_and_both_keys_vouch_for_it() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = asked(&upstream).await;
    let shell = Shell::at(&gateway.path(""));
    let verified = async |args: &[&str]| {
        let args = [&["--json", "audit", "verify"], args].concat();
        let done = shell.run(&args, "").await;
        serde_json::from_slice::<serde_json::Value>(&done.stdout).unwrap()
    };
    let key_pub = || std::fs::read_to_string(gateway_key(&shell)).unwrap();
    let first = key_pub();
    let asks = shell.run(&["audit", "rotate-key"], "").await;
    assert!(asks.status.success(), "{asks:?}");
    assert_eq!(key_pub(), first);
    let gateway = gateway.restart().await;
    let second = key_pub();
    assert_ne!(second, first);
    // Another start goes on with the new key, and rotates nothing.
    let mut gateway = gateway.restart().await;
    assert_eq!(key_pub(), second);
    gateway
        .stop(std::time::Duration::from_secs(5))
        .await
        .unwrap();
    let report = verified(&[]).await;
    assert_eq!(report["finding"], serde_json::Value::Null, "{report}");
    let fingerprint = report["key"].as_str().unwrap().to_owned();
    let by_new = verified(&["--key", &fingerprint]).await;
    assert_eq!(by_new["claim"], "verified", "{by_new}");
    let records = crate::journal::records(&shell.path("state/journal"));
    let rotated: Vec<_> = records
        .iter()
        .filter(|record| record["what"] == "journal.key_rotated")
        .collect();
    assert_eq!(rotated.len(), 1);
    let old = tollgate::journal::fingerprint(rotated[0]["detail"]["old"].as_str().unwrap());
    assert_ne!(old, fingerprint);
    assert_eq!(verified(&["--key", &old]).await["claim"], "verified");
    let other = format!("sha256:{}", "0".repeat(64));
    assert!(verified(&["--key", &other]).await["finding"].is_object());
    // The old key beside the journal is not the one that signs.
    std::fs::write(gateway_key(&shell), first).unwrap();
    assert!(verified(&[]).await["finding"].is_object());
}

fn gateway_key(shell: &Shell) -> std::path::PathBuf {
    shell.path("state/journal/key.pub")
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
