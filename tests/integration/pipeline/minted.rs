//! Credentials that mint tokens: one renewal for all that wait, never an old token, and nothing sent where it is not bound.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::Value as Json;
use tollgate::model::clock::Clock;
use tollgate::model::credential::{Binding, SealedCredential};
use tollgate::model::secret::Secret;
use tollgate::pipeline::inject::inject;
use tollgate::snapshot::Snapshot;
use tollgate::vault::{CredentialDraft, Sealer};

use super::rig::Rig as Pipeline;

use crate::support::agent::outbox;
use crate::support::gateway::{Builder, Gateway};
use crate::support::token_server::{FIRST_REFRESH, Mood, SECRET, TokenServer};
use crate::support::upstream::{Reply, Upstream};
use crate::vault::master;

pub(super) const URL: &str = "https://api.test/items/1";

fn connector(auth: &str) -> String {
    format!(
        "
connector: api
name: Test API
version: 1
domains: [api.test]
auth:
{auth}
routes:
  - {{ action: item.get, match: 'GET /items/{{item}}', risk: low }}
  - {{ action: item.put, match: 'PUT /items/{{item}}', risk: low, params: {{ text: $.text }} }}
  - {{ action: item.upload, match: 'POST /items/{{item}}', risk: low, body: none }}
"
    )
}

pub(super) const CLIENT: &str = "  - id: client
    fields: [{ name: client_id, secret: false }, client_secret]
    oauth2: { grant: client_credentials, token_url: 'https://auth.test/token', scopes: [read, write] }
";

pub(super) const CLIENT_FIELDS: &str = "{ client_id: client-1, client_secret: { env: SECRET } }";

pub(super) const REFRESH: &str = "  - id: refresh
    fields: [{ name: client_id, secret: false }, client_secret, refresh_token]
    oauth2: { grant: refresh_token, token_url: 'https://auth.test/token', client_auth: post }
";

pub(super) const REFRESH_FIELDS: &str =
    "{ client_id: client-1, client_secret: { env: SECRET }, refresh_token: { env: REFRESH } }";

const POLICY: &str = "permissions: [{ agents: [ci], connector: api, access: full }]";

/// A clock that a test moves.
#[derive(Clone, Default)]
pub(super) struct Hand(Arc<AtomicU64>);

