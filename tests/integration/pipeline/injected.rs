//! A request that goes out with the gateway's credential asks for answers that can be searched for it, and brings no session back.

use http::HeaderMap;

use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::{Received, Reply, Upstream};

const HOST: &str = "api.test";
const PUBLIC: &str = "public.test";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: [{ id: token, fields: [token], bearer: '{token}' }]
routes:
  - { action: plain.get, match: GET /plain }
  - { action: file.get, match: 'GET /files/{file}', range: true }
  - { action: session.get, match: GET /session, cookies: pass }
  - { action: mixed.get, match: 'GET /mixed/{a}/list', range: true }
  - { action: mixed.list, match: 'GET /mixed/all/{b}' }
";

const OPEN: &str = "
connector: open
name: Public API
version: 1
domains: [public.test]
auth: none
routes: [{ action: plain.get, match: GET /plain }]
";

async fn start(upstream: &Upstream) -> Gateway {
    Builder::new()
        .connector("api", CONNECTOR)
        .connector("open", OPEN)
        .policy(
            "api",
            "permissions: [{ agents: [ci], connector: '*', access: full }]",
        )
        .credential("api", HOST, ("token", "the-real-token"))
        .upstream(&format!("{HOST}:443"), upstream)
        .resolve(&format!("{PUBLIC}:443"), &[upstream.address])
        .start()
        .await
}

/// Sends a GET with everything that could keep an answer from being read; returns what arrived and what came back.
async fn get(
    gateway: &Gateway,
    upstream: &Upstream,
    url: &str,
    accept: Option<&str>,
) -> (Received, HeaderMap) {
    let path = url.find("test/").map(|at| &url[at + 4..]).unwrap();
    upstream.reply(
        path,
        Reply::new(200, "ok").header("set-cookie", "session=1"),
    );
    let mut request = gateway
        .agent
        .http1()
        .get(url)
        .header("range", "bytes=0-0")
        .header("if-range", "\"etag\"")
        .header("cookie", "mine=1");
    if let Some(accept) = accept {
        request = request.header("accept-encoding", accept);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    (upstream.received().pop().unwrap(), headers)
}

#[tokio::test]
async fn asks_for_the_whole_answer_in_a_coding_that_can_be_undone() {
    let upstream = Upstream::start(&[HOST, PUBLIC]).await;
    let gateway = start(&upstream).await;
    for (accept, sent) in [
        (None, "identity"),
        (Some("gzip, deflate, br, zstd"), "gzip, deflate, br, zstd"),
        (Some("compress, dcb"), "identity"),
        (Some("*"), "identity"),
        (Some("dcz;q=1.0, GZIP;q=0.5, *;q=0"), "GZIP;q=0.5"),
    ] {
        let url = format!("https://{HOST}/plain");
        let (received, answered) = get(&gateway, &upstream, &url, accept).await;
        assert_eq!(
            received.header("authorization"),
            Some("Bearer the-real-token")
        );
        assert_eq!(received.header("accept-encoding"), Some(sent));
        for gone in ["range", "if-range", "cookie"] {
            assert_eq!(received.header(gone), None, "{gone}");
        }
        assert!(!answered.contains_key("set-cookie"));
    }
}

#[tokio::test]
async fn passes_what_a_route_lets_pass() {
    let upstream = Upstream::start(&[HOST, PUBLIC]).await;
    let gateway = start(&upstream).await;
    let (file, answered) = get(
        &gateway,
        &upstream,
        &format!("https://{HOST}/files/a"),
        None,
    )
    .await;
    assert_eq!(file.header("range"), Some("bytes=0-0"));
    assert_eq!(file.header("if-range"), Some("\"etag\""));
    assert_eq!(file.header("cookie"), None);
    assert!(!answered.contains_key("set-cookie"));
    let url = format!("https://{HOST}/session");
    let (session, answered) = get(&gateway, &upstream, &url, None).await;
    assert_eq!(session.header("range"), None);
    assert_eq!(session.header("cookie"), Some("mine=1"));
    assert!(answered.contains_key("set-cookie"));
    // One of the two routes that this may be does not let it pass.
    let url = format!("https://{HOST}/mixed/all/list");
    let (mixed, _) = get(&gateway, &upstream, &url, None).await;
    assert_eq!(mixed.header("range"), None);
}

#[tokio::test]
async fn leaves_a_bare_request_as_it_is() {
    let upstream = Upstream::start(&[HOST, PUBLIC]).await;
    let gateway = start(&upstream).await;
    let url = format!("https://{PUBLIC}/plain");
    let (received, answered) = get(&gateway, &upstream, &url, Some("compress, dcb")).await;
    assert_eq!(received.header("range"), Some("bytes=0-0"));
    assert_eq!(received.header("accept-encoding"), Some("compress, dcb"));
    assert!(answered.contains_key("set-cookie"));
}
