//! One example of each scheme that mints: what it asks whom, and what its requests carry.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value as Json, json};

use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::{Reply, Upstream};

const KEY: &str = include_str!("../auth/keys/rsa-pkcs8.pem");
const KEY_PKCS1: &str = include_str!("../auth/keys/rsa-pkcs1.pem");
const PUBLIC: &[u8] = include_bytes!("../auth/keys/rsa-public.der");

struct Rig {
    api: Upstream,
    auth: Upstream,
    gateway: Gateway,
}

async fn rig(scheme: &str, fields: &str) -> Rig {
    let (api, auth) = (
        Upstream::start(&["api.test"]).await,
        Upstream::start(&["auth.test"]).await,
    );
    let connector = format!(
        "
connector: api
name: Test API
version: 1
domains: [api.test]
auth:
{scheme}
routes:
  - {{ action: item.get, match: 'GET /items/{{item}}', risk: low }}
  - {{ action: repo.get, match: 'GET /repos/{{owner}}/{{repo}}', risk: low }}
  - {{ action: tree.get, match: 'GET /{{owner}}/trees/main', risk: low }}
  - {{ action: page.get, match: 'GET /pages/{{folder}}/main', risk: low }}
"
    );
    let gateway = Builder::new()
        .connector("api", &connector)
        .policy(
            "api",
            "permissions: [{ agents: [ci], connector: api, access: full }]",
        )
        .env("SECRET", "the secret & more")
        .env("KEY", &KEY.replace('\n', "\\n"))
        .secret("secrets/key", KEY_PKCS1.trim_end())
        .settings(&format!(
            "credentials:\n  - {{ id: c, connector: api, host: api.test, fields: {fields} }}"
        ))
        .upstream("api.test:443", &api)
        .upstream("auth.test:443", &auth)
        .start()
        .await;
    Rig { api, auth, gateway }
}

impl Rig {
    async fn get(&self, path: &str) -> u16 {
        let url = format!("https://api.test{path}");
        let answer = self.gateway.agent.http1().get(url).send().await.unwrap();
        answer.status().as_u16()
    }

    fn carried(&self, name: &str) -> Vec<String> {
        let received = self.api.received();
        let carried = received
            .iter()
            .map(|one| one.header(name).unwrap().to_owned());
        carried.collect()
    }
}

/// Verifies a token by `ring`, and returns its header and its claims.
fn verified(token: &str) -> (Json, Json) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PUBLIC);
    key.verify(message.as_bytes(), &signature).unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let read = |part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (read(header), read(claims))
}

fn form(body: &[u8]) -> Vec<(String, String)> {
    let pairs = std::str::from_utf8(body).unwrap().split('&');
    let decode = |text| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .unwrap()
            .into_owned()
    };
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

