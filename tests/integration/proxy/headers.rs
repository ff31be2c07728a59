//! Headers over sockets: what an upstream sees of a request's headers is what was judged, in both versions of HTTP.

use bytes::Bytes;
use http::HeaderValue;
use http_body_util::{BodyExt as _, Full};
use serde_json::Value as Json;

use crate::support::agent::exchange;
use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::{Reply, Upstream};

const HOST: &str = "api.test";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: none
allow_headers: [openai-organization, 'x-vendor-*']
routes:
  - { action: deploy.start, match: POST /deploys, params: { target: 'header:X-Target', dry_run: 'header:X-Dry-Run' } }
  - { action: deploy.list, match: GET /deploys }
  - { action: deploy.stop, match: POST /stops }
";

const POLICY: &str = r#"
permissions: [{ agents: [ci], connector: api, access: full }]
policies:
  - { id: dev-only, actions: [api.deploy.start], when: '!has(params.target) || params.target != "dev"', decision: deny }
"#;

async fn start(upstream: &Upstream) -> Gateway {
    Builder::new()
        .connector("api", CONNECTOR)
        .policy("team", POLICY)
        .upstream(&format!("{HOST}:443"), upstream)
        .start()
        .await
}

/// Sends a request without a body over HTTP/2, whose readers strip nothing; returns status, code, and the answer's own header.
async fn send_http2(
    gateway: &Gateway,
    (method, path): (&str, &str),
    headers: &[(&str, &[u8])],
) -> (u16, String, String) {
    let mut tunnel = gateway
        .agent
        .http2_tunnel(&format!("{HOST}:443"), HOST)
        .await;
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("https://{HOST}{path}"))
        .body(Full::<Bytes>::default())
        .unwrap();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().append(name, value);
    }
    let answer = tunnel.send_request(request).await.unwrap();
    let status = answer.status().as_u16();
    let dropped = answer.headers().get("tollgate-dropped-headers");
    let dropped = dropped
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let code = serde_json::from_slice::<Json>(&body)
        .ok()
        .and_then(|json| json["code"].as_str().map(str::to_owned));
    (status, code.unwrap_or_default(), dropped)
}

#[tokio::test]
async fn an_upstream_sees_the_value_that_was_judged() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    for value in ["dev", " dev", "dev ", "\tdev", "dev\t", " \t dev \t "] {
        let start = ("POST", "/deploys");
        let http2 = send_http2(&gateway, start, &[("x-target", value.as_bytes())]).await;
        let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        let request = format!(
            "POST /deploys HTTP/1.1\r\nHost: {HOST}\r\nX-Target:{value}\r\nContent-Length: 0\r\n\r\n"
        );
        let http1 = exchange(&mut tls, &request).await;
        assert_eq!((http2.0, http1.status), (200, 200), "{value:?}");
    }
    assert_eq!(upstream.received().len(), 12);
    for received in upstream.received() {
        assert_eq!(received.header("x-target"), Some("dev"));
    }
}

#[tokio::test]
async fn a_value_that_servers_trim_differently_is_refused() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    for space in [
        "\u{a0}", "\u{85}", "\u{2003}", "\u{3000}", "\u{2028}", "\u{feff}",
    ] {
        let value = format!("{space}dev");
        let start = ("POST", "/deploys");
        let http2 = send_http2(&gateway, start, &[("x-target", value.as_bytes())]).await;
        assert_eq!((http2.0, &*http2.1), (400, "not_canonical"), "{value:?}");
        let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        let request = format!(
            "POST /deploys HTTP/1.1\r\nHost: {HOST}\r\nX-Target: {value}\r\nContent-Length: 0\r\n\r\n"
        );
        let http1 = exchange(&mut tls, &request).await;
        assert_eq!(http1.json()["code"], "not_canonical", "{value:?}");
    }
    // Latin-1, as Python's clients write it: the space that does not break.
    let start = ("POST", "/deploys");
    let raw = send_http2(&gateway, start, &[("x-target", b"\xa0dev")]).await;
    assert_eq!((raw.0, &*raw.1), (400, "not_canonical"));
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn a_header_that_nothing_declares_is_dropped_from_a_read_and_named() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let headers: [(&str, &[u8]); 7] = [
        // Servers read it as `X-Tenant`: it never goes out, and is recorded.
        ("x_tenant", b"other"),
        ("as-user", b"root"),
        ("x-scope-orgid", b"other"),
        ("x-forwarded-user", b"root"),
        ("x-vendor-a", b"1"),
        ("openai-organization", b"mine"),
        ("x-request-id", b"7"),
    ];
    let (status, _, dropped) = send_http2(&gateway, ("GET", "/deploys"), &headers).await;
    assert_eq!((status, &*dropped), (200, "as-user, x-scope-orgid"));
    let received = upstream.only();
    for name in ["x_tenant", "as-user", "x-scope-orgid", "x-forwarded-user"] {
        assert_eq!(received.header(name), None, "{name}");
    }
    for name in ["x-vendor-a", "openai-organization", "x-request-id"] {
        assert!(received.header(name).is_some(), "{name}");
    }
    let decided = gateway.decided(1).await;
    assert_eq!(
        decided[0]["dropped_headers"],
        serde_json::json!(["as-user", "x-scope-orgid", "x_tenant"])
    );
}

#[tokio::test]
async fn a_header_that_nothing_declares_refuses_a_write() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let rehearsal: [(&str, &[u8]); 1] = [("x-dry-run", b"true")];
    let (status, code, _) = send_http2(&gateway, ("POST", "/stops"), &rehearsal).await;
    assert_eq!((status, &*code), (400, "undeclared_header"));
    assert_eq!(upstream.connections(), 0);
    let decided = gateway.decided(1).await;
    assert_eq!(decided[0]["code"], "undeclared_header");
    // Where the route reads it, it is judged and sent.
    let both: [(&str, &[u8]); 2] = [("x-dry-run", b"true"), ("x-target", b"dev")];
    let (status, _, _) = send_http2(&gateway, ("POST", "/deploys"), &both).await;
    assert_eq!(status, 200);
    assert_eq!(upstream.only().header("x-dry-run"), Some("true"));
}

#[tokio::test]
async fn an_upstream_cannot_say_which_headers_were_dropped() {
    let upstream = Upstream::start(&[HOST]).await;
    upstream.reply(
        "/deploys",
        Reply::new(200, "[]").header("tollgate-dropped-headers", "made-up"),
    );
    let gateway = start(&upstream).await;
    let (status, _, dropped) = send_http2(&gateway, ("GET", "/deploys"), &[]).await;
    assert_eq!((status, &*dropped), (200, ""));
}
