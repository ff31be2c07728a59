//! The journal from outside: what was acknowledged is there, what nobody waited for comes, failures are told.

use serde_json::{Value as Json, json};
use sqlx::Connection as _;
use std::time::Duration;
use tollgate::audit::{Durability, Journal, JournalError, abridged, canonical};
use tollgate::model::event::{Event, MAX_EVENT};
use tollgate::store::{EventFilter, Store, StoreOptions, StoredEvent};

use crate::store::Place;
use crate::store::events::event;

const IMPATIENT: StoreOptions = StoreOptions {
    busy_timeout: Duration::from_millis(20),
};

async fn all(store: &Store) -> Vec<StoredEvent> {
    store.events(&EventFilter::default()).await.unwrap()
}

fn ids(events: &[StoredEvent]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

#[tokio::test]
async fn what_was_acknowledged_survives_the_process() {
    for durability in [Durability::Strict, Durability::Fsync] {
        let place = Place::new();
        let store = Store::create(&place.url).await.unwrap();
        let journal = Journal::start(store, durability);
        for number in 1..=20 {
            journal.append(event(number)).await.unwrap();
        }
        // What the operating system has, and only that, is what a killed process leaves.
        let left = Place::new();
        std::fs::create_dir(left.file().parent().unwrap()).unwrap();
        for suffix in ["", "-wal"] {
            let path = |place: &Place| format!("{}{suffix}", place.file().display());
            std::fs::copy(path(&place), path(&left)).unwrap();
        }
        let found = all(&Store::open(&left.url).await.unwrap()).await;
        assert_eq!(found.len(), 20, "{durability:?}");
        assert_eq!(journal.events_total(), 20);
    }
}

#[tokio::test]
async fn closing_writes_what_is_queued_in_the_order_it_came() {
    for durability in [Durability::Strict, Durability::Batched] {
        let place = Place::new();
        let store = Store::create(&place.url).await.unwrap();
        let journal = Journal::start(store.clone(), durability);
        for number in 0..200 {
            if durability == Durability::Batched && number % 2 == 0 {
                journal.append(event(number)).await.unwrap();
            } else {
                journal.append_later(event(number));
            }
        }
        journal.close().await;
        let expected: Vec<String> = (0..200).map(|number| format!("event-{number}")).collect();
        assert_eq!(ids(&all(&store).await), expected);
        assert_eq!((journal.waiting(), journal.events_total()), (0, 200));
        assert!(matches!(
            journal.append(event(1)).await,
            Err(JournalError::Closed)
        ));
        journal.append_later(event(1));
        journal.close().await;
    }
}

#[tokio::test]
async fn many_at_once_are_all_kept() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let journal = Journal::start(store.clone(), Durability::Strict);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..100 {
        let journal = journal.clone();
        tasks.spawn(async move {
            for number in 0..20 {
                journal
                    .append(Event {
                        request_id: format!("{task}"),
                        ..event(number)
                    })
                    .await
                    .unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(all(&store).await.len(), 2_000);
    // Each task saw its own in order.
    let own = EventFilter {
        request_id: Some("42".to_owned()),
        ..EventFilter::default()
    };
    let expected: Vec<String> = (0..20).map(|number| format!("event-{number}")).collect();
    assert_eq!(ids(&store.events(&own).await.unwrap()), expected);
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_take_its_event_along() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let journal = Journal::start(store.clone(), Durability::Strict);
    let mut append = Box::pin(journal.append(event(1)));
    assert!(futures_poll(&mut append).await.is_pending());
    drop(append);
    journal.close().await;
    assert_eq!(ids(&all(&store).await), ["event-1"]);
}

async fn futures_poll<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context))
    })
    .await
}

#[tokio::test]
async fn a_locked_store_is_told_and_overcome() {
    let place = Place::new();
    let store = Store::create_with(&place.url, IMPATIENT).await.unwrap();
    let journal = Journal::start(store.clone(), Durability::Strict);
    journal.append(event(1)).await.unwrap();
    let mut raw = place.raw().await;
    sqlx::raw_sql("BEGIN IMMEDIATE; UPDATE meta SET value = value")
        .execute(&mut raw)
        .await
        .unwrap();

    let error = journal.append(event(2)).await.unwrap_err().to_string();
    let path = place.file().display().to_string();
    assert_eq!(
        error,
        format!("the journal cannot be written: the store `{path}` is locked by another process")
    );
    assert!(!journal.is_healthy());
    journal.append_later(event(3));
    assert!(journal.append(event(4)).await.is_err());
    assert_eq!(journal.waiting(), 1);
    assert!(journal.lag_seconds() > 0.0);

    sqlx::raw_sql("ROLLBACK").execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    journal.append(event(5)).await.unwrap();
    assert!(journal.is_healthy());
    assert_eq!(journal.lag_seconds(), 0.0);
    // Refused ones are not there; the one that nobody waited for is, in its place.
    assert_eq!(ids(&all(&store).await), ["event-1", "event-3", "event-5"]);
}