impl Hand {
    fn clock(&self) -> Clock {
        let (start, moved) = (Clock::system().now(), Arc::clone(&self.0));
        Clock::from_fn(move || start + Duration::from_secs(moved.load(Ordering::SeqCst)))
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

pub(super) struct Rig {
    pub(super) api: Upstream,
    pub(super) tokens: TokenServer,
    pub(super) gateway: Gateway,
    pub(super) hand: Hand,
}

fn describe(api: &Upstream, tokens: &TokenServer, (auth, fields): (&str, &str)) -> Builder {
    describe_bare(api, tokens, auth).settings(&format!(
        "credentials:\n  - {{ id: c, connector: api, host: api.test, fields: {fields} }}"
    ))
}

/// A gateway without a credential.
pub(super) fn describe_bare(api: &Upstream, tokens: &TokenServer, auth: &str) -> Builder {
    Builder::new()
        .connector("api", &connector(auth))
        .policy("api", POLICY)
        .env("SECRET", SECRET)
        .env("REFRESH", FIRST_REFRESH)
        .upstream("api.test:443", api)
        .trust(&tokens.ca_pem)
        .resolve("auth.test:443", &[tokens.address])
}

pub(super) async fn rig(scheme: (&str, &str)) -> Rig {
    let (api, tokens) = (
        Upstream::start(&["api.test"]).await,
        TokenServer::start("auth.test").await,
    );
    let hand = Hand::default();
    let gateway = describe(&api, &tokens, scheme)
        .clock(hand.clock())
        .start()
        .await;
    Rig {
        api,
        tokens,
        gateway,
        hand,
    }
}

impl Rig {
    pub(super) async fn get(&self) -> (u16, String) {
        let answer = self.gateway.agent.http1().get(URL).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Returns the `Authorization` of each request that the API got.
    pub(super) fn carried(&self) -> Vec<String> {
        let received = self.api.received();
        let carried = received
            .iter()
            .map(|one| one.header("authorization").unwrap());
        carried.map(str::to_owned).collect()
    }

    pub(super) async fn assert_unhealthy(&self) {
        let (status, text) = self.get().await;
        let problem: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (status, problem["code"].as_str()),
            (403, Some("credential_unhealthy")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_token_is_minted_once_and_carried_by_all_requests() {
    let rig = rig((CLIENT, CLIENT_FIELDS)).await;
    for _ in 0..3 {
        assert_eq!(rig.get().await.0, 200);
    }
    assert_eq!(rig.carried(), ["Bearer access-token-0001"; 3]);
    let asked = rig.tokens.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].form["grant_type"], "client_credentials");
    assert_eq!(asked[0].form["scope"], "read write");
    assert!(!asked[0].form.contains_key("client_secret"));
}

/// Without sockets of agents and of the API, which a thousand requests at once would need each.
#[tokio::test]
async fn a_thousand_requests_at_its_end_make_one_renewal() {
    const COUNT: usize = 1000;
    let tokens = TokenServer::start("auth.test").await;
    let hand = Hand::default();
    let server = ("auth.test:443", tokens.address, &*tokens.ca_pem);
    let pipeline = Arc::new(Pipeline::reaching(server, hand.clock()).await);
    pipeline.swap(&connector(REFRESH), POLICY);
    let parts = pipeline.gateway.dependencies();
    let sealed = sealed(&parts.current.snapshot());
    parts.keyring.replace(vec![sealed]);
    parts.changes.tell();
    assert_eq!(carried(&pipeline).await, "Bearer access-token-0001");
    hand.pass(3600);
    // None has a token before all wait for it.
    tokens.set(Mood::Holds);
    let asking = (0..COUNT).map(|_| {
        let pipeline = Arc::clone(&pipeline);
        tokio::spawn(async move { carried(&pipeline).await })
    });
    let asking: Vec<_> = asking.collect();
    let decided = || {
        let records = pipeline.records().into_iter();
        records.filter(|record| record["kind"] == "decided").count()
    };
    while decided() < 1 + COUNT {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokens.wait_for(2).await;
    tokens.set(Mood::Good);
    for asked in asking {
        assert_eq!(asked.await.unwrap(), "Bearer access-token-0002");
    }
    assert_eq!(tokens.asked().len(), 2);
    pipeline.end().await;
}

/// Returns the `Authorization` that a request would carry.
async fn carried(pipeline: &Pipeline) -> String {
    let (permit, _open) = pipeline.ask(Method::GET, "/items/1").await.unwrap();
    let injected = inject(&pipeline.gateway, &permit).unwrap();
    let [(name, value)] = injected.headers() else {
        panic!("it carries one header");
    };
    assert_eq!(name, "authorization");
    value.to_str().unwrap().to_owned()
}

/// Seals what `credential add` would, for the scheme of a snapshot.
fn sealed(snapshot: &Snapshot) -> SealedCredential {
    let scheme = &snapshot.catalog().get("api").unwrap().schemes()[0];
    let public = BTreeMap::from([("client_id".to_owned(), "client-1".to_owned())]);
    let secrets = [("client_secret", SECRET), ("refresh_token", FIRST_REFRESH)];
    let secrets = secrets.map(|(name, text)| (name.to_owned(), Secret::from(text.to_owned())));
    let draft = CredentialDraft {
        connector: "api".to_owned(),
        scheme: scheme.id.clone(),
        placement: scheme.placement().to_owned(),
        binding: Binding {
            hosts: vec!["api.test:443".to_owned()],
            path: "/".to_owned(),
            urls: scheme.mint_urls(&public).unwrap(),
            agents: Vec::new(),
        },
        public_fields: public,
        secret_fields: secrets.into(),
        ..crate::vault::draft("api")
    };
    Sealer::new(&master(1))
        .seal(draft, &mut rand::rng())
        .unwrap()
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_without_a_wait() {
    let rig = rig((CLIENT, CLIENT_FIELDS)).await;
    assert_eq!(rig.get().await.0, 200);
    rig.hand.pass(3600 - 299);
    rig.tokens.set(Mood::Holds);
    assert_eq!(rig.get().await.0, 200);
    assert_eq!(rig.get().await.0, 200);
    rig.tokens.wait_for(2).await;
    assert_eq!(rig.carried(), ["Bearer access-token-0001"; 3]);
    rig.tokens.set(Mood::Good);
    // From its end on, requests wait for the new one.
    rig.hand.pass(299);
    assert_eq!(rig.get().await.0, 200);
    assert_eq!(rig.carried()[3], "Bearer access-token-0002");
    assert_eq!(rig.tokens.asked().len(), 2);
}

#[tokio::test]
async fn a_replaced_refresh_token_outlives_a_restart() {
    let mut rig = rig((REFRESH, REFRESH_FIELDS)).await;
    assert_eq!(rig.get().await.0, 200);
    for round in 1..3 {
        rig.gateway = rig.gateway.restart().await;
        assert_eq!(rig.get().await.0, 200);
        assert_eq!(
            rig.tokens.asked()[round].form["refresh_token"],
            format!("refresh-token-{round:04}")
        );
    }
    assert!(rig.tokens.asked().iter().all(|asked| !asked.refused));
    let store = std::fs::read(rig.gateway.path("state/tollgate.db")).unwrap();
    for secret in ["refresh-token-00", "access-token-00"] {
        let found = store
            .windows(secret.len())
            .any(|bytes| bytes == secret.as_bytes());
        assert!(!found, "{secret} is in the store");
    }
}

#[tokio::test]
async fn another_refresh_token_of_the_operators_wins_over_a_replaced_one() {
    let mut rig = rig((REFRESH, REFRESH_FIELDS)).await;
    assert_eq!(rig.get().await.0, 200);
    let file = rig.gateway.path("tollgate.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(rig.gateway.path("secrets/new"), "refresh-of-the-operator").unwrap();
    std::fs::write(
        &file,
        text.replace("{ env: REFRESH }", "{ file: secrets/new }"),
    )
    .unwrap();
    rig.gateway = rig.gateway.restart().await;
    rig.assert_unhealthy().await;
    assert_eq!(
        rig.tokens.asked()[1].form["refresh_token"],
        "refresh-of-the-operator"
    );
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_request_goes_again() {
    let body = r#"{"text":"hello"}"#;
    for http2 in [false, true] {
        let rig = rig((CLIENT, CLIENT_FIELDS)).await;
        let client = if http2 {
            rig.gateway.agent.http2()
        } else {
            rig.gateway.agent.http1()
        };
        let put = || {
            client
                .put(URL)
                .header("content-type", "application/json")
                .body(body)
        };
        for (count, request) in [client.get(URL), put()].into_iter().enumerate() {
            rig.api.reply("/items/1", Reply::new(401, "expired"));
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 200);
            assert_eq!(answer.text().await.unwrap(), "ok");
            assert_eq!(rig.tokens.asked().len(), count + 2, "http2: {http2}");
        }
        let carried = rig.carried();
        let numbers = carried.iter().map(|one| &one[one.len() - 1..]);
        assert_eq!(numbers.collect::<String>(), "1223");
        let received = rig.api.received();
        assert!(received[2..].iter().all(|one| one.body == body.as_bytes()));
        assert_eq!(rig.gateway.finished(2).await.len(), 2);
    }
}

#[tokio::test]
async fn a_refusal_that_a_new_token_does_not_end_passes_and_renews_nothing_more() {
    let rig = rig((CLIENT, CLIENT_FIELDS)).await;
    for _ in 0..4 {
        rig.api.reply("/items/1", Reply::new(401, "no"));
    }
    for _ in 0..3 {
        assert_eq!(rig.get().await, (401, "no".to_owned()));
    }
    assert_eq!(rig.tokens.asked().len(), 2);
    assert_eq!(rig.api.received().len(), 4);
}

#[tokio::test]
async fn a_body_that_streams_is_not_sent_twice_but_its_token_is_renewed() {
    let rig = rig((CLIENT, CLIENT_FIELDS)).await;
    rig.api.reply("/items/1", Reply::new(401, "expired"));
    let (sender, body) = outbox();
    let sent = tokio::spawn(rig.gateway.agent.http1().post(URL).body(body).send());
    sender.send("streamed".into()).await.unwrap();
    drop(sender);
    assert_eq!(sent.await.unwrap().unwrap().status().as_u16(), 401);
    assert_eq!(rig.get().await.0, 200);
    assert_eq!(
        rig.carried(),
        ["Bearer access-token-0001", "Bearer access-token-0002"]
    );
}

#[tokio::test]
async fn no_old_token_stands_in_for_a_renewal_that_fails() {
    let moods = [
        Mood::Says(500, "oops".into()),
        Mood::Says(400, r#"{"error":"invalid_grant"}"#.into()),
        Mood::Says(302, String::new()),
        Mood::Says(200, "not json".into()),
        Mood::Says(200, r#"{"token_type":"bearer"}"#.into()),
        Mood::Says(200, r#"{"access_token":"short"}"#.into()),
        Mood::Says(200, r#"{"access_token":"with a line\r\nX-Evil: 1"}"#.into()),
        Mood::Says(
            200,
            r#"{"access_token":"0123456789","token_type":"mac"}"#.into(),
        ),
        Mood::Says(
            200,
            r#"{"access_token":"0123456789","expires_in":-1}"#.into(),
        ),
        Mood::Says(
            200,
            r#"{"access_token":"0123456789","expires_in":"soon"}"#.into(),
        ),
        Mood::Says(
            200,
            r#"{"access_token":"0123456789","access_token":"9876543210"}"#.into(),
        ),
        Mood::Says(
            200,
            r#"{"access_token":"0123456789","error":"invalid_scope"}"#.into(),
        ),
        Mood::Says(
            200,
            format!("{{\"access_token\":\"{}\"}}", "x".repeat(300_000)),
        ),
    ];
    let rig = rig((CLIENT, CLIENT_FIELDS)).await;
    assert_eq!(rig.get().await.0, 200);
    let mut minted = 1;
    for mood in moods {
        rig.hand.pass(3600);
        rig.tokens.set(mood.clone());
        rig.assert_unhealthy().await;
        minted += 1;
        // A failure is remembered for a while, so that agents cannot hammer on the endpoint.
        rig.assert_unhealthy().await;
        assert_eq!(rig.tokens.asked().len(), minted, "{mood:?}");
        let metrics = rig.gateway.metrics().await;
        assert!(
            metrics.contains(r#"tollgate_credential_unhealthy{credential="c"} 1"#),
            "{mood:?}"
        );
    }
    assert_eq!(rig.api.received().len(), 1);
    rig.tokens.set(Mood::Good);
    rig.hand.pass(60);
    assert_eq!(rig.get().await.0, 200);
    assert_eq!(rig.carried()[1], "Bearer access-token-0002");
    let metrics = rig.gateway.metrics().await;
    assert!(metrics.contains(r#"tollgate_credential_unhealthy{credential="c"} 0"#));
}

#[tokio::test]
async fn a_server_that_does_not_prove_its_name_gets_nothing() {
    let (api, tokens) = (
        Upstream::start(&["api.test"]).await,
        TokenServer::start("evil.test").await,
    );
    let gateway = describe(&api, &tokens, (CLIENT, CLIENT_FIELDS))
        .start()
        .await;
    let hand = Hand::default();
    let rig = Rig {
        api,
        tokens,
        gateway,
        hand,
    };
    rig.assert_unhealthy().await;
    assert!(rig.tokens.asked().is_empty() && rig.api.received().is_empty());
}

#[tokio::test]
async fn an_address_that_egress_forbids_gets_nothing() {
    let (api, tokens) = (
        Upstream::start(&["api.test"]).await,
        TokenServer::start("127.0.0.1").await,
    );
    let auth = CLIENT.replace("auth.test", &format!("127.0.0.1:{}", tokens.address.port()));
    let gateway = describe(&api, &tokens, (&auth, CLIENT_FIELDS))
        .start()
        .await;
    let hand = Hand::default();
    let rig = Rig {
        api,
        tokens,
        gateway,
        hand,
    };
    rig.assert_unhealthy().await;
    assert!(rig.tokens.asked().is_empty() && rig.api.received().is_empty());
}

#[tokio::test]
async fn a_file_that_moves_the_token_endpoint_unbinds_the_credential() {
    let rig = rig((CLIENT, CLIENT_FIELDS)).await;
    let evil = connector(&CLIENT.replace("auth.test/token", "auth.test/evil"));
    rig.gateway.write("connectors.d/api.yaml", &evil).await;
    let (status, text) = rig.get().await;
    assert_eq!(status, 403, "{text}");
    assert!(rig.tokens.asked().is_empty() && rig.api.received().is_empty());
}

#[tokio::test]
async fn a_minted_token_does_not_come_back() {
    let rig = rig((CLIENT, CLIENT_FIELDS)).await;
    rig.api
        .reply("/items/1", Reply::new(200, "<access-token-0001>"));
    assert_eq!(rig.get().await, (200, format!("<{}>", "*".repeat(17))));
    // Nor the one that was refused, nor the one that came for it.
    for http2 in [false, true] {
        let client = if http2 {
            rig.gateway.agent.http2()
        } else {
            rig.gateway.agent.http1()
        };
        let count = rig.tokens.asked().len();
        rig.api.reply("/items/1", Reply::new(401, "expired"));
        let echo = format!("<access-token-{count:04}> <access-token-{:04}>", count + 1);
        rig.api.reply("/items/1", Reply::new(200, echo));
        let answer = client.get(URL).send().await.unwrap();
        let stars = "*".repeat(17);
        assert_eq!(
            answer.text().await.unwrap(),
            format!("<{stars}> <{stars}>"),
            "{http2}"
        );
    }
    let journal = std::fs::read_dir(rig.gateway.path("state/journal")).unwrap();
    for file in journal.filter_map(|file| std::fs::read(file.unwrap().path()).ok()) {
        assert!(!String::from_utf8_lossy(&file).contains("access-token-0"));
    }
}

#[tokio::test]
async fn a_flight_goes_on_when_its_agent_leaves() {
    let rig = rig((REFRESH, REFRESH_FIELDS)).await;
    rig.tokens.set(Mood::Holds);
    let client = rig.gateway.agent.http1();
    let asked = tokio::spawn(client.get(URL).send());
    rig.tokens.wait_for(1).await;
    asked.abort();
    let _ = asked.await;
    rig.tokens.set(Mood::Good);
    assert_eq!(rig.get().await.0, 200);
    assert_eq!(rig.tokens.asked().len(), 1);
    let carried = rig.carried();
    assert!(carried.iter().all(|one| one == "Bearer access-token-0001"));
}

#[tokio::test]
async fn another_token_is_exchanged() {
    let auth = "  - id: sts
    fields: [{ name: client_id, secret: false }, client_secret, subject_token]
    oauth2: { grant: token_exchange, token_url: 'https://auth.test/token', params: { audience: 'https://api.test/?a=b&c' }, then: { query: { access_token: '{access_token}' }, header: { X-Client: '{client_id}' } } }
";
    let fields =
        "{ client_id: client-1, client_secret: { env: SECRET }, subject_token: { env: REFRESH } }";
    let rig = rig((auth, fields)).await;
    assert_eq!(rig.get().await.0, 200);
    let received = rig.api.only();
    assert_eq!(
        received.query.as_deref(),
        Some("access_token=access-token-0001")
    );
    assert_eq!(received.header("x-client"), Some("client-1"));
    let asked = rig.tokens.asked();
    let form = &asked[0].form;
    assert_eq!(form["subject_token"], FIRST_REFRESH);
    assert_eq!(
        form["subject_token_type"],
        "urn:ietf:params:oauth:token-type:access_token"
    );
    assert_eq!(form["audience"], "https://api.test/?a=b&c");
}
