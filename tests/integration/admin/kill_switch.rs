//! The kill switch through the admin side: at once, above every policy, for good.

use http::Method;
use serde_json::{Value as Json, json};

use crate::support::agent::exchange;
use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::{Reply, Upstream};

const HOST: &str = "api.test";
const OTHER_HOST: &str = "other.test";
const OTHER_TOKEN: &str = "tga_other_0123456789abcdef0123456789";
const APPROVER: &str = "tgo_approver_0123456789abcdef0123";
const VIEWER: &str = "tgo_viewer_0123456789abcdef012345";

const POLICY: &str = "
permissions: [{ agents: ['*'], connector: '*', access: full }]
policies: [{ id: yes-to-all, actions: ['*'], decision: allow }]
";

fn connector(id: &str, host: &str) -> String {
    format!(
        "connector: {id}\nname: Test\nversion: 1\ndomains: [{host}]\nauth: none\nroutes: [{{ action: item.get, match: 'GET /items/{{item}}' }}]\n"
    )
}

async fn start(upstream: &Upstream) -> Gateway {
    Builder::new()
        .connector("api", &connector("api", HOST))
        .connector("other", &connector("other", OTHER_HOST))
        .policy("all", POLICY)
        .agent("other", OTHER_TOKEN, "{}")
        .operator("approver", "approver", APPROVER)
        .operator("viewer", "viewer", VIEWER)
        .trust(&upstream.ca_pem)
        .resolve(&format!("{HOST}:443"), &[upstream.address])
        .resolve(&format!("{OTHER_HOST}:443"), &[upstream.address])
        .start()
        .await
}

const SWITCH: &str = "/api/v1/kill-switch";

