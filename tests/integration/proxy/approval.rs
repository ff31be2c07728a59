//! A held request over the wire: it goes as it came once there is a yes, and its end is noticed at once on both protocols.

use std::time::Duration;

use http::Method;
use serde_json::{Value as Json, json};
use tokio::io::AsyncWriteExt as _;

use crate::support::agent::{Agent, exchange, read_answer, read_interim};
use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::Upstream;

const HOST: &str = "api.test";
const OTHER_TOKEN: &str = "tga_other_0123456789abcdef0123456789";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: [{ id: token, fields: [token], bearer: '{token}' }]
routes:
  - { action: item.get, match: 'GET /items/{item}' }
  - { action: item.put, match: 'PUT /items/{item}', risk: medium }
  - { action: note.add, match: POST /notes, risk: medium, params: { text: $.text } }
";

/// Reading goes, the rest asks.
const POLICY: &str = "permissions: [{ agents: ['*'], connector: api, access: supervised }]";

const APPROVALS: &str = "/api/v1/approvals";

/// Nothing in a test may take this long.
const LONG: Duration = Duration::from_secs(20);

fn describe(upstream: &Upstream) -> Builder {
    Builder::new()
        .connector("api", CONNECTOR)
        .policy("api", POLICY)
        .credential("api", HOST, ("token", "injected"))
        .agent("other", OTHER_TOKEN, "{}")
        .upstream(&format!("{HOST}:443"), upstream)
}

fn url(path: &str) -> String {
    format!("https://{HOST}{path}")
}

