//! `vault`: credentials of one gateway in another, and sources that lie outside of both.

use std::time::Duration;

use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;
use crate::support::upstream::{Reply, Upstream};

const SECRET: &str = "ATATT-0123456789";

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_imported_whole_and_replaces_nothing() {
    let from = Builder::new().start().await;
    let to = Builder::new().start().await;
    let file = from.path("export.json");
    let file = file.display();
    let (one, other) = (Shell::at(&from.path("")), Shell::at(&to.path("")));
    let add = format!(
        "tollgate credential add jira --host acme.atlassian.net <<< ada@example.com\\n{SECRET}"
    );
    let shown = one
        .play(&format!(
            "{add}
             tollgate vault export --out {file} <<< correct horse battery
             tollgate vault export --out {file} <<< correct horse battery"
        ))
        .await;
    assert!(shown.contains("which only the passphrase opens"), "{shown}");
    assert!(shown.contains("exists already"), "{shown}");
    let text = std::fs::read_to_string(from.path("export.json")).unwrap();
    assert!(!text.contains(SECRET) && !text.contains("jira"), "{text}");
    let shown = other
        .play(&format!(
            "tollgate vault import {file} <<< another passphrase
             tollgate credential list"
        ))
        .await;
    assert!(shown.contains("the export does not open"), "{shown}");
    assert!(!shown.contains("acme.atlassian.net"), "{shown}");
    let import = format!("tollgate vault import {file} <<< correct horse battery");
    let shown = other
        .play(&format!("{import}\ntollgate credential list\n{import}"))
        .await;
    assert!(
        shown.contains("imported") && shown.contains("acme.atlassian.net:443"),
        "{shown}"
    );
    assert!(
        shown.contains("there are credentials of these ids: jira"),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_a_file_is_sent_as_the_file_has_it_and_not_at_all_without_it() {
    let upstream = Upstream::start(&["acme.atlassian.net"]).await;
    let gateway = Builder::new()
        .policy(
            "jira",
            "permissions: [{ agents: [ci], connector: jira, access: full }]",
        )
        .upstream("acme.atlassian.net:443", &upstream)
        .start()
        .await;
    gateway
        .write("secrets/jira-token", "the-first-secret")
        .await;
    let file = gateway.path("secrets/jira-token");
    let script = format!(
        "tollgate credential add jira --host acme.atlassian.net --source token=file:{} <<< ada@example.com",
        file.display()
    );
    let shown = Shell::at(&gateway.path("")).play(&script).await;
    assert!(shown.contains("is kept"), "{shown}");
    let client = gateway.agent.http1();
    let url = "https://acme.atlassian.net/rest/api/3/myself";
    let status = async || client.get(url).send().await.unwrap().status().as_u16();
    assert_eq!(status().await, 200);
    let basic = |secret: &str| {
        use base64::Engine as _;
        let pair = format!("ada@example.com:{secret}");
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(pair)
        )
    };
    let first = upstream.received()[0]
        .header("authorization")
        .unwrap()
        .to_owned();
    assert_eq!(first, basic("the-first-secret"));
    std::fs::write(gateway.path("secrets/fresh"), "the-second-secret").unwrap();
    std::fs::rename(gateway.path("secrets/fresh"), &file).unwrap();
    // It is looked at once a second.
    let latest = || {
        let received = upstream.received();
        received
            .last()
            .unwrap()
            .header("authorization")
            .unwrap()
            .to_owned()
    };
    let changes = async {
        while latest() == basic("the-first-secret") {
            status().await;
        }
    };
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, changes).await.unwrap();
    assert_eq!(latest(), basic("the-second-secret"));
    // Its owner may not have revoked it yet.
    let echo = format!("<the-first-secret {}>", basic("the-first-secret"));
    upstream.reply("/rest/api/3/myself", Reply::new(200, echo));
    let answer = client.get(url).send().await.unwrap().text().await.unwrap();
    assert!(answer.starts_with("<****************"), "{answer}");
    assert!(
        !answer.contains(&basic("the-first-secret")[6..]),
        "{answer}"
    );
    std::fs::remove_file(&file).unwrap();
    let ends = async { while status().await == 200 {} };
    tokio::time::timeout(limit, ends).await.unwrap();
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    let text = answer.text().await.unwrap();
    assert!(
        text.contains("cannot be used") && !text.contains("jira-token"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_rotated_while_the_gateway_runs_and_after_a_restart_all_is_there() {
    let upstream = Upstream::start(&["acme.atlassian.net"]).await;
    let mut gateway = Builder::new()
        .policy(
            "jira",
            "permissions: [{ agents: [ci], connector: jira, access: full }]",
        )
        .upstream("acme.atlassian.net:443", &upstream)
        .start()
        .await;
    let add = format!(
        "tollgate credential add jira --host acme.atlassian.net <<< ada@example.com\\n{SECRET}"
    );
    let status = async |gateway: &crate::support::gateway::Gateway| {
        let url = "https://acme.atlassian.net/rest/api/3/myself";
        let answer = gateway.agent.http1().get(url).send().await.unwrap();
        answer.status().as_u16()
    };
    Shell::at(&gateway.path("")).play(&add).await;
    assert_eq!(status(&gateway).await, 200);
    let before = std::fs::read(gateway.path("state/master.key")).unwrap();
    let shown = Shell::at(&gateway.path(""))
        .play("tollgate vault rotate-key\ntollgate vault rotate-key --to-env NOT_SET")
        .await;
    assert!(shown.contains("a new master key, in"), "{shown}");
    assert!(shown.contains("`NOT_SET` is not set"), "{shown}");
    assert_ne!(
        std::fs::read(gateway.path("state/master.key")).unwrap(),
        before
    );
    assert_eq!(
        std::fs::read(gateway.path("state/master.key.previous")).unwrap(),
        before
    );
    assert_eq!(status(&gateway).await, 200);
    gateway = gateway.restart().await;
    assert_eq!(status(&gateway).await, 200);
    let records = crate::journal::records(&gateway.path("state/journal"));
    assert!(
        records
            .iter()
            .any(|record| record["what"] == "vault.rotate_key"),
        "it is recorded"
    );
}