#[tokio::test]
async fn a_journal_recovers_without_new_events() {
    let place = Place::new();
    let store = Store::create_with(&place.url, IMPATIENT).await.unwrap();
    let journal = Journal::start(store.clone(), Durability::Batched);
    let mut raw = place.raw().await;
    sqlx::raw_sql("BEGIN IMMEDIATE; UPDATE meta SET value = value")
        .execute(&mut raw)
        .await
        .unwrap();
    journal.append(event(1)).await.unwrap();
    while journal.is_healthy() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(
        journal.append(event(2)).await,
        Err(JournalError::Unwritable(_))
    ));
    sqlx::raw_sql("ROLLBACK").execute(&mut raw).await.unwrap();
    while !journal.is_healthy() {
        tokio::task::yield_now().await;
    }
    assert_eq!(ids(&all(&store).await), ["event-1"]);
}

#[tokio::test]
async fn a_full_queue_does_not_make_callers_hang_on_a_locked_store() {
    for durability in [Durability::Strict, Durability::Batched] {
        let place = Place::new();
        let store = Store::create_with(&place.url, IMPATIENT).await.unwrap();
        let journal = Journal::start(store.clone(), durability);
        let mut raw = place.raw().await;
        sqlx::raw_sql("BEGIN IMMEDIATE; UPDATE meta SET value = value")
            .execute(&mut raw)
            .await
            .unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..6_000 {
            let journal = journal.clone();
            tasks.spawn(async move { journal.append(event(1)).await.is_ok() });
        }
        let kept = tasks
            .join_all()
            .await
            .into_iter()
            .filter(|kept| *kept)
            .count();
        assert!(kept < 6_000, "{durability:?}");
        assert_eq!(journal.waiting(), u64::try_from(kept).unwrap());
        sqlx::raw_sql("ROLLBACK").execute(&mut raw).await.unwrap();
        journal.close().await;
        assert_eq!(
            store.last_seq().await.unwrap(),
            i64::try_from(kept).unwrap(),
            "{durability:?}"
        );
    }
}

#[tokio::test]
async fn bodies_are_written_with_sorted_keys() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let journal = Journal::start(store.clone(), Durability::Strict);
    journal.append(event(7)).await.unwrap();
    assert_eq!(all(&store).await[0].body, r#"{"a":"text","z":7}"#);
}

#[test]
fn canonical_text_has_one_spelling() {
    let check = |value: Json, expected: &str| assert_eq!(canonical(&value), expected);
    check(
        json!({ "b": [1, null, true], "a": { "d": 1, "c": -2 } }),
        r#"{"a":{"c":-2,"d":1},"b":[1,null,true]}"#,
    );
    check(
        json!([1.0, -0.0, 0.1, 1e20, i64::MIN, u64::MAX]),
        "[1,0,0.1,100000000000000000000,-9223372036854775808,18446744073709551615]",
    );
    check(json!("\u{1f}\n\"\\/é€"), "\"\\u001f\\n\\\"\\\\/é€\"");
    // RFC 8785 section 3.2.3: by UTF-16 code units, so a surrogate pair comes before U+FB33.
    check(
        json!({ "\u{fb33}": 1, "\u{1f600}": 2, "€": 3, "\r": 4 }),
        "{\"\\r\":4,\"€\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}",
    );
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    assert!(canonical(&deep).contains("[too deep]"));
}

#[test]
fn a_long_value_is_known_by_length_and_hash() {
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(
        abridged(&json!("abc")),
        json!({ "bytes": 3, "sha256": hash })
    );
}

#[tokio::test]
async fn an_event_that_is_too_long_is_cut_down_and_says_so() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let journal = Journal::start(store.clone(), Durability::Strict);
    let long = "x".repeat(MAX_EVENT);
    let many = |count: usize| -> Json {
        (0..count)
            .map(|at| (format!("key-{at}"), json!("x".repeat(100))))
            .collect()
    };
    let cases = [
        (
            json!({ "n": 1, "actions": [{ "params": { "title": long, "key": "OPS-1" } }] }),
            "params_abridged",
        ),
        (json!({ "n": 1, "params": many(1_000) }), "params_dropped"),
        (json!({ "n": 1, "path": long }), "texts_abridged"),
        (json!({ "n": 1, "other": many(1_000) }), "columns"),
    ];
    for (body, _) in &cases {
        journal
            .append(Event {
                body: body.clone(),
                ..event(4)
            })
            .await
            .unwrap();
    }
    let found = all(&store).await;
    for ((body, cut), event) in cases.iter().zip(&found) {
        let kept: Json = serde_json::from_str(&event.body).unwrap();
        assert!(event.body.len() <= MAX_EVENT, "{cut}");
        assert_eq!(kept["cut"]["to"], *cut);
        assert_eq!(kept["cut"]["bytes"], canonical(body).len());
    }
    let first: Json = serde_json::from_str(&found[0].body).unwrap();
    assert_eq!(first["actions"][0]["params"]["key"], "OPS-1");
    assert_eq!(first["actions"][0]["params"]["title"]["bytes"], MAX_EVENT);
    let last: Json = serde_json::from_str(&found[3].body).unwrap();
    assert_eq!(
        (&last["action"], &last["id"]),
        (&json!("jira.issue.delete"), &json!("event-4"))
    );
}
