//! What changes while a gateway runs takes effect at once, also inside open tunnels; broken files do not.

use std::time::Duration;

use crate::support::agent::exchange;
use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::{Reply, Upstream};

const HOST: &str = "api.test";
const OTHER_TOKEN: &str = "tga_other_0123456789abcdef0123456789";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: [{ id: token, fields: [token], bearer: '{token}' }]
routes:
  - { action: item.get, match: 'GET /items/{item}', params: { item: { pattern: '[0-9]+' } } }
";

const ALLOWING: &str = "permissions: [{ agents: [ci], connector: api, access: full }]";
const DENYING: &str = "permissions: [{ agents: [ci], deny: [api.item.get] }]";
const BROKEN: &str = "permissions: [{ agents: [ci], deny: [api.item.gett] }]";

async fn start(upstream: &Upstream) -> Gateway {
    Builder::new()
        .connector("api", CONNECTOR)
        .policy("api", ALLOWING)
        .credential("api", HOST, ("token", "the-real-token"))
        .agent("other", OTHER_TOKEN, "{ team: care }")
        .upstream(&format!("{HOST}:443"), upstream)
        .start()
        .await
}

#[tokio::test]
async fn a_policy_takes_force_inside_an_open_tunnel_and_a_broken_one_does_not() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let request = format!("GET /items/1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    for (policy, status) in [
        (ALLOWING, 200),
        (DENYING, 403),
        (BROKEN, 403),
        (ALLOWING, 200),
        (BROKEN, 200),
        ("", 200),
    ] {
        gateway.write("policies.d/api.yaml", policy).await;
        assert_eq!(
            exchange(&mut tls, &request).await.status,
            status,
            "{policy}"
        );
    }
    assert_eq!(upstream.received().len(), 4);
}

#[tokio::test]
async fn a_directory_that_is_empty_or_gone_disarms_nothing() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    gateway.write("policies.d/api.yaml", DENYING).await;
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let request = format!("GET /items/1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    std::fs::remove_file(gateway.path("policies.d/api.yaml")).unwrap();
    for policy in ["empty", "gone"] {
        gateway.serving().reload().await;
        let answer = exchange(&mut tls, &request).await;
        assert_eq!(answer.json()["code"], "denied", "{policy}");
        assert_eq!(answer.json()["action"], "api.item.get", "{policy}");
        assert!(
            gateway.metrics().await.contains("tollgate_reload_failed 1"),
            "{policy}"
        );
        // The second time round.
        let _ = std::fs::remove_dir(gateway.path("policies.d"));
    }
    std::fs::create_dir(gateway.path("policies.d")).unwrap();
    gateway.write("policies.d/api.yaml", ALLOWING).await;
    assert_eq!(exchange(&mut tls, &request).await.status, 200);
    assert_eq!(upstream.received().len(), 1);
}

/// Asks until the answer has this status: files are taken over after a moment of quiet.
async fn until(gateway: &Gateway, status: u16) {
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let request = format!("GET /items/1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let asked = async { while exchange(&mut tls, &request).await.status != status {} };
    tokio::time::timeout(Duration::from_secs(20), asked)
        .await
        .unwrap_or_else(|_| panic!("the answer does not become {status}"));
}

#[tokio::test]
async fn a_change_of_files_is_noticed_by_itself_even_when_the_directory_is_replaced() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    until(&gateway, 200).await;
    std::fs::write(gateway.path("policies.d/api.yaml"), DENYING).unwrap();
    until(&gateway, 403).await;
    std::fs::rename(gateway.path("policies.d"), gateway.path("old")).unwrap();
    std::fs::create_dir(gateway.path("policies.d")).unwrap();
    std::fs::write(gateway.path("policies.d/api.yaml"), ALLOWING).unwrap();
    until(&gateway, 200).await;
    // The new directory is watched, too.
    std::fs::write(gateway.path("policies.d/api.yaml"), DENYING).unwrap();
    until(&gateway, 403).await;
}

#[tokio::test]
async fn a_directory_that_is_swapped_as_kubernetes_does_is_one_change() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let version = |name: &str, text: &str| {
        let folder = gateway.path("policies.d").join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("api.yaml"), text).unwrap();
        let link = gateway.path("policies.d/..data_new");
        std::os::unix::fs::symlink(name, &link).unwrap();
        std::fs::rename(link, gateway.path("policies.d/..data")).unwrap();
    };
    version("..1", DENYING);
    let link = gateway.path("policies.d/new");
    std::os::unix::fs::symlink("..data/api.yaml", &link).unwrap();
    std::fs::rename(link, gateway.path("policies.d/api.yaml")).unwrap();
    until(&gateway, 403).await;
    version("..2", ALLOWING);
    until(&gateway, 200).await;
    version("..3", BROKEN);
    version("..4", DENYING);
    until(&gateway, 403).await;
}

#[tokio::test]
async fn each_agent_has_its_own_permissions_and_its_own_upstream_connections() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let other = gateway.other("other", OTHER_TOKEN);
    let url = format!("https://{HOST}/items/1");
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
    assert_eq!(other.http1().get(&url).send().await.unwrap().status(), 403);
    let both = "permissions: [{ agents: [ci, team=care], connector: api, access: read_only }]";
    gateway.write("policies.d/api.yaml", both).await;
    assert_eq!(other.http1().get(&url).send().await.unwrap().status(), 200);
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
    let received = upstream.received();
    assert_ne!(
        received[0].connection, received[1].connection,
        "the pool is shared between agents"
    );
    for received in received {
        assert_eq!(
            received.header("authorization"),
            Some("Bearer the-real-token")
        );
    }
    let impostor = gateway.other("ci", OTHER_TOKEN);
    assert!(
        impostor.http1().get(&url).send().await.is_err(),
        "a token was taken under another agent's name"
    );
}

#[tokio::test]
async fn a_stream_ends_with_its_permission_and_an_answer_with_an_end_of_its_own_does_not() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    for client in [gateway.agent.http1(), gateway.agent.http2()] {
        gateway.write("policies.d/api.yaml", ALLOWING).await;
        let (stream, events) = Reply::streamed(200);
        upstream.reply("/items/1", stream);
        let (bounded, bytes) = Reply::streamed(200);
        upstream.reply("/items/2", bounded.header("content-length", "4"));
        let open = |item: u32| client.get(format!("https://{HOST}/items/{item}")).send();
        let mut stream = open(1).await.unwrap();
        events.send("one").await;
        assert_eq!(stream.chunk().await.unwrap().unwrap(), "one");
        let asked = upstream.received().len() + 1;
        let bounded = tokio::spawn(open(2));
        upstream.wait_for(asked).await;
        bytes.send("on").await;

        gateway.write("policies.d/api.yaml", DENYING).await;
        // The change alone ends the stream, at once or after this.
        events.offer("two").await;
        bytes.send("ce").await;
        drop(bytes);
        assert!(stream.chunk().await.is_err(), "the stream went on");
        assert_eq!(
            bounded.await.unwrap().unwrap().text().await.unwrap(),
            "once"
        );
    }
    let outcomes = gateway.finished(4).await;
    let count = |outcome: &str, code: Option<&str>| {
        let same =
            |body: &&serde_json::Value| body["outcome"] == outcome && body["code"].as_str() == code;
        outcomes.iter().filter(same).count()
    };
    assert_eq!(count("refused", Some("denied")), 2, "{outcomes:#?}");
    assert_eq!(count("answered", None), 2, "{outcomes:#?}");
}
