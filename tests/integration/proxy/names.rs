//! CONNECT, SNI and `Host` name one host, or nothing is sent.

use super::rig::{self, HOST};
use crate::support::agent::exchange;
use crate::support::upstream::Upstream;

#[tokio::test]
async fn refuses_sni_of_another_host() {
    let upstream = Upstream::start(&[HOST, "other.test"]).await;
    let gateway = rig::start(&upstream).await;
    let mut tls = gateway
        .agent
        .tls_tunnel(&format!("{HOST}:443"), "other.test")
        .await;
    for host in [HOST, "other.test"] {
        let answer = exchange(&mut tls, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (421, Some("names_disagree"))
        );
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn refuses_a_request_for_another_host_than_the_tunnel() {
    let upstream = Upstream::start(&[HOST, "other.test"]).await;
    let gateway = rig::start(&upstream).await;
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    for (target, host) in [
        ("/", "other.test"),
        ("/", "api.test:8443"),
        ("/", "api.test:80"),
        ("https://other.test/", "other.test"),
        ("http://api.test/", "api.test"),
    ] {
        let answer = exchange(
            &mut tls,
            &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        )
        .await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (421, Some("names_disagree")),
            "{target} {host}"
        );
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn compares_names_by_their_canonical_form() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut tls = gateway.agent.tls_tunnel("API.test.:443", HOST).await;
    for (target, host) in [
        ("/", "API.TEST"),
        ("/", "api.test:443"),
        ("/", "api.test."),
        ("https://api.test/", "api.test"),
    ] {
        let answer = exchange(
            &mut tls,
            &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        )
        .await;
        assert_eq!(answer.status, 200, "{target} {host}");
        assert_eq!(upstream.received().pop().unwrap().host, HOST);
    }
}

#[tokio::test]
async fn refuses_an_http2_request_for_another_host_than_the_tunnel() {
    let upstream = Upstream::start(&[HOST, "other.test"]).await;
    let gateway = rig::start(&upstream).await;
    // The connection is pooled for the first host; `Host` beside `:authority` names another.
    let client = gateway.agent.http2();
    let answer = client
        .get(format!("https://{HOST}/"))
        .header("host", "other.test")
        .send()
        .await;
    let refused = answer.map_or(true, |answer| {
        answer.status() == 421 || answer.status() == 400
    });
    assert!(refused);
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn refuses_a_second_authority_on_one_http2_connection() {
    let upstream = Upstream::start(&[HOST, "other.test"]).await;
    let gateway = rig::start(&upstream).await;
    let authority = format!("{HOST}:443");
    let mut tunnel = gateway.agent.http2_tunnel(&authority, HOST).await;
    for (authority, status) in [(HOST, 200), ("other.test", 421), (HOST, 200)] {
        let request = http::Request::get(format!("https://{authority}/"))
            .body(http_body_util::Full::default())
            .unwrap();
        let answer = tunnel.send_request(request).await.unwrap();
        assert_eq!(answer.status(), status, "{authority}");
    }
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test]
async fn refuses_what_is_no_plain_request() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    for request in [
        format!("TRACE / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        format!(
            "GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n"
        ),
        format!(
            "GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        ),
        format!(
            "POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        format!("GET / HTTP/1.1\r\nHost: {HOST}\nX: y\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {HOST}@evil\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close, host\r\n\r\n"),
    ] {
        let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        assert_eq!(exchange(&mut tls, &request).await.status, 400, "{request}");
    }
    let mut tls = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let inner = format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n");
    let answer = exchange(&mut tls, &inner).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (400, &"bad_request".into())
    );
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn opens_a_tunnel_to_an_address() {
    for (upstream, address) in [
        (Upstream::start(&["127.0.0.1"]).await, "127.0.0.1"),
        (Upstream::over_ipv6(&["::1"]).await, "[::1]"),
    ] {
        let connector = format!(
            "{{ connector: literal, name: By address, version: 1, domains: ['{address}'], auth: none,
                routes: [{{ action: ip.get, match: GET /ip }}] }}"
        );
        let gateway = rig::describe()
            .connector("literal", &connector)
            .policy(
                "literal",
                "permissions: [{ agents: [ci], connector: literal, access: full }]",
            )
            .upstream(&format!("{address}:443"), &upstream)
            .start()
            .await;
        let place = format!("{address}:443");
        let name = address.trim_matches(['[', ']']);
        let mut tunnel = gateway.agent.tls_tunnel(&place, name).await;
        for host in [address, place.as_str()] {
            let ask = format!("GET /ip HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(exchange(&mut tunnel, &ask).await.status, 200, "{host}");
        }
        for received in upstream.received() {
            assert_eq!(
                (received.path.as_str(), received.host.as_str()),
                ("/ip", address)
            );
        }
    }
}

#[tokio::test]
async fn reaches_a_name_over_ipv6() {
    let upstream = Upstream::over_ipv6(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    for client in [gateway.agent.http1(), gateway.agent.http2()] {
        let answer = client.get(format!("https://{HOST}/six")).send().await;
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!(upstream.received().len(), 2);
}