#[tokio::test]
async fn a_login_is_exchanged_for_a_session() {
    let scheme = "  - id: login
    fields: [{ name: user, secret: false }, password]
    exchange:
      request: POST https://auth.test/login
      json: { user: '{user}', nested: { password: '{password}' }, list: ['{user}', 1, true] }
      headers: { X-App: tollgate }
      token: $.data['session token']
      expires_in: $.data.ttl
      then: { header: { X-Session: 's {token}' } }
";
    let rig = rig(scheme, "{ user: 'a\"b', password: { env: SECRET } }").await;
    let session = json!({ "data": { "session token": "session-0001", "ttl": "600" } });
    rig.auth
        .reply("/login", Reply::new(200, session.to_string()));
    for _ in 0..2 {
        assert_eq!(rig.get("/items/1").await, 200);
    }
    assert_eq!(rig.carried("x-session"), ["s session-0001"; 2]);
    let asked = rig.auth.only();
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(asked.header("x-app"), Some("tollgate"));
    let body: Json = serde_json::from_slice(&asked.body).unwrap();
    let wanted = json!({ "user": "a\"b", "nested": { "password": "the secret & more" }, "list": ["a\"b", 1, true] });
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn a_session_may_come_in_a_header() {
    let scheme = "  - id: login
    fields: [{ name: user, secret: false }, password]
    exchange:
      request: POST https://auth.test/login
      form: { user: '{user}', password: '{password}' }
      basic: { username: '{user}', password: '{password}' }
      token: header:X-Subject-Token
      lifetime: 30m
";
    let rig = rig(scheme, "{ user: ada, password: { env: SECRET } }").await;
    rig.auth.reply(
        "/login",
        Reply::new(201, "").header("x-subject-token", "session-0001"),
    );
    assert_eq!(rig.get("/items/1").await, 200);
    assert_eq!(rig.carried("authorization"), ["Bearer session-0001"]);
    let asked = rig.auth.only();
    let pairs = [("password", "the secret & more"), ("user", "ada")];
    assert_eq!(
        form(&asked.body),
        pairs.map(|(name, value)| (name.into(), value.into()))
    );
    assert_eq!(
        asked.header("authorization"),
        Some("Basic YWRhOnRoZSBzZWNyZXQgJiBtb3Jl")
    );
}

#[tokio::test]
async fn a_token_is_signed_for_the_api() {
    let scheme = "  - id: signed
    fields: [{ name: key_id, secret: false }, { name: team_id, secret: false }, private_key]
    jwt: { alg: RS256, key: '{private_key}', key_id: '{key_id}', claims: { iss: '{team_id}', aud: api }, lifetime: 10m }
";
    let rig = rig(
        scheme,
        "{ key_id: k1, team_id: t1, private_key: { env: KEY } }",
    )
    .await;
    assert_eq!(rig.get("/items/1").await, 200);
    let carried = rig.carried("authorization");
    let (header, claims) = verified(carried[0].strip_prefix("Bearer ").unwrap());
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&json!("t1"), &json!("api"))
    );
    let (made, end) = (
        claims["iat"].as_u64().unwrap(),
        claims["exp"].as_u64().unwrap(),
    );
    assert_eq!(end - made, 600);
    assert!(rig.auth.received().is_empty());
}

#[tokio::test]
async fn a_service_account_signs_an_assertion() {
    let scheme = "  - id: service_account
    fields: [{ name: client_email, secret: false }, private_key]
    oauth2:
      grant: jwt_bearer
      token_url: https://auth.test/token
      jwt: { alg: RS256, key: '{private_key}', claims: { iss: '{client_email}', scope: 'https://scope.test/a', aud: 'https://auth.test/token' }, lifetime: 1h }
";
    let rig = rig(
        scheme,
        "{ client_email: robot@project.test, private_key: { env: KEY } }",
    )
    .await;
    let token =
        json!({ "access_token": "ya29.token-0001", "token_type": "Bearer", "expires_in": 3599 });
    rig.auth.reply("/token", Reply::new(200, token.to_string()));
    assert_eq!(rig.get("/items/1").await, 200);
    assert_eq!(rig.carried("authorization"), ["Bearer ya29.token-0001"]);
    let asked = rig.auth.only();
    let pairs = form(&asked.body);
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    assert_eq!(pairs[0], ("grant_type".into(), grant.into()));
    assert_eq!(pairs[1].0, "assertion");
    let (_, claims) = verified(&pairs[1].1);
    assert_eq!(claims["iss"], "robot@project.test");
    assert_eq!(claims["aud"], "https://auth.test/token");
}

const APP: &str = "  - id: app
    fields: [{ name: app_id, secret: false }, private_key]
    github_app: { app_id: '{app_id}', private_key: '{private_key}', api: 'https://auth.test/api' }
";

const APP_FIELDS: &str = "{ app_id: '12345', private_key: { file: secrets/key } }";

fn issued(token: &str) -> Reply {
    let json = json!({ "token": token, "expires_at": "2099-01-01T00:00:00Z" });
    Reply::new(201, json.to_string())
}

