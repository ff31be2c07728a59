//! A request that needs a yes waits for it, and goes only if everything still agrees when the yes comes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tollgate::approval::{Approval, ApprovalStatus, ApprovalVerdict, ResolveError};
use tollgate::model::halt::{Halt, Scope};
use tollgate::pipeline::record::OpenExchange;
use tollgate::pipeline::refuse::RefusedExchange;
use tollgate::pipeline::{Permit, judge};

use super::rig::{ALLOWING, CONNECTOR, Leaving, Rig, Whole};

const ASKING: &str = "permissions: [{ agents: ['*'], connector: api, access: ask }]";
const DENYING: &str = "permissions: [{ agents: ['*'], deny: [api.*] }]";

/// Nothing in a test may take this long.
const LONG: Duration = Duration::from_secs(20);

type Judged = JoinHandle<Result<(Permit, OpenExchange), RefusedExchange>>;

/// A request that is being judged beside the test.
struct Request {
    agent: &'static str,
    method: Method,
    path: &'static str,
    headers: HeaderMap,
    body: Bytes,
}

fn get(path: &'static str) -> Request {
    Request {
        agent: "ci",
        method: Method::GET,
        path,
        headers: HeaderMap::new(),
        body: Bytes::new(),
    }
}

impl Request {
    fn by(mut self, agent: &'static str) -> Self {
        self.agent = agent;
        self
    }

    fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        let name = HeaderName::from_static(name);
        self.headers.append(name, HeaderValue::from_static(value));
        self
    }

    fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.method(Method::POST)
    }

    fn send(self, rig: &Rig) -> Judged {
        let mut head = rig.head(self.agent, self.method, self.path);
        head.headers.extend(self.headers);
        let gateway = Arc::clone(&rig.gateway);
        let mut body = Whole(self.body);
        tokio::spawn(async move { judge(&gateway, head, &mut body).await })
    }
}

fn answer(rig: &Rig, approval: &Approval, verdict: ApprovalVerdict) {
    let approvals = &rig.gateway.dependencies().approvals;
    approvals
        .resolve(
            &approval.id,
            verdict,
            ("ada", Some(&approval.request.fingerprint.to_string())),
        )
        .unwrap();
}

async fn refused(judged: Judged) -> RefusedExchange {
    let judged = tokio::time::timeout(LONG, judged).await.unwrap().unwrap();
    judged.map(|_| "a permit").unwrap_err()
}

async fn code(judged: Judged) -> &'static str {
    refused(judged).await.code().as_str()
}