/// Waits until so many requests wait, and returns the questions.
async fn waiting(gateway: &Gateway, count: u64) -> Vec<Json> {
    let poll = async {
        loop {
            let (_, list) = gateway.admin(Method::GET, APPROVALS, &Json::Null).await;
            let approvals = list["approvals"].as_array().unwrap().clone();
            let waiting: u64 = approvals
                .iter()
                .map(|one| one["waiting"].as_u64().unwrap())
                .sum();
            if waiting == count {
                return approvals;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, poll)
        .await
        .expect("the holds are not as they should be")
}

/// Answers a question that was opened: what no route reads cannot be approved from a list.
async fn resolve(gateway: &Gateway, approval: &Json, verb: &str) -> (u16, Json) {
    let path = format!("{APPROVALS}/{}", approval["id"].as_str().unwrap());
    let (_, shown) = gateway.admin(Method::GET, &path, &Json::Null).await;
    let body = match verb {
        "approve" => json!({ "opened": shown["fingerprint"] }),
        _ => Json::Null,
    };
    let path = format!("{path}/{verb}");
    gateway.admin(Method::POST, &path, &body).await
}

/// The agent over HTTP/1.1 and HTTP/2.
fn clients(agent: &Agent) -> [reqwest::Client; 2] {
    [agent.http1(), agent.http2()]
}

#[tokio::test]
async fn goes_as_it_came_once_there_is_a_yes() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    for (number, client) in clients(&gateway.agent).into_iter().enumerate() {
        for (path, body) in [
            ("/items/1", vec![b'x'; 1024 * 1024]),
            ("/items/2", Vec::new()),
            ("/notes", br#"{"text":"hi"}"#.to_vec()),
        ] {
            let request = client.request(
                if path == "/notes" {
                    Method::POST
                } else {
                    Method::PUT
                },
                url(path),
            );
            let before = upstream.received().len();
            let sent = tokio::spawn(request.body(body.clone()).send());
            let approval = waiting(&gateway, 1).await.pop().unwrap();
            assert_eq!(upstream.received().len(), before, "it went without a yes");
            assert_eq!(resolve(&gateway, &approval, "approve").await.0, 200);
            let answer = sent.await.unwrap().unwrap();
            assert_eq!(
                (
                    answer.status().as_u16(),
                    answer.headers()["tollgate-decision"].as_bytes()
                ),
                (200, b"allow".as_slice()),
                "{number} {path}"
            );
            let received = upstream.received().pop().unwrap();
            assert_eq!(received.body, body, "{number} {path}");
            assert_eq!(received.header("authorization"), Some("Bearer injected"));
        }
    }
}

#[tokio::test]
async fn keeps_the_connection_for_the_next_request() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let put = format!("PUT /items/1 HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\nab");
    for verb in ["approve", "deny"] {
        tls.write_all(put.as_bytes()).await.unwrap();
        let approval = waiting(&gateway, 1).await.pop().unwrap();
        assert_eq!(resolve(&gateway, &approval, verb).await.0, 200);
        let status = if verb == "approve" { 200 } else { 403 };
        assert_eq!(read_answer(&mut tls).await.status, status);
    }
    let refused = exchange(&mut tls, &put).await;
    assert_eq!(refused.json()["code"], "approval_refused");
    let get = format!("GET /items/1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    assert_eq!(exchange(&mut tls, &get).await.status, 200);
}

#[tokio::test]
async fn answers_a_request_that_waits_to_send_its_body() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let head = format!(
        "PUT /items/1 HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    );
    tls.write_all(head.as_bytes()).await.unwrap();
    assert!(read_interim(&mut tls).await.starts_with("HTTP/1.1 100 "));
    tls.write_all(b"ab").await.unwrap();
    let approval = waiting(&gateway, 1).await.pop().unwrap();
    resolve(&gateway, &approval, "approve").await;
    assert_eq!(read_answer(&mut tls).await.status, 200);
    assert_eq!(upstream.only().body, "ab");
}

#[tokio::test]
async fn ends_as_soon_as_the_agent_leaves() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    let state = std::sync::Arc::clone(gateway.serving().drain_state());
    for client in clients(&gateway.agent) {
        let sent = tokio::spawn(client.put(url("/items/1")).body("ab").send());
        waiting(&gateway, 1).await;
        sent.abort();
        drop(client);
        waiting(&gateway, 0).await;
    }
    // One of several on one HTTP/2 connection.
    let client = gateway.agent.http2();
    let leaving = tokio::spawn(client.put(url("/items/1")).body("ab").send());
    let staying = tokio::spawn(client.put(url("/items/2")).body("ab").send());
    waiting(&gateway, 2).await;
    leaving.abort();
    let rest = waiting(&gateway, 1).await;
    let stays = rest.iter().find(|one| one["waiting"] == 1).unwrap();
    let path = format!("{APPROVALS}/{}", stays["id"].as_str().unwrap());
    let (_, shown) = gateway.admin(Method::GET, &path, &Json::Null).await;
    assert_eq!(shown["target"], "/items/2");
    resolve(&gateway, stays, "approve").await;
    assert_eq!(staying.await.unwrap().unwrap().status(), 200);
    assert_eq!(upstream.received().len(), 1);
    let left = gateway.decided(4).await;
    let codes = left
        .iter()
        .filter(|body| body["code"] == "agent_left")
        .count();
    assert_eq!(codes, 3, "{left:#?}");
    assert_eq!(state.exchanges_active(), 0);
}

#[tokio::test]
async fn many_wait_in_one_tunnel() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    let client = gateway.agent.http2();
    let sent: Vec<_> = (0..20)
        .map(|item| {
            tokio::spawn(
                client
                    .put(url(&format!("/items/{item}")))
                    .body(item.to_string())
                    .send(),
            )
        })
        .collect();
    let approvals = waiting(&gateway, 20).await;
    assert_eq!(approvals.len(), 20);
    // The tunnel serves others meanwhile.
    assert_eq!(
        client.get(url("/items/1")).send().await.unwrap().status(),
        200
    );
    for approval in approvals.iter().rev() {
        resolve(&gateway, approval, "approve").await;
    }
    for sent in sent {
        assert_eq!(sent.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(upstream.received().len(), 21);
}

#[tokio::test]
async fn says_where_to_look_when_nobody_answers_in_time() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream)
        .settings("approval: { timeout: 50ms }")
        .start()
        .await;
    for client in clients(&gateway.agent) {
        let answer = client.put(url("/items/1")).body("ab").send().await.unwrap();
        assert_eq!(answer.status(), 403);
        assert_eq!(answer.headers()["tollgate-code"], "approval_timeout");
        let problem: Json = answer.json().await.unwrap();
        let page = problem["approval"]["url"].as_str().unwrap().to_owned();
        let look = client.get(&page).send().await.unwrap();
        let question: Json = look.json().await.unwrap();
        assert_eq!(
            question,
            json!({
                "id": problem["approval"]["id"], "status": "pending", "action": "api.item.put",
                "opened_at": question["opened_at"], "expires_at": problem["approval"]["expires_at"],
            })
        );
        // It is nobody else's, and it can only be read.
        let other = gateway.other("other", OTHER_TOKEN).http1();
        assert_eq!(other.get(&page).send().await.unwrap().status(), 404);
        assert_eq!(
            client
                .post(format!("{page}/approve"))
                .send()
                .await
                .unwrap()
                .status(),
            404
        );
        assert_eq!(client.post(&page).send().await.unwrap().status(), 405);
        let (_, approval) = gateway
            .admin(
                Method::GET,
                &format!(
                    "{APPROVALS}/{}",
                    problem["approval"]["id"].as_str().unwrap()
                ),
                &Json::Null,
            )
            .await;
        resolve(&gateway, &approval, "approve").await;
        let retry = client.put(url("/items/1")).body("ab").send().await.unwrap();
        assert_eq!(retry.status(), 200);
    }
    let metrics = gateway.metrics().await;
    for line in [
        "tollgate_approvals_pending 0",
        "tollgate_approval_wait_seconds_count 4",
    ] {
        assert!(
            metrics.lines().any(|known| known == line),
            "{line} is not in\n{metrics}"
        );
    }
}

