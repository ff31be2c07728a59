//! A permit stands on what is in force now: what was taken away since voids it, and nothing else does.

use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tollgate::pipeline::judge;

use super::rig::{ALLOWING, CONNECTOR, Rig, Whole};

const DENYING: &str = "permissions: [{ agents: [ci], deny: [api.item.get] }]";
const OTHER: &str = "permissions: [{ agents: [ci], connector: api, access: full }, { agents: [ci], deny: [api.note.add] }]";

/// Nothing in a test may take this long.
const TIME_LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_permit_stands_while_nothing_that_concerns_it_changes() {
    let rig = Rig::new(ALLOWING).await;
    let (permit, ticket) = rig.ask(Method::GET, "/items/1").await.unwrap();
    assert_eq!(permit.validity().check(&rig.gateway), Ok(()));
    rig.swap(CONNECTOR, OTHER);
    rig.agents(&["ci", "other"]);
    assert_eq!(permit.validity().check(&rig.gateway), Ok(()));
    assert_eq!(permit.validity().check_admission(&rig.gateway), Ok(()));
    drop(ticket);
    rig.end().await;
}

#[tokio::test]
async fn a_reload_that_denies_voids_it_but_not_the_agents_admission() {
    let rig = Rig::new(ALLOWING).await;
    let (permit, ticket) = rig.ask(Method::GET, "/items/1").await.unwrap();
    rig.swap(CONNECTOR, DENYING);
    let refusal = permit.validity().check(&rig.gateway).unwrap_err();
    assert_eq!(refusal.code().as_str(), "denied");
    assert_eq!(refusal.action.as_deref(), Some("api.item.get"));
    assert_eq!(&*refusal.request_id, permit.request_id());
    assert_eq!(permit.validity().check_admission(&rig.gateway), Ok(()));
    // What is allowed again stands again: nothing is remembered but when it was last found to stand.
    rig.swap(CONNECTOR, ALLOWING);
    assert_eq!(permit.validity().check(&rig.gateway), Ok(()));
    drop(ticket);
    rig.end().await;
}

#[tokio::test]
async fn a_connector_that_covers_the_target_no_more_voids_it() {
    let rig = Rig::new(ALLOWING).await;
    let (permit, ticket) = rig.ask(Method::GET, "/items/1").await.unwrap();
    rig.swap(&CONNECTOR.replace("api.test", "api2.test"), ALLOWING);
    let refusal = permit.validity().check(&rig.gateway).unwrap_err();
    assert_eq!(refusal.code().as_str(), "no_connector");
    drop(ticket);
    rig.end().await;
}

#[tokio::test]
async fn removing_the_agent_voids_it_altogether() {
    let rig = Rig::new(ALLOWING).await;
    let (permit, ticket) = rig.ask(Method::GET, "/items/1").await.unwrap();
    rig.agents(&["other"]);
    for refusal in [
        permit.validity().check(&rig.gateway),
        permit.validity().check_admission(&rig.gateway),
    ] {
        assert_eq!(
            refusal.unwrap_err().code().as_str(),
            "proxy_authentication_required"
        );
    }
    drop(ticket);
    rig.end().await;
}

#[tokio::test]
async fn who_waits_is_told_as_soon_as_it_is_void_and_not_before() {
    let rig = Rig::new(ALLOWING).await;
    let (permit, ticket) = rig.ask(Method::GET, "/items/1").await.unwrap();
    let validity = std::sync::Arc::clone(permit.validity());
    let mut void = std::pin::pin!(validity.revoked(&rig.gateway));
    assert!(is_pending(&mut void).await);
    rig.swap(CONNECTOR, OTHER);
    assert!(is_pending(&mut void).await);
    rig.swap(CONNECTOR, DENYING);
    let refusal = tokio::time::timeout(TIME_LIMIT, void).await.unwrap();
    assert_eq!(refusal.code().as_str(), "denied");
    drop(ticket);
    rig.end().await;
}

#[tokio::test]
async fn who_waits_is_told_when_the_token_runs_out_although_nothing_changes() {
    let rig = Rig::new(ALLOWING).await;
    let soon = rig.gateway.dependencies().clock.now() + Duration::from_millis(500);
    rig.agents_until("ci", soon);
    let (permit, ticket) = rig.ask(Method::GET, "/items/1").await.unwrap();
    let validity = std::sync::Arc::clone(permit.validity());
    let mut void = std::pin::pin!(validity.revoked(&rig.gateway));
    assert!(is_pending(&mut void).await);
    let refusal = tokio::time::timeout(TIME_LIMIT, void).await.unwrap();
    assert_eq!(refusal.code().as_str(), "proxy_authentication_required");
    assert_eq!(&*refusal.request_id, ticket.request_id());
    drop(ticket);
    rig.end().await;
}

#[tokio::test]
async fn a_change_between_the_decision_and_the_wait_is_not_missed() {
    let rig = Rig::new(ALLOWING).await;
    let (permit, ticket) = rig.ask(Method::GET, "/items/1").await.unwrap();
    rig.swap(CONNECTOR, DENYING);
    let validity = std::sync::Arc::clone(permit.validity());
    let refusal = tokio::time::timeout(TIME_LIMIT, validity.revoked(&rig.gateway))
        .await
        .unwrap();
    assert_eq!(refusal.code().as_str(), "denied");
    drop(ticket);
    rig.end().await;
}

#[tokio::test]
async fn a_permit_that_is_printed_shows_nothing_of_what_the_request_carries() {
    let rig = Rig::new(ALLOWING).await;
    let mut head = rig.head("ci", Method::GET, "/items/1");
    head.query = Some("key=hidden-in-the-query".to_owned());
    let value = http::HeaderValue::from_static("hidden-in-a-header");
    head.headers.insert("x-request-id", value);
    let mut body = Whole(Bytes::new());
    let (permit, ticket) = judge(&rig.gateway, head, &mut body).await.unwrap();
    let outgoing = permit.outgoing();
    assert_eq!(outgoing.headers["x-request-id"], "hidden-in-a-header");
    let shown = format!("{outgoing:?}");
    assert!(
        shown.contains("/items/1") && !shown.contains("hidden"),
        "{shown}"
    );
    drop(ticket);
    rig.end().await;
}

async fn is_pending<T>(future: &mut std::pin::Pin<&mut impl Future<Output = T>>) -> bool {
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}