async fn permitted(judged: Judged) -> (Permit, OpenExchange) {
    tokio::time::timeout(LONG, judged)
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_yes_lets_it_go_and_says_who_said_so() {
    let rig = Rig::new(ASKING).await;
    let held = get("/notes").body(r#"{"text":"hi"}"#).send(&rig);
    let approval = rig.waiting(1).await.remove(0);
    let card = serde_json::to_value(&approval).unwrap();
    assert_eq!(
        (
            &card["agent"],
            &card["method"],
            &card["host"],
            &card["target"],
            &card["status"]
        ),
        (
            &json!("ci"),
            &json!("POST"),
            &json!("api.test:443"),
            &json!("/notes"),
            &json!("pending")
        )
    );
    assert_eq!(
        card["actions"],
        json!([{ "name": "api.note.add", "risk": "low", "params": { "text": "hi" } }])
    );
    assert_eq!(card["body_bytes"], 13);
    answer(&rig, &approval, ApprovalVerdict::Approve);
    let (permit, ticket) = permitted(held).await;
    assert_eq!(
        permit.outgoing().body.as_deref(),
        Some(br#"{"text":"hi"}"#.as_slice())
    );
    assert_eq!(permit.validity().check(&rig.gateway), Ok(()));
    let approvals = &rig.gateway.dependencies().approvals;
    let now = approvals.get(&approval.id).unwrap();
    assert_eq!((now.status, now.waiting), (ApprovalStatus::Used, 0));
    let error = approvals
        .resolve(&approval.id, ApprovalVerdict::Deny, ("bob", None))
        .unwrap_err();
    assert!(matches!(error, ResolveError::Over(_)));
    let decided = rig.records().remove(0);
    assert_eq!(
        (&decided["decision"], &decided["approval"]["by"]),
        (&json!("allow"), &json!("ada"))
    );
    assert_eq!(decided["approval"]["id"], json!(approval.id));
    drop(ticket);
    rig.end().await;
}

#[tokio::test]
async fn one_yes_lets_one_of_equal_requests_go_and_the_others_ask_again() {
    let rig = Rig::new(ASKING).await;
    let one = get("/items/1")
        .header("x-request-id", "1")
        .header("traceparent", "a")
        .send(&rig);
    let two = get("/items/1").header("x-request-id", "2").send(&rig);
    let questions = rig.waiting(2).await;
    assert_eq!(questions.len(), 1, "{questions:#?}");
    answer(&rig, &questions[0], ApprovalVerdict::Approve);
    let again = rig.waiting(1).await;
    assert_eq!(again.len(), 2);
    answer(&rig, &again[1], ApprovalVerdict::Approve);
    let tickets = (permitted(one).await, permitted(two).await);
    drop(tickets);
    rig.end().await;
}

#[tokio::test]
async fn whatever_makes_a_request_another_one_asks_anew() {
    let rig = Rig::with(ASKING, Duration::from_millis(50)).await;
    rig.agents(&["ci", "other"]);
    let note = || get("/notes").body(r#"{"text":"1"}"#);
    let different = [
        get("/items/1"),
        get("/items/2"),
        get("/items/1").method(Method::DELETE),
        get("/items/1").header("accept", "text/html"),
        get("/items/1").header("accept-language", "de"),
        get("/items/1").by("other"),
        note(),
        get("/notes").body(r#"{"text":"5000000"}"#),
        note().header("idempotency-key", "k2"),
    ];
    let count = different.len();
    for request in different {
        // One after the other, since so many may not wait at once.
        assert_eq!(code(request.send(&rig)).await, "approval_timeout");
    }
    let list = rig.gateway.dependencies().approvals.list();
    assert!(
        list.len() < count,
        "questions that nobody waits for make room"
    );
    let seen: std::collections::BTreeSet<String> = list
        .iter()
        .map(|approval| approval.request.fingerprint.to_string())
        .collect();
    assert_eq!(seen.len(), list.len());
    rig.end().await;
}

#[tokio::test]
async fn a_yes_to_a_request_is_none_to_a_websocket_with_the_same_head() {
    let policy = "permissions: [{ agents: ['*'], ask: [api.feed.get, api.feed.open] }]";
    let rig = Rig::with(ASKING, Duration::from_millis(30)).await;
    let routes = "  - { action: feed.get, match: GET /feed, risk: low }\n  - { action: feed.open, match: GET /feed, websocket: true, risk: low }\n";
    rig.swap(&format!("{CONNECTOR}{routes}"), policy);
    // What HTTP keeps of an upgrade once the hop's own headers are gone.
    let plain = || {
        get("/feed")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")
    };
    let refusal = refused(plain().send(&rig)).await;
    assert_eq!(refusal.action.as_deref(), Some("api.feed.get"));
    let approval = rig.gateway.dependencies().approvals.list().remove(0);
    answer(&rig, &approval, ApprovalVerdict::Approve);
    let socket = plain()
        .header("connection", "upgrade")
        .header("upgrade", "websocket");
    let refusal = refused(socket.send(&rig)).await;
    assert_eq!(
        (refusal.code().as_str(), refusal.action.as_deref()),
        ("approval_timeout", Some("api.feed.open"))
    );
    drop(permitted(plain().send(&rig)).await);
    rig.end().await;
}

#[tokio::test]
async fn a_no_refuses_all_who_wait_and_the_next_without_asking() {
    let rig = Rig::new(ASKING).await;
    let waiting = [get("/items/1").send(&rig), get("/items/1").send(&rig)];
    let approval = rig.waiting(2).await.remove(0);
    answer(&rig, &approval, ApprovalVerdict::Deny);
    for held in waiting {
        let refusal = refused(held).await;
        assert_eq!(refusal.code().as_str(), "approval_refused");
        assert_eq!(refusal.action.as_deref(), Some("api.item.get"));
    }
    let refusal = refused(get("/items/1").send(&rig)).await;
    assert_eq!(refusal.code().as_str(), "approval_refused");
    assert_eq!(refusal.refusal.approval.unwrap().id, approval.id);
    assert_eq!(rig.gateway.dependencies().approvals.list().len(), 1);
    rig.end().await;
}

#[tokio::test]
async fn a_yes_after_the_wait_lets_the_identical_retry_pass_once() {
    let rig = Rig::with(ASKING, Duration::from_millis(30)).await;
    let refusal = refused(get("/items/1").send(&rig)).await;
    assert_eq!(refusal.code().as_str(), "approval_timeout");
    let (status, headers, body) = refusal.answer();
    assert_eq!(
        (status.as_u16(), headers["tollgate-decision"].as_bytes()),
        (403, b"require_approval".as_slice())
    );
    let question = refusal.refusal.approval.clone().unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["approval"]["id"], json!(question.id));
    assert_eq!(
        body["approval"]["url"],
        json!(format!(
            "http://tollgate.internal/approvals/{}",
            question.id
        ))
    );
    let approval = rig
        .gateway
        .dependencies()
        .approvals
        .get(&question.id)
        .unwrap();
    assert_eq!(
        (approval.status, approval.waiting),
        (ApprovalStatus::Pending, 0)
    );
    answer(&rig, &approval, ApprovalVerdict::Approve);
    // Not another one.
    assert_eq!(code(get("/items/2").send(&rig)).await, "approval_timeout");
    let passed = permitted(get("/items/1").send(&rig)).await;
    assert_eq!(code(get("/items/1").send(&rig)).await, "approval_timeout");
    drop(passed);
    rig.end().await;
}

#[tokio::test]
async fn a_deny_policy_that_comes_meanwhile_wins_over_a_yes() {
    let rig = Rig::new(ASKING).await;
    let held = get("/items/1").send(&rig);
    let approval = rig.waiting(1).await.remove(0);
    // Both at once: nothing of the request runs in between.
    let parts = rig.gateway.dependencies();
    rig.swap(CONNECTOR, DENYING);
    parts
        .approvals
        .resolve(&approval.id, ApprovalVerdict::Approve, ("ada", None))
        .unwrap();
    assert_eq!(code(held).await, "denied");
    // And alone it ends the wait.
    rig.swap(CONNECTOR, ASKING);
    let held = get("/items/2").send(&rig);
    rig.waiting(1).await;
    rig.swap(CONNECTOR, DENYING);
    assert_eq!(code(held).await, "denied");
    rig.end().await;
}

#[tokio::test]
async fn a_change_that_needs_no_yes_any_more_lets_it_go_and_others_leave_it_waiting() {
    let rig = Rig::new(ASKING).await;
    let held = get("/items/1").send(&rig);
    let approval = rig.waiting(1).await.remove(0);
    rig.agents(&["ci", "other"]);
    let still = rig.waiting(1).await;
    assert_eq!((still.len(), &still[0].id), (1, &approval.id));
    rig.swap(CONNECTOR, ALLOWING);
    let passed = permitted(held).await;
    assert_eq!(
        rig.gateway
            .dependencies()
            .approvals
            .get(&approval.id)
            .unwrap()
            .status,
        ApprovalStatus::Pending
    );
    drop(passed);
    rig.end().await;
}

#[tokio::test]
async fn it_is_read_again_by_connectors_that_come_meanwhile() {
    let policy = "permissions: [{ agents: ['*'], connector: api, access: ask }, { agents: ['*'], deny: [api.item.erase] }]";
    let connector = |name: &str| CONNECTOR.replace("item.delete", name);
    let rig = Rig::new(ASKING).await;
    rig.swap(
        &format!(
            "{}  - {{ action: item.erase, match: 'POST /erase' }}\n",
            connector("item.delete")
        ),
        policy,
    );
    let held = get("/items/1").method(Method::DELETE).send(&rig);
    rig.waiting(1).await;
    // The same bytes are another action now.
    rig.swap(&connector("item.erase"), policy);
    let refusal = refused(held).await;
    assert_eq!(
        (refusal.code().as_str(), refusal.action.as_deref()),
        ("denied", Some("api.item.erase"))
    );

    // A body that nobody read is read now.
    rig.swap(CONNECTOR, ASKING);
    let held = get("/items/1").body("this is no JSON").send(&rig);
    rig.waiting(1).await;
    let reads = CONNECTOR.replace("match: POST /notes,", "match: 'POST /items/{item}',");
    rig.swap(&reads, ASKING);
    assert_eq!(code(held).await, "unreadable_body");
    rig.end().await;
}

/// Sends a request and waits until it waits.
#[tokio::test]
async fn a_header_that_was_dropped_refuses_once_the_action_is_above_low() {
    let rig = Rig::new(ASKING).await;
    let held = get("/items/1").header("x-dry-run", "true").send(&rig);
    rig.waiting(1).await;
    rig.swap(&CONNECTOR.replace("GET: low", "GET: medium"), ASKING);
    assert_eq!(code(held).await, "undeclared_header");
    let records = rig.records();
    assert_eq!(
        records[0]["dropped_headers"],
        serde_json::json!(["x-dry-run"])
    );
    rig.end().await;
}

#[tokio::test]
async fn a_header_that_is_not_sent_makes_no_other_question() {
    let rig = Rig::new(ASKING).await;
    let first = get("/items/1").send(&rig);
    let second = get("/items/1").header("as-user", "root").send(&rig);
    let waiting = rig.waiting(2).await;
    assert_eq!(waiting.len(), 1);
    answer(&rig, &waiting[0], ApprovalVerdict::Deny);
    assert_eq!(code(first).await, "approval_refused");
    assert_eq!(code(second).await, "approval_refused");
    rig.end().await;
}

async fn hold(rig: &Rig) -> Judged {
    let held = get("/items/1").send(rig);
    rig.waiting(1).await;
    held
}

#[tokio::test]
async fn what_ends_a_wait_ends_it_at_once() {
    let rig = Rig::new(ASKING).await;
    let held = hold(&rig).await;
    let halt = Halt {
        scope: Scope::Connector("api".to_owned()),
        since: String::new(),
        by: "ada".to_owned(),
        reason: None,
    };
    let parts = rig.gateway.dependencies();
    parts.kill_switch.halt(&halt);
    parts.changes.tell();
    assert_eq!(code(held).await, "killed");
    parts.kill_switch.lift(&halt.scope);

    let held = hold(&rig).await;
    rig.agents(&["other"]);
    assert_eq!(code(held).await, "proxy_authentication_required");
    rig.agents(&["ci"]);

    let held = hold(&rig).await;
    parts.approvals.close();
    let refusal = refused(held).await;
    assert_eq!(refusal.code().as_str(), "draining");
    assert!(refusal.answer().1.contains_key("retry-after"));
    assert_eq!(code(get("/items/1").send(&rig)).await, "draining");
    rig.waiting(0).await;
    rig.end().await;
}

#[tokio::test]
async fn an_agent_that_leaves_frees_its_place_and_uses_no_yes_up() {
    let rig = Rig::new(ASKING).await;
    let gone = Arc::new(Notify::new());
    let (gateway, head) = (
        Arc::clone(&rig.gateway),
        rig.head("ci", Method::GET, "/items/1"),
    );
    let mut body = Leaving(Arc::clone(&gone));
    let held = tokio::spawn(async move { judge(&gateway, head, &mut body).await });
    let approval = rig.waiting(1).await.remove(0);
    // Both at once: nothing of the request runs in between.
    gone.notify_one();
    answer(&rig, &approval, ApprovalVerdict::Approve);
    assert_eq!(code(held).await, "agent_left");
    rig.waiting(0).await;
    drop(permitted(get("/items/1").send(&rig)).await);
    let decided = rig.records().remove(0);
    assert_eq!(
        (&decided["code"], &decided["decision"]),
        (&json!("agent_left"), &json!("require_approval"))
    );
    rig.end().await;
}

#[tokio::test]
async fn holds_are_capped_per_agent_and_in_total() {
    let rig = Rig::new(ASKING).await;
    rig.agents(&["ci", "other", "third"]);
    let mut held = Vec::new();
    for path in ["/items/1", "/items/2", "/items/2"] {
        held.push(get(path).send(&rig));
    }
    rig.waiting(3).await;
    let refusal = refused(get("/items/3").send(&rig)).await;
    assert_eq!(
        (refusal.code().as_str(), refusal.code().status().as_u16()),
        ("busy", 429)
    );
    let other = get("/items/3").by("other").send(&rig);
    rig.waiting(4).await;
    assert_eq!(code(get("/items/3").by("third").send(&rig)).await, "busy");
    // Who needs no yes is not in the way of who does.
    rig.swap(CONNECTOR, ALLOWING);
    drop(permitted(get("/items/3").send(&rig)).await);
    for held in held {
        drop(permitted(held).await);
    }
    assert_eq!(code(other).await, "no_permission");
    rig.end().await;
}

#[tokio::test]
async fn a_body_is_read_whole_before_it_waits_or_is_too_large() {
    let rig = Rig::new(ASKING).await;
    // No route reads this one.
    let large = vec![b'x'; 64 * 1024 + 1];
    assert_eq!(
        code(get("/items/1").body(large).send(&rig)).await,
        "body_too_large"
    );
    let held = get("/items/1").body(vec![b'x'; 64 * 1024]).send(&rig);
    let approval = rig.waiting(1).await.remove(0);
    assert_eq!(approval.request.body_bytes, 64 * 1024);
    answer(&rig, &approval, ApprovalVerdict::Approve);
    let (permit, ticket) = permitted(held).await;
    assert_eq!(
        permit.outgoing().body.as_ref().map(Bytes::len),
        Some(64 * 1024)
    );
    drop(ticket);
    rig.end().await;
}

#[tokio::test]
async fn an_open_stream_that_would_now_need_a_yes_is_void() {
    let rig = Rig::new(ALLOWING).await;
    let (permit, ticket) = permitted(get("/items/1").send(&rig)).await;
    rig.swap(CONNECTOR, ASKING);
    let refusal = permit.validity().check(&rig.gateway).unwrap_err();
    assert_eq!(refusal.code().as_str(), "approval_required");
    drop(ticket);
    rig.end().await;
}

#[tokio::test]
async fn a_no_is_remembered_for_what_was_asked_not_for_how_it_was_written() {
    let rig = Rig::with(ASKING, Duration::from_millis(50)).await;
    let note = |text: &'static str| get("/notes").body(text);
    assert_eq!(
        code(note(r#"{"text":"hi"}"#).send(&rig)).await,
        "approval_timeout"
    );
    let approval = rig.gateway.dependencies().approvals.list().remove(0);
    answer(&rig, &approval, ApprovalVerdict::Deny);
    let same = [
        note(r#"{"text":"hi"}"#),
        note(r#" { "text" : "hi" } "#),
        note(r#"{"text":"\u0068i"}"#),
        note(r#"{"text":"hi","more":1}"#),
        note(r#"{"text":"hi"}"#).header("accept", "text/html"),
        note(r#"{"text":"hi"}"#).header("idempotency-key", "k2"),
    ];
    for request in same {
        assert_eq!(code(request.send(&rig)).await, "approval_refused");
    }
    assert_eq!(rig.gateway.dependencies().approvals.list().len(), 1);
    // Other parameters are another question, another agent's too.
    assert_eq!(
        code(note(r#"{"text":"ho"}"#).send(&rig)).await,
        "approval_timeout"
    );
    rig.agents(&["ci", "other"]);
    assert_eq!(
        code(note(r#"{"text":"hi"}"#).by("other").send(&rig)).await,
        "approval_timeout"
    );
    rig.end().await;
}

#[tokio::test]
async fn a_no_to_an_action_without_parameters_is_remembered_by_method_and_path() {
    let connector = CONNECTOR.replace(", params: { text: $.text }", "");
    let rig = Rig::with(ASKING, Duration::from_millis(50)).await;
    rig.swap(&connector, ASKING);
    assert_eq!(
        code(get("/notes").body("{}").send(&rig)).await,
        "approval_timeout"
    );
    let approval = rig.gateway.dependencies().approvals.list().remove(0);
    answer(&rig, &approval, ApprovalVerdict::Deny);
    assert_eq!(
        code(get("/notes").body(r#"{"a":1}"#).send(&rig)).await,
        "approval_refused"
    );
    assert_eq!(code(get("/items/1").send(&rig)).await, "approval_timeout");
    rig.end().await;
}

#[tokio::test]
async fn a_yes_after_a_no_about_the_same_counts_for_the_request_that_got_it() {
    let rig = Rig::with(ASKING, Duration::from_millis(50)).await;
    let plain = || get("/items/1");
    let html = || get("/items/1").header("accept", "text/html");
    assert_eq!(code(plain().send(&rig)).await, "approval_timeout");
    assert_eq!(code(html().send(&rig)).await, "approval_timeout");
    let [first, second] =
        <[Approval; 2]>::try_from(rig.gateway.dependencies().approvals.list()).unwrap();
    answer(&rig, &first, ApprovalVerdict::Deny);
    assert_eq!(code(html().send(&rig)).await, "approval_refused");
    answer(&rig, &second, ApprovalVerdict::Approve);
    drop(permitted(html().send(&rig)).await);
    rig.end().await;
}

#[tokio::test]
async fn requests_that_a_card_shows_alike_wait_for_one_answer() {
    let rig = Rig::new(ASKING).await;
    let bodies = [
        r#"{"text":"hi"}"#,
        r#"{ "text": "hi" }"#,
        "{\"text\":\n\"\\u0068i\"}",
    ];
    let held: Vec<Judged> = bodies
        .iter()
        .map(|body| get("/notes").body(*body).send(&rig))
        .collect();
    let questions = rig.waiting(3).await;
    assert_eq!(questions.len(), 1, "{questions:#?}");
    answer(&rig, &questions[0], ApprovalVerdict::Deny);
    for held in held {
        assert_eq!(code(held).await, "approval_refused");
    }
    // Numbers are compared as they are written: which of them a server takes for the same is its own matter.
    let rig = Rig::new(ASKING).await;
    let held: Vec<Judged> = [r#"{"text":"a","n":1}"#, r#"{"text":"a","n":1.0}"#]
        .iter()
        .map(|body| get("/notes").body(*body).send(&rig))
        .collect();
    assert_eq!(rig.waiting(2).await.len(), 2);
    held.iter().for_each(|held| held.abort());
}
