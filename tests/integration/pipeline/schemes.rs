//! Credentials in paths, cookies, bodies and signatures, from the agent's request to what the upstream receives.

use serde_json::json;

use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::{Received, Upstream};

const HOST: &str = "api.test";
const SECRET: &str = "T0REAL/B0REAL/the-real-secret";

fn connector(way: &str) -> String {
    format!(
        "
connector: api
name: Test API
version: 1
domains: [api.test]
auth:
  - {{ id: own, fields: [key], {way} }}
defaults: {{ risk: {{ POST: low, PUT: low }} }}
routes:
  - {{ action: hook.send, match: 'POST /services/{{team}}/{{app}}/{{token}}' }}
  - {{ action: event.send, match: POST /events, params: {{ text: $.text }} }}
  - {{ action: form.send, match: POST /form, body: [form], params: {{ text: 'form:text' }} }}
  - {{ action: blob.put, match: 'PUT /blobs/{{name}}' }}
  - {{ action: plain.get, match: GET /plain }}
  - {{ action: session.get, match: GET /session, cookies: pass }}
"
    )
}

async fn start(upstream: &Upstream, way: &str) -> Gateway {
    Builder::new()
        .connector("api", &connector(way))
        .policy(
            "api",
            "permissions: [{ agents: [ci], connector: api, access: full }]",
        )
        .credential("api", HOST, ("key", SECRET))
        .upstream(&format!("{HOST}:443"), upstream)
        .start()
        .await
}

/// Sends a request by HTTP/1.1 and by HTTP/2; returns what arrived.
async fn sent(
    way: &str,
    request: impl Fn(&reqwest::Client) -> reqwest::RequestBuilder,
) -> Vec<Received> {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream, way).await;
    for client in [gateway.agent.http1(), gateway.agent.http2()] {
        let answer = request(&client).send().await.unwrap();
        let status = answer.status();
        assert_eq!(status, 200, "{}", answer.text().await.unwrap());
    }
    let received = upstream.received();
    assert_eq!(received.len(), 2);
    received
}

fn url(path: &str) -> String {
    format!("https://{HOST}{path}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhooks_secret_takes_the_place_of_what_stands_in_the_path() {
    let received = sent("path: '/services/{key}'", |client| {
        client
            .post(url("/services/Tx/Bx/fake"))
            .json(&json!({ "text": "hi" }))
    })
    .await;
    for received in received {
        assert_eq!(received.path, format!("/services/{SECRET}"));
        assert_eq!(received.body, r#"{"text":"hi"}"#);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_routing_key_takes_its_place_in_the_body() {
    let way = "body: { $.routing_key: '{key}', 'form:token': '{key}' }";
    let received = sent(way, |client| {
        client
            .post(url("/events"))
            .json(&json!({ "routing_key": "fake", "text": "hi" }))
    })
    .await;
    for received in received {
        let expected = json!({ "routing_key": SECRET, "text": "hi" }).to_string();
        assert_eq!(received.body, expected);
        assert_eq!(
            received.header("content-length"),
            Some(&*expected.len().to_string())
        );
    }
    let received = sent(way, |client| {
        client
            .post(url("/form"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("token=fake&text=hi")
    })
    .await;
    for received in received {
        assert_eq!(
            received.body,
            "text=hi&token=T0REAL%2FB0REAL%2Fthe-real-secret"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_place_for_the_credential_is_refused_and_nothing_is_sent() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream, "body: { $.routing_key: '{key}' }").await;
    let client = gateway.agent.http1();
    let answer = client.get(url("/plain")).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let text = answer.text().await.unwrap();
    assert!(text.contains("no place for the credential"), "{text}");
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_joins_those_of_the_agent_only_where_cookies_pass() {
    let way = "cookie: { session: '{key}' }";
    for (path, expected) in [
        ("/plain", format!("session={SECRET}")),
        ("/session", format!("mine=1; session={SECRET}")),
    ] {
        let request = |client: &reqwest::Client| {
            client
                .get(url(path))
                .header("cookie", "mine=1; session=fake")
        };
        for received in sent(way, request).await {
            assert_eq!(received.header("cookie"), Some(&*expected), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyed_hash_is_over_the_body_also_where_no_route_reads_it() {
    let way = "hmac: { alg: sha256, key: '{key}', over: '{method}{target}{body}', header: { X-Signature: '{signature}' } }";
    let received = sent(way, |client| {
        client
            .put(url("/blobs/x?a=1"))
            .header("x-signature", "of-the-agent")
            .header("content-type", "application/octet-stream")
            .body("bytes")
    })
    .await;
    for received in received {
        let expected = hmac_sha256(SECRET, "PUT/blobs/x?a=1bytes");
        assert_eq!(received.header("x-signature"), Some(&*expected));
        assert_eq!(received.body, "bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_aws_is_made_anew_and_the_agents_own_goes() {
    let way = "sigv4: { access_key_id: '{key}', secret_access_key: '{key}' }";
    let own = "AWS4-HMAC-SHA256 Credential=AKIDFAKE/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=0123";
    let received = sent(way, |client| {
        client
            .put(url(
                "/blobs/x?X-Amz-Signature=00&X-Amz-Expires=60&partNumber=1",
            ))
            .header("authorization", own)
            .header("x-amz-date", "20260101T000000Z")
            .header("x-amz-security-token", "of-the-agent")
            .body("bytes")
    })
    .await;
    for received in received {
        let authorization = received.header("authorization").unwrap();
        let scope = "/eu-west-1/s3/aws4_request, SignedHeaders=";
        assert!(authorization.contains(scope), "{authorization}");
        assert!(!authorization.contains("AKIDFAKE"), "{authorization}");
        assert_eq!(received.header("x-amz-security-token"), None);
        assert_ne!(received.header("x-amz-date"), Some("20260101T000000Z"));
        assert_eq!(received.query.as_deref(), Some("partNumber=1"));
        let hash = "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9";
        assert_eq!(received.header("x-amz-content-sha256"), Some(hash));
    }
}

/// HMAC written out by its definition, RFC 2104 section 2, for keys of at most a block.
fn hmac_sha256(key: &str, over: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key.as_bytes());
    let pad = |with: u8| block.map(|byte| byte ^ with).to_vec();
    let inner = Sha256::digest([pad(0x36), over.as_bytes().to_vec()].concat());
    let outer = Sha256::digest([pad(0x5c), inner.to_vec()].concat());
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_place_of_a_body_that_holds_a_credential_of_the_agents_counts() {
    let upstream = Upstream::start(&[HOST]).await;
    let more = "body: { $.routing_key: '{key}' }";
    let text = connector(more).replace(
        "defaults:",
        "credentials_in: ['$.other_key', '$.a_key']\ndefaults:",
    );
    let gateway = Builder::new()
        .connector("api", &text)
        .policy(
            "api",
            "permissions: [{ agents: [ci], connector: api, access: full }]",
        )
        .credential("api", HOST, ("key", SECRET))
        .upstream(&format!("{HOST}:443"), &upstream)
        .start()
        .await;
    let client = gateway.agent.http1();
    let send = async |body: serde_json::Value| {
        let answer = client
            .post(url("/events"))
            .json(&body)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for place in ["other_key", "a_key"] {
        let body = json!({ "routing_key": "fake", place: "of the agent", "text": "hi" });
        let (status, text) = send(body).await;
        assert_eq!(status, 403, "{text}");
        assert!(
            text.contains("client_credential") && text.contains(place),
            "{text}"
        );
    }
    assert!(upstream.received().is_empty());
    assert_eq!(
        send(json!({ "routing_key": "fake", "text": "hi" })).await.0,
        200
    );
}