#[tokio::test]
async fn a_stop_answers_who_waits() {
    let upstream = Upstream::start(&[HOST]).await;
    let mut gateway = describe(&upstream).start().await;
    let mut sent = Vec::new();
    for client in clients(&gateway.agent) {
        sent.push(tokio::spawn(client.put(url("/items/1")).body("ab").send()));
    }
    waiting(&gateway, 2).await;
    let stopped = gateway.stop(LONG);
    for sent in sent {
        let answer = sent.await.unwrap().unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        assert_eq!(answer.json::<Json>().await.unwrap()["code"], "draining");
    }
    assert_eq!(stopped.await.unwrap(), 0);
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn hundreds_of_one_agent_leave_room_for_another() {
    let upstream = Upstream::start(&[HOST]).await;
    let limits =
        "limits: { pending_approvals: 40, pending_approvals_per_agent: 20, body_total: 24MiB }";
    let gateway = describe(&upstream).settings(limits).start().await;
    let client = gateway.agent.http2();
    let mut sent = tokio::task::JoinSet::new();
    for item in 0..300 {
        sent.spawn(
            client
                .put(url(&format!("/items/{item}")))
                .body(vec![b'x'; 1024])
                .send(),
        );
    }
    for _ in 0..280 {
        let answer = sent.join_next().await.unwrap().unwrap().unwrap();
        assert_eq!(
            (
                answer.status().as_u16(),
                answer.headers().contains_key("retry-after")
            ),
            (429, true)
        );
    }
    waiting(&gateway, 20).await;
    let other = gateway.other("other", OTHER_TOKEN).http1();
    let post = tokio::spawn(other.put(url("/items/1")).body(vec![b'y'; 1024]).send());
    let approvals = waiting(&gateway, 21).await;
    let asked = approvals
        .iter()
        .find(|one| one["agent"] == "other")
        .unwrap();
    resolve(&gateway, asked, "approve").await;
    assert_eq!(post.await.unwrap().unwrap().status(), 200);
}
