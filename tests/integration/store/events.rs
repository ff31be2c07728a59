//! Events: found again by each column, in either order.

use serde_json::json;
use time::macros::datetime;
use tollgate::model::event::{Event, EventKind};
use tollgate::store::{EventFilter, EventOrder, Store};

use super::Place;

pub(crate) fn event(number: u8) -> Event {
    Event {
        id: format!("event-{number}"),
        kind: if number % 2 == 1 {
            EventKind::Decided
        } else {
            EventKind::Finished
        },
        time: format!("2026-01-01T00:00:{:02}.500Z", number % 60),
        request_id: format!("request-{}", number.div_ceil(2)),
        agent: if number < 3 { "devops" } else { "care" }.to_owned(),
        action: if number == 4 {
            "jira.issue.delete"
        } else {
            "jira.issue.get"
        }
        .to_owned(),
        decision: if number == 4 { "deny" } else { "allow" }.to_owned(),
        code: if number == 4 { "denied" } else { "" }.to_owned(),
        body: json!({ "z": number, "a": "text" }),
    }
}

/// Five events in a store, and what a filter finds of them.
struct Five {
    store: Store,
    _place: Place,
}

impl Five {
    async fn new() -> Self {
        let place = Place::new();
        let store = Store::create(&place.url).await.unwrap();
        assert_eq!(store.last_seq().await.unwrap(), 0);
        let events: Vec<Event> = (1..=5).map(event).collect();
        store.append(&events).await.unwrap();
        assert_eq!(store.last_seq().await.unwrap(), 5);
        Self {
            store,
            _place: place,
        }
    }

    async fn check(&self, narrow: impl FnOnce(&mut EventFilter), expected: &[i64]) {
        let mut filter = EventFilter::default();
        narrow(&mut filter);
        let found = self.store.events(&filter).await.unwrap();
        let found: Vec<i64> = found.iter().map(|event| event.seq).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn finds_events_by_their_columns() {
    let five = Five::new().await;
    five.check(|_| {}, &[1, 2, 3, 4, 5]).await;
    five.check(|it| it.agent = text("devops"), &[1, 2]).await;
    five.check(|it| it.agent = text("' OR 1 = 1 --"), &[]).await;
    five.check(|it| it.decision = text("deny"), &[4]).await;
    five.check(|it| it.code = text("denied"), &[4]).await;
    five.check(|it| it.kind = Some(EventKind::Finished), &[2, 4])
        .await;
    five.check(|it| it.request_id = text("request-1"), &[1, 2])
        .await;
}

#[tokio::test]
async fn in_a_glob_only_the_star_is_special() {
    let five = Five::new().await;
    five.check(|it| it.action = text("jira.*.delete"), &[4])
        .await;
    five.check(|it| it.action = text("*"), &[1, 2, 3, 4, 5])
        .await;
    for pattern in ["jira.issue.ge?", "jira.issue.[g]et", "JIRA.*", "jira.issue"] {
        five.check(|it| it.action = text(pattern), &[]).await;
    }
}

#[tokio::test]
async fn finds_events_by_time_and_place() {
    let five = Five::new().await;
    let third = datetime!(2026-01-01 00:00:03.5 UTC);
    five.check(|it| it.since = Some(third), &[3, 4, 5]).await;
    five.check(|it| it.until = Some(third), &[1, 2]).await;
    five.check(
        |it| it.since = Some(datetime!(2026-01-01 01:00:04 +1)),
        &[4, 5],
    )
    .await;
    five.check(|it| it.after_seq = Some(3), &[4, 5]).await;
    five.check(|it| it.limit = Some(2), &[1, 2]).await;
    five.check(
        |it| (it.limit, it.order) = (Some(2), EventOrder::NewestFirst),
        &[5, 4],
    )
    .await;
}

#[tokio::test]
async fn an_event_comes_back_as_it_was_written() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    store.append(&[event(4)]).await.unwrap();
    let found = store
        .events(&EventFilter::default())
        .await
        .unwrap()
        .remove(0);
    assert_eq!(found.body, r#"{"z":4,"a":"text"}"#);
    assert_eq!(
        (
            found.id.as_str(),
            found.kind.as_str(),
            found.time.as_str(),
            found.request_id.as_str()
        ),
        (
            "event-4",
            "finished",
            "2026-01-01T00:00:04.500Z",
            "request-2"
        )
    );
    assert_eq!(
        (
            found.agent.as_str(),
            found.action.as_str(),
            found.decision.as_str(),
            found.code.as_str()
        ),
        ("care", "jira.issue.delete", "deny", "denied")
    );
}

#[tokio::test]
async fn times_without_zeros_are_found_in_order() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    for time in [
        "2026-01-01T00:00:03Z",
        "2026-01-01T00:00:03.5Z",
        "2026-01-01T00:00:03.75Z",
    ] {
        store
            .append(&[Event {
                time: time.to_owned(),
                ..event(1)
            }])
            .await
            .unwrap();
    }
    let since = Some(datetime!(2026-01-01 00:00:03.4 UTC));
    let found = store
        .events(&EventFilter {
            since,
            ..EventFilter::default()
        })
        .await
        .unwrap();
    let times: Vec<&str> = found.iter().map(|event| event.time.as_str()).collect();
    assert_eq!(
        times,
        ["2026-01-01T00:00:03.500Z", "2026-01-01T00:00:03.750Z"]
    );
}
