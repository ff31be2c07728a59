//! Queries: each filter finds what it says and nothing else, in sealed segments as in the one that is written.

use std::borrow::Cow;

use serde_json::json;
use serde_json::value::to_raw_value;
use time::OffsetDateTime;
use tollgate::journal::{Decided, Format, Kind, Query, Reader, export};
use tollgate::model::action::Risk;
use tollgate::model::glob::Glob;

use super::{Place, allowed, finished, refused};

fn with_action<'a>(decided: Decided<'a>, name: &str, risk: &str) -> Decided<'a> {
    let actions = json!([{ "name": name, "risk": risk, "params": { "key": "OPS-7" } }]);
    Decided {
        actions: Some(Cow::Owned(to_raw_value(&actions).unwrap())),
        ..decided
    }
}

async fn five(segment_bytes: u64) -> Place {
    let place = Place::new();
    let mut opening = place.opening();
    opening.settings.segment.bytes = segment_bytes;
    let journal = opening.open().unwrap();
    for decided in [
        with_action(allowed("a"), "jira.issue.get", "low"),
        with_action(refused("b"), "jira.issue.delete", "high"),
        Decided {
            connector: "github".into(),
            request_id: "01BX5ZZKBKACTAV9WEVGEMMVRZ".into(),
            ..with_action(allowed("c"), "github.repo.get", "low")
        },
        Decided {
            candidates: vec!["jira.issue.move".into()],
            ..refused("say \"d\"")
        },
    ] {
        journal.append(&decided).await.unwrap();
    }
    journal.append_later(&finished("a"));
    journal.close().await;
    place
}

fn found(place: &Place, narrow: impl FnOnce(&mut Query)) -> Vec<String> {
    let mut query = Query {
        kinds: vec![Kind::Decided],
        ..Query::default()
    };
    narrow(&mut query);
    let mut agents: Vec<String> = Reader::open(&place.path(), query)
        .unwrap()
        .map(|line| line.unwrap().decided().unwrap().agent.to_string())
        .collect();
    agents.reverse();
    agents
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_filter_finds_what_it_says() {
    for segment_bytes in [64 << 20, 500] {
        let place = five(segment_bytes).await;
        let check = |expected: &[&str], narrow: &dyn Fn(&mut Query)| {
            assert_eq!(found(&place, narrow), expected, "{segment_bytes}");
        };
        let all = ["a", "b", "c", "say \"d\""];
        check(&all, &|_| {});
        check(&["b"], &|query| query.agent = text("b"));
        check(&["say \"d\""], &|query| query.agent = text("say \"d\""));
        check(&[], &|query| query.agent = text("\" or 1"));
        check(&["c"], &|query| query.connector = text("github"));
        check(&["b", "say \"d\""], &|query| query.decision = text("deny"));
        check(&["b", "say \"d\""], &|query| query.code = text("denied"));
        check(&["b"], &|query| query.risk = Some(Risk::High));
        check(&["c"], &|query| {
            query.request_id = text("01BX5ZZKBKACTAV9WEVGEMMVRZ")
        });
        check(&["b"], &|query| {
            query.action = Some(Glob::new("jira.*.delete"))
        });
        check(&["say \"d\""], &|query| {
            query.action = Some(Glob::new("*.move"))
        });
        check(&["a", "b", "say \"d\""], &|query| {
            query.action = Some(Glob::new("jira.*"))
        });
        check(&["a", "b", "c"], &|query| {
            query.text = text("\"key\":\"OPS-7\"")
        });
        let far = OffsetDateTime::now_utc() + time::Duration::hours(1);
        check(&[], &|query| query.since = Some(far));
        check(&all, &|query| query.until = Some(far));
        let long_ago = far - time::Duration::days(2);
        check(&all, &|query| query.since = Some(long_ago));
        check(&[], &|query| query.until = Some(long_ago));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_are_read_from_memory_and_older_ones_from_the_files() {
    let place = Place::new();
    let before = place.open();
    before.append(&super::allowed("older")).await.unwrap();
    before.close().await;
    let mut opening = place.opening();
    opening.settings.segment.bytes = 2_000;
    let journal = opening.open().unwrap();
    for number in 0..30 {
        let agent = number.to_string();
        journal.append(&super::allowed(&agent)).await.unwrap();
        journal.append_later(&super::finished(&agent));
    }
    journal.append(&super::refused("last")).await.unwrap();
    let lines = |reader: Reader| -> Vec<Vec<u8>> {
        reader
            .map(|line| line.unwrap().as_bytes().to_vec())
            .collect()
    };
    for agent in [None, text("older"), text("7"), text("last"), text("nobody")] {
        let query = Query {
            agent,
            ..Query::default()
        };
        let files = lines(Reader::open(&place.path(), query.clone()).unwrap());
        assert_eq!(lines(journal.read(query).unwrap()), files);
    }
    journal.close().await;
    for segment in tollgate::journal::list(&place.path()).unwrap() {
        std::fs::remove_file(place.path().join(segment.name())).unwrap();
    }
    // The start before is not in the memory of this one.
    let left = lines(journal.read(Query::default()).unwrap());
    let seq =
        |line: &Vec<u8>| serde_json::from_slice::<serde_json::Value>(line).unwrap()["seq"].as_u64();
    assert_eq!(left.first().and_then(seq), Some(journal.head().seq));
    assert!(left.len() >= 61, "{}", left.len());
    assert!(
        left.iter()
            .all(|line| !line.windows(7).any(|window| window == b"\"older\""))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_exported_in_the_forms_of_other_tools() {
    let place = five(64 << 20).await;
    let query = Query {
        agent: text("b"),
        ..Query::default()
    };
    let line = Reader::open(&place.path(), query)
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let jsonl = export(&line, Format::Jsonl).unwrap();
    assert_eq!(jsonl.as_bytes(), line.as_bytes());
    let csv = export(&line, Format::Csv).unwrap();
    let columns = Format::Csv.head().unwrap();
    assert_eq!(csv.split(',').count(), columns.split(',').count());
    assert!(csv.ends_with(",jira.issue.delete,"), "{csv}");
    let ocsf: serde_json::Value =
        serde_json::from_str(&export(&line, Format::Ocsf).unwrap()).unwrap();
    assert_eq!(ocsf["class_uid"], 6003);
    assert_eq!(ocsf["severity_id"], 4);
    assert_eq!(ocsf["actor"]["user"]["name"], "b");
    assert_eq!(ocsf["api"]["operation"], "jira.issue.delete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spreadsheet_runs_nothing_that_an_agent_wrote() {
    let place = Place::new();
    let journal = place.open();
    journal
        .append(&allowed("=HYPERLINK(\"x\"),1"))
        .await
        .unwrap();
    let query = Query {
        kinds: vec![Kind::Decided],
        ..Query::default()
    };
    let line = Reader::open(&place.path(), query)
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let csv = export(&line, Format::Csv).unwrap();
    assert!(csv.contains(",\"'=HYPERLINK(\"\"x\"\"),1\","), "{csv}");
}