#[tokio::test]
async fn a_github_app_has_a_token_for_each_owner() {
    let rig = rig(APP, APP_FIELDS).await;
    rig.auth.reply(
        "/api/users/ada/installation",
        Reply::new(200, r#"{"id":7}"#),
    );
    rig.auth.reply(
        "/api/app/installations/7/access_tokens",
        issued("ghs_of-ada"),
    );
    rig.auth
        .reply("/api/users/acme/installation", Reply::new(404, "{}"));
    rig.auth.reply(
        "/api/orgs/acme/installation",
        Reply::new(200, r#"{"id":8}"#),
    );
    rig.auth.reply(
        "/api/app/installations/8/access_tokens",
        issued("ghs_of-acme"),
    );
    for path in [
        "/repos/ada/x",
        "/repos/acme/y",
        "/repos/ADA/z",
        "/repos/acme/x",
    ] {
        assert_eq!(rig.get(path).await, 200);
    }
    let wanted = ["ada", "acme", "ada", "acme"].map(|owner| format!("Bearer ghs_of-{owner}"));
    assert_eq!(rig.carried("authorization"), wanted);
    let asked = rig.auth.received();
    assert_eq!(asked.len(), 5);
    for request in asked {
        let proof = request.header("authorization").unwrap();
        let (_, claims) = verified(proof.strip_prefix("Bearer ").unwrap());
        assert_eq!(claims["iss"], "12345");
    }
}

#[tokio::test]
async fn a_github_app_that_is_not_installed_sends_nothing() {
    let rig = rig(APP, APP_FIELDS).await;
    for path in ["/api/users/eve/installation", "/api/orgs/eve/installation"] {
        rig.auth.reply(path, Reply::new(404, "{}"));
    }
    assert_eq!(rig.get("/repos/eve/x").await, 403);
    // Two installations, and the request names no owner.
    rig.auth.reply(
        "/api/app/installations",
        Reply::new(200, r#"[{"id":7},{"id":8}]"#),
    );
    assert_eq!(rig.get("/items/1").await, 403);
    assert!(rig.api.received().is_empty());
}

#[tokio::test]
async fn an_owner_without_the_app_says_nothing_of_the_credential() {
    let rig = rig(APP, APP_FIELDS).await;
    for path in ["/api/users/eve/installation", "/api/orgs/eve/installation"] {
        rig.auth.reply(path, Reply::new(404, "{}"));
    }
    assert_eq!(rig.get("/repos/eve/x").await, 403);
    let metrics = rig.gateway.metrics().await;
    assert!(
        metrics.contains(r#"tollgate_credential_unhealthy{credential="c"} 0"#),
        "agents choose whom they name"
    );
    rig.auth
        .reply("/api/users/ada/installation", Reply::new(401, "{}"));
    assert_eq!(rig.get("/repos/ada/x").await, 403);
    let metrics = rig.gateway.metrics().await;
    assert!(metrics.contains(r#"tollgate_credential_unhealthy{credential="c"} 1"#));
}

#[tokio::test]
async fn a_token_of_one_owner_is_not_sent_for_an_action_that_names_another_or_none() {
    let rig = rig(APP, APP_FIELDS).await;
    // Another account has the name now than the answer is of.
    let renamed = r#"{"id":7,"account":{"login":"mallory"}}"#;
    rig.auth
        .reply("/api/users/ada/installation", Reply::new(200, renamed));
    assert_eq!(rig.get("/repos/ada/x").await, 403);
    assert_eq!(rig.auth.received().len(), 1);
    // It is two actions: one of the owner `pages`, one that names no owner.
    assert_eq!(rig.get("/pages/trees/main").await, 403);
    assert_eq!(rig.auth.received().len(), 1, "nobody is asked");
    assert!(rig.api.received().is_empty());
}