#[tokio::test]
async fn halts_and_lets_go_at_once_inside_open_tunnels_above_every_policy() {
    let upstream = Upstream::start(&[HOST, OTHER_HOST]).await;
    let gateway = start(&upstream).await;
    let other = gateway.other("other", OTHER_TOKEN);
    let mut tunnels = Vec::new();
    for agent in [&gateway.agent, &other] {
        for host in [HOST, OTHER_HOST] {
            tunnels.push((host, agent.tls_tunnel(&format!("{host}:443"), host).await));
        }
    }
    for (scope, refused) in [
        ("all", [true, true, true, true]),
        ("agent/ci", [true, true, false, false]),
        ("connector/other", [false, true, false, true]),
    ] {
        let path = format!("{SWITCH}/{scope}");
        let (status, halt) = gateway
            .admin(Method::PUT, &path, &json!({ "reason": "test" }))
            .await;
        assert_eq!(
            (status, &halt["by"], &halt["reason"]),
            (200, &json!("local"), &json!("test"))
        );
        for ((host, tunnel), refused) in tunnels.iter_mut().zip(refused) {
            let request = format!("GET /items/1 HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let answer = exchange(tunnel, &request).await;
            assert_eq!(
                answer.status,
                if refused { 403 } else { 200 },
                "{scope} {host}"
            );
            if refused {
                assert_eq!(answer.json()["code"], "killed");
                assert_eq!(answer.header("tollgate-code"), Some("killed"));
            }
        }
        let (status, lifted) = gateway.admin(Method::DELETE, &path, &Json::Null).await;
        assert_eq!((status, &lifted["lifted"]), (200, &json!(true)));
        for (host, tunnel) in &mut tunnels {
            let request = format!("GET /items/1 HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(
                exchange(tunnel, &request).await.status,
                200,
                "after {scope}"
            );
        }
    }
    let changes = gateway.changed(6).await;
    let said: Vec<String> = changes
        .iter()
        .map(|body| format!("{} {} {}", body["operator"], body["what"], body["subject"]))
        .collect();
    assert_eq!(said[0], r#""local" "kill.on" "everything""#);
    assert_eq!(said[5], r#""local" "kill.off" "connector `other`""#);
}

#[tokio::test]
async fn ends_an_answer_that_is_under_way() {
    let upstream = Upstream::start(&[HOST, OTHER_HOST]).await;
    let gateway = start(&upstream).await;
    for client in [gateway.agent.http1(), gateway.agent.http2()] {
        for scope in ["all", "agent/ci", "connector/api"] {
            let (reply, feed) = Reply::streamed(200);
            upstream.reply("/items/1", reply);
            let url = format!("https://{HOST}/items/1");
            let mut answer = client.get(url).send().await.unwrap();
            feed.send("one").await;
            assert_eq!(answer.chunk().await.unwrap().unwrap(), "one");
            let path = format!("{SWITCH}/{scope}");
            assert_eq!(gateway.admin(Method::PUT, &path, &Json::Null).await.0, 200);
            assert!(answer.chunk().await.is_err(), "{scope}: the answer went on");
            assert_eq!(
                gateway.admin(Method::DELETE, &path, &Json::Null).await.0,
                200
            );
        }
    }
    let finished = gateway.finished(6).await;
    assert!(
        finished.iter().all(|body| body["code"] == "killed"),
        "{finished:#?}"
    );
}

#[tokio::test]
async fn a_restart_keeps_it_and_everything_shows_it() {
    let upstream = Upstream::start(&[HOST, OTHER_HOST]).await;
    let gateway = start(&upstream).await;
    let path = format!("{SWITCH}/agent/ci");
    let (_, halt) = gateway.admin(Method::PUT, &path, &Json::Null).await;
    let gateway = gateway.restart().await;
    let (status, listed) = gateway.admin(Method::GET, SWITCH, &Json::Null).await;
    assert_eq!((status, listed), (200, json!({ "halts": [halt] })));
    let (_, status) = gateway
        .admin(Method::GET, "/api/v1/status", &Json::Null)
        .await;
    assert_eq!(status["halts"], json!([halt]));
    let metrics = gateway.metrics().await;
    for (kind, count) in [("all", 0), ("connector", 0), ("agent", 1)] {
        let line = format!("tollgate_kill_switch_active{{scope=\"{kind}\"}} {count}");
        assert!(
            metrics.lines().any(|known| known == line),
            "{line} is not in\n{metrics}"
        );
    }
    let url = format!("https://{HOST}/items/1");
    let answer = gateway.agent.http1().get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    let decided = gateway.decided(1).await;
    assert_eq!(
        (&decided[0]["code"], &decided[0]["decision"]),
        (&json!("killed"), &json!("deny"))
    );
    assert_eq!(
        gateway.admin(Method::DELETE, &path, &Json::Null).await.0,
        200
    );
    let gateway = gateway.restart().await;
    assert_eq!(
        gateway
            .agent
            .http1()
            .get(&url)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn an_approver_halts_an_editor_lets_go_and_others_do_nothing() {
    let upstream = Upstream::start(&[HOST, OTHER_HOST]).await;
    let gateway = start(&upstream).await;
    let path = format!("{SWITCH}/all");
    for (token, method, status) in [
        ("", Method::PUT, 401),
        ("tgo_nobody", Method::PUT, 401),
        (OTHER_TOKEN, Method::PUT, 401),
        (VIEWER, Method::PUT, 403),
        (VIEWER, Method::DELETE, 403),
        (APPROVER, Method::PUT, 200),
        (APPROVER, Method::DELETE, 403),
    ] {
        let answer = gateway
            .admin_as(token, method.clone(), &path, &Json::Null)
            .await;
        assert_eq!(answer.0, status, "{token} {method}: {}", answer.1);
    }
    assert_eq!(
        gateway
            .admin_as(VIEWER, Method::GET, SWITCH, &Json::Null)
            .await
            .1["halts"][0]["by"],
        "approver"
    );
}

#[tokio::test]
async fn what_does_not_exist_is_not_halted() {
    let upstream = Upstream::start(&[HOST, OTHER_HOST]).await;
    let gateway = start(&upstream).await;
    for (path, status) in [
        ("agent/cj", 404),
        ("connector/apy", 404),
        ("agent", 404),
        ("everybody/ci", 404),
        ("all/ci", 404),
    ] {
        let path = format!("{SWITCH}/{path}");
        let (found, problem) = gateway.admin(Method::PUT, &path, &Json::Null).await;
        assert_eq!(found, status, "{path}: {problem}");
    }
    let path = format!("{SWITCH}/all");
    let bad = json!({ "reasons": "x" });
    assert_eq!(gateway.admin(Method::PUT, &path, &bad).await.0, 400);
    let long = json!({ "reason": "x".repeat(1025) });
    assert_eq!(gateway.admin(Method::PUT, &path, &long).await.0, 400);
    let (_, listed) = gateway.admin(Method::GET, SWITCH, &Json::Null).await;
    assert_eq!(listed, json!({ "halts": [] }));
}
