//! Events that an older version kept in the store become the journal's first segment, once.

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tollgate::model::clock::Clock;

use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

#[tokio::test]
async fn events_of_an_older_version_are_taken_over_once_and_found() {
    let mut gateway = Builder::new().start().await;
    gateway
        .stop(std::time::Duration::from_secs(20))
        .await
        .unwrap();
    let options = SqliteConnectOptions::new().filename(gateway.path("state/tollgate.db"));
    let mut raw = SqliteConnection::connect_with(&options).await.unwrap();
    // As an older version leaves it: events, and nothing of a journal.
    let time = Clock::system().stamp();
    let body = r#"{"actions":[{"name":"jira.issue.get","params":{"key":"OPS-7"},"risk":"low"}],"agent":"old","by":["p"],"decision":"allow","host":"acme.test:443","id":"1","kind":"decided","method":"GET","path":"/x","request_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","time":"@","v":1}"#.replace('@', &time);
    for seq in [3_i64, 4] {
        sqlx::query("INSERT INTO event (seq, id, kind, time, request_id, agent, action, decision, code, body) VALUES (?, 'x', 'decided', ?, '01ARZ3NDEKTSV4RRFFQ69G5FAV', 'old', 'jira.issue.get', 'allow', '', ?)")
            .bind(seq)
            .bind(&time)
            .bind(&body)
            .execute(&mut raw)
            .await
            .unwrap();
    }
    sqlx::query("DELETE FROM meta WHERE key LIKE 'journal.%'")
        .execute(&mut raw)
        .await
        .unwrap();
    raw.close().await.unwrap();
    std::fs::remove_dir_all(gateway.path("state/journal")).unwrap();

    let gateway = gateway.restarted().await;
    let taken = gateway.changed(1).await;
    assert_eq!(taken[0]["what"], "journal.taken_over");
    assert_eq!(taken[0]["detail"]["lines"], 2);
    let store = gateway.store().await;
    let emptied = async {
        while store.last_old_event().await.unwrap() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), emptied)
        .await
        .unwrap();
    store.close().await;
    let gateway = gateway.restart().await;
    let shell = Shell::at(&gateway.path(""));
    let shown = shell
        .play("tollgate audit query --agent old\ntollgate explain 01ARZ3NDEKTSV4RRFFQ69G5FAV\ntollgate audit verify")
        .await;
    assert_eq!(
        shown.matches("jira.issue.get(key=OPS-7)").count(),
        2,
        "{shown}"
    );
    assert!(shown.contains("self-consistent only"), "{shown}");
    assert!(!shown.contains("[exit"), "{shown}");
    let changed = gateway.changed(1).await;
    let taken = changed
        .iter()
        .filter(|record| record["what"] == "journal.taken_over");
    assert_eq!(taken.count(), 1);
}
