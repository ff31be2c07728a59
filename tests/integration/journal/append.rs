//! What was acknowledged is there, what nobody waited for comes, and what is too long says so.

use serde_json::value::to_raw_value;
use serde_json::{Value as Json, json};
use tollgate::journal::{Changed, Durability, JournalError, MAX_LINE, Text, Trust, verify};

use super::{Place, allowed, finished, records};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_in_the_file() {
    for durability in [Durability::Strict, Durability::Fsync] {
        let place = Place::new();
        let mut opening = place.opening();
        opening.settings.durability = durability;
        let journal = opening.open().unwrap();
        for number in 1..=20 {
            let agent = number.to_string();
            journal.append(&allowed(&agent)).await.unwrap();
            assert_eq!(place.agents().len(), number, "{durability:?}");
        }
        // The start is one more.
        assert_eq!(journal.records_total(), 21);
        assert_eq!(journal.head().seq, 21);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_writes_what_is_queued_in_the_order_it_came() {
    for durability in [Durability::Strict, Durability::Fsync, Durability::Batched] {
        let place = Place::new();
        let mut opening = place.opening();
        opening.settings.durability = durability;
        let journal = opening.open().unwrap();
        let numbers: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        for (at, number) in numbers.iter().enumerate() {
            if durability == Durability::Batched && at % 2 == 0 {
                journal.append(&allowed(number)).await.unwrap();
            } else {
                journal.append_later(&allowed(number));
            }
        }
        journal.close().await;
        assert_eq!(place.agents(), numbers, "{durability:?}");
        assert_eq!(journal.waiting(), 0);
        let late = journal.append(&allowed("late")).await;
        assert_eq!(late, Err(JournalError::Closed));
        journal.append_later(&allowed("late"));
        journal.close().await;
        let last = records(&place.path()).pop().unwrap();
        assert_eq!(last["kind"], "checkpoint", "{durability:?}");
        let report = verify(&place.path(), &Trust::default()).unwrap();
        assert_eq!(report.finding, None, "{durability:?}");
        assert_eq!(report.lines, 202);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_are_all_kept_and_each_in_its_order() {
    for durability in [Durability::Strict, Durability::Fsync] {
        let place = Place::new();
        let mut opening = place.opening();
        opening.settings.durability = durability;
        let journal = opening.open().unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..50 {
            let journal = journal.clone();
            tasks.spawn(async move {
                for number in 0..20 {
                    let agent = format!("{task}-{number}");
                    journal.append(&allowed(&agent)).await.unwrap();
                    journal.append_later(&finished(&agent));
                }
            });
        }
        tasks.join_all().await;
        journal.close().await;
        let agents = place.agents();
        assert_eq!(agents.len(), 1_000, "{durability:?}");
        assert_eq!(place.of_kind("finished").len(), 1_000, "{durability:?}");
        let of_one: Vec<&String> = agents
            .iter()
            .filter(|agent| agent.starts_with("42-"))
            .collect();
        let expected: Vec<String> = (0..20).map(|number| format!("42-{number}")).collect();
        assert_eq!(of_one, expected.iter().collect::<Vec<_>>());
        let report = verify(&place.path(), &Trust::default()).unwrap();
        assert_eq!(report.finding, None, "{durability:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_waits_for_is_written_soon_without_another_record() {
    let place = Place::new();
    let journal = place.open();
    journal.append_later(&finished("a"));
    while place.of_kind("finished").is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(journal.waiting(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_reads_as_the_struct_that_was_written() {
    let place = Place::new();
    let journal = place.open();
    let mut written = allowed("say \"hi\"\n");
    written.by = vec!["no-ops".to_owned()].into();
    written.actions = Some(std::borrow::Cow::Owned(
        to_raw_value(
            &json!([{ "name": "jira.issue.get", "risk": "low", "params": { "key": "OPS-7" } }]),
        )
        .unwrap(),
    ));
    journal.append(&written).await.unwrap();
    let reader = tollgate::journal::Reader::open(&place.path(), Default::default()).unwrap();
    let lines: Vec<_> = reader.map(Result::unwrap).collect();
    let read = lines.iter().find_map(|line| line.decided()).unwrap();
    assert_eq!(
        serde_json::to_value(&read).unwrap(),
        serde_json::to_value(&written).unwrap()
    );
    assert_eq!(read.actions()[0].params["key"], "OPS-7");
    let front = lines[0].front().unwrap();
    assert_eq!(front.prev.len(), 64);
    assert!(
        front.time.ends_with('Z') && front.time.len() == 27,
        "{}",
        front.time
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_too_long_is_cut_down_and_says_how_far() {
    let place = Place::new();
    let journal = place.open();
    let long = "x".repeat(MAX_LINE);
    let many = |count: usize| -> Json {
        (0..count)
            .map(|at| (format!("key-{at}"), json!("x".repeat(100))))
            .collect()
    };
    let actions = |params: Json| {
        let actions = json!([{ "name": "jira.issue.get", "risk": "low", "params": params }]);
        Some(std::borrow::Cow::Owned(to_raw_value(&actions).unwrap()))
    };
    let mut cases = Vec::new();
    for (params, cut) in [
        (json!({ "title": long, "key": "OPS-1" }), "params_abridged"),
        (many(1_000), "params_dropped"),
    ] {
        let mut decided = allowed("a");
        decided.actions = actions(params);
        journal.append(&decided).await.unwrap();
        cases.push(cut);
    }
    let mut decided = allowed("a");
    decided.path = Text::Whole(long.as_str().into());
    journal.append(&decided).await.unwrap();
    cases.push("texts_abridged");
    let mut detail = serde_json::Map::new();
    detail.insert("other".to_owned(), many(1_000));
    let changed = Changed {
        what: "kill.on".into(),
        detail,
        ..Changed::default()
    };
    journal.append(&changed).await.unwrap();
    cases.push("columns");
    let written = records(&place.path()).split_off(1);
    assert_eq!(written.len(), cases.len());
    for (record, cut) in written.iter().zip(&cases) {
        assert!(record.to_string().len() <= MAX_LINE, "{cut}");
        assert_eq!(record["cut"]["to"], *cut);
        assert!(record["cut"]["bytes"].as_u64().unwrap() > MAX_LINE as u64);
    }
    let params = &written[0]["actions"][0]["params"];
    assert_eq!(params["key"], "OPS-1");
    assert_eq!(params["title"]["bytes"], MAX_LINE);
    assert_eq!(written[3]["what"], "kill.on");
    // All of them still read as what they are.
    let reader = tollgate::journal::Reader::open(&place.path(), Default::default()).unwrap();
    let decided = reader.filter(|line| line.as_ref().unwrap().decided().is_some());
    assert_eq!(decided.count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_leaves_does_not_take_its_record_along() {
    let place = Place::new();
    let mut opening = place.opening();
    opening.settings.durability = Durability::Fsync;
    let journal = opening.open().unwrap();
    let record = allowed("a");
    let mut append = Box::pin(journal.append(&record));
    std::future::poll_fn(|context| {
        let _ = std::pin::Pin::new(&mut append).poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    drop(append);
    journal.close().await;
    assert_eq!(place.agents(), ["a"]);
}
