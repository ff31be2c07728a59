//! What goes upstream with a request: the gateway's credential where it is bound, nothing that the agent put in its place, or
//! nothing at all.

use serde_json::Value as Json;

use crate::support::agent::{Raw, exchange};
use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::{Received, Upstream};

const HOST: &str = "api.test";

/// Every way of putting a credential on, and a wildcard domain.
const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test, '*.shared.test']
auth:
  - { id: bearer, fields: [token], bearer: '{token}' }
  - { id: basic, fields: [{ name: user, secret: false }, password], basic: { username: '{user}', password: '{password}' } }
  - { id: header, fields: [key], header: { X-Api-Key: '{key}', X-Api-Scheme: 'v2 {key}' } }
  - { id: query, fields: [key], query: { api_key: '{key}' } }
routes:
  - { action: item.get, match: 'GET /items/{item}', risk: low }
  - { action: item.open, match: 'GET /open/{item}', risk: low }
fallback: { risk: low }
";

const PUBLIC: &str = "
connector: open
name: Open API
version: 1
domains: [open.test]
auth: none
routes: [{ action: item.get, match: 'GET /items/{item}', risk: low }]
";

/// Public unless a credential is bound to the host.
const MIRROR: &str = "
connector: mirror
name: Mirror API
version: 1
domains: [{ host: mirror.test, auth: [none, bearer] }]
auth: [{ id: bearer, fields: [token], bearer: '{token}' }]
routes: [{ action: item.get, match: 'GET /items/{item}', risk: low }]
";

const POLICY: &str = "
permissions:
  - { agents: [ci, other], connector: api, access: full }
  - { agents: [ci], allow: [api.unknown] }
  - { agents: [ci], connector: open, access: full }
  - { agents: [ci], connector: mirror, access: full }
";

/// What an agent may try to slip in beside the gateway's credential.
const SLIPPED: &str = "Authorization: Bearer agents-own\r\nauthorization: Basic YWdlbnQ6b3du\r\nCookie: session=agents-own\r\nX-Api-Key: agents-own\r\nx-api-scheme: agents-own\r\n";

const QUERY: &str =
    "a=1&api_key=agents-own&API_KEY=agents-own&api%5Fkey=agents-own&%61pi_key=agents-own&b=%20";

const HOSTS: [&str; 5] = [
    HOST,
    "open.test",
    "mirror.test",
    "a.shared.test",
    "b.shared.test",
];

fn describe(upstream: &Upstream, credentials: &str) -> Builder {
    let builder = Builder::new()
        .connector("api", CONNECTOR)
        .connector("open", PUBLIC)
        .connector("mirror", MIRROR)
        .policy("api", POLICY)
        .agent("other", "tga_other_0123456789abcdef0123456789", "{}")
        .env("SECRET", "the-real-secret")
        .env("SECRET_TWO", "the-second-secret")
        .trust(&upstream.ca_pem);
    let builder = HOSTS.iter().fold(builder, |builder, host| {
        builder.resolve(&format!("{host}:443"), &[upstream.address])
    });
    if credentials.is_empty() {
        builder
    } else {
        builder.settings(&format!("credentials:\n{credentials}"))
    }
}

async fn upstream() -> Upstream {
    Upstream::start(&HOSTS).await
}

async fn get(gateway: &Gateway, host: &str, target: &str) -> Raw {
    let mut tls = gateway.agent.tls_tunnel(&format!("{host}:443"), host).await;
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{SLIPPED}\r\n");
    exchange(&mut tls, &request).await
}

/// Sends a request full of the agent's own credentials, which must be allowed; returns what the upstream got.
async fn sent(credentials: &str, host: &str, target: &str) -> Received {
    let upstream = upstream().await;
    let gateway = describe(&upstream, credentials).start().await;
    let answer = get(&gateway, host, target).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    upstream.only()
}

fn assert_nothing_slipped(received: &Received) {
    let shown = format!("{received:?}");
    assert!(
        !shown.contains("agents-own") && !shown.contains("YWdlbnQ6b3du"),
        "{received:#?}"
    );
    assert_eq!(received.header("cookie"), None);
}

#[tokio::test]
async fn a_bearer_token_replaces_whatever_the_agent_sent() {
    let credential = "  - { id: c, connector: api, scheme: bearer, host: api.test, fields: { token: { env: SECRET } } }";
    let received = sent(credential, HOST, &format!("/items/1?{QUERY}")).await;
    assert_nothing_slipped(&received);
    assert_eq!(
        received.header("authorization"),
        Some("Bearer the-real-secret")
    );
    assert_eq!(received.query.as_deref(), Some("a=1&b=%20"));
}

#[tokio::test]
async fn a_user_and_password_replace_whatever_the_agent_sent() {
    let credential = "  - { id: c, connector: api, scheme: basic, host: api.test, fields: { user: ada, password: { env: SECRET } } }";
    let received = sent(credential, HOST, &format!("/items/1?{QUERY}")).await;
    assert_nothing_slipped(&received);
    assert_eq!(
        received.header("authorization"),
        Some("Basic YWRhOnRoZS1yZWFsLXNlY3JldA==")
    );
}

#[tokio::test]
async fn a_key_in_headers_replaces_whatever_the_agent_sent() {
    let credential = "  - { id: c, connector: api, scheme: header, host: api.test, fields: { key: { env: SECRET } } }";
    let received = sent(credential, HOST, &format!("/items/1?{QUERY}")).await;
    assert_nothing_slipped(&received);
    assert_eq!(received.header("authorization"), None);
    assert_eq!(received.header("x-api-key"), Some("the-real-secret"));
    assert_eq!(received.header("x-api-scheme"), Some("v2 the-real-secret"));
}

#[tokio::test]
async fn a_key_in_the_query_replaces_whatever_the_agent_sent() {
    let credential = "  - { id: c, connector: api, scheme: query, host: api.test, fields: { key: { env: SECRET } } }";
    let received = sent(credential, HOST, &format!("/items/1?{QUERY}")).await;
    assert_nothing_slipped(&received);
    assert_eq!(received.header("authorization"), None);
    assert_eq!(
        received.query.as_deref(),
        Some("a=1&b=%20&api_key=the-real-secret")
    );
}

#[tokio::test]
async fn a_public_api_gets_no_credential_of_anybody() {
    let credential = "  - { id: c, connector: api, scheme: bearer, host: api.test, fields: { token: { env: SECRET } } }";
    let received = sent(credential, "open.test", "/items/1").await;
    assert_eq!(received.header("authorization"), None);
    assert_eq!(received.header("cookie"), None);
    assert!(!format!("{received:?}").contains("the-real-secret"));
}

#[tokio::test]
async fn a_host_with_optional_credentials_gets_one_if_it_is_bound() {
    let bare = sent("", "mirror.test", "/items/1").await;
    assert_nothing_slipped(&bare);
    assert_eq!(bare.header("authorization"), None);
    let credential = "  - { id: m, connector: mirror, scheme: bearer, host: mirror.test, fields: { token: { env: SECRET } } }";
    let received = sent(credential, "mirror.test", "/items/1").await;
    assert_nothing_slipped(&received);
    let expected = Some("Bearer the-real-secret");
    assert_eq!(received.header("authorization"), expected);
}

#[tokio::test]
async fn what_is_the_agent_s_own_stays_as_it_was_sent() {
    let credential =
        "  - { id: c, connector: api, scheme: bearer, host: api.test, agent_owned: true }";
    let upstream = upstream().await;
    let gateway = describe(&upstream, credential).start().await;
    let mut tls = gateway.agent.tls_tunnel("api.test:443", HOST).await;
    let request = "GET /items/1?api_key=agents-own HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer agents-own\r\nCookie: session=agents-own\r\n\r\n";
    assert_eq!(exchange(&mut tls, request).await.status, 200);
    let received = upstream.only();
    assert_eq!(received.header("authorization"), Some("Bearer agents-own"));
    assert_eq!(received.header("cookie"), Some("session=agents-own"));
    assert_eq!(received.query.as_deref(), Some("api_key=agents-own"));
    assert_eq!(gateway.decided(1).await[0]["credential"], "c");
}

#[tokio::test]
async fn a_header_under_the_agent_s_own_signature_is_never_dropped() {
    let credential =
        "  - { id: c, connector: api, scheme: bearer, host: api.test, agent_owned: true }";
    let upstream = upstream().await;
    let gateway = describe(&upstream, credential).start().await;
    let mut tls = gateway.agent.tls_tunnel("api.test:443", HOST).await;
    for (signature, status) in [
        ("Authorization: Bearer agents-own", 200),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host;as-user, Signature=0",
            400,
        ),
        (
            "Authorization: Signature keyId=\"a\",headers=\"date as-user\"",
            400,
        ),
    ] {
        let request = format!(
            "GET /items/1 HTTP/1.1\r\nHost: api.test\r\n{signature}\r\nAs-User: root\r\n\r\n"
        );
        let answer = exchange(&mut tls, &request).await;
        assert_eq!(answer.status, status, "{signature}: {}", answer.text());
        if status == 400 {
            assert_eq!(answer.json()["code"], "undeclared_header");
        }
    }
    assert_eq!(upstream.only().header("as-user"), None);
}

/// A request that must be refused with this code, and nothing sent.
async fn assert_refused(
    gateway: &Gateway,
    upstream: &Upstream,
    url: (&str, &str),
    code: &str,
) -> Json {
    let (host, target) = url;
    let connections = upstream.connections();
    let answer = get(gateway, host, target).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(answer.json()["code"], code);
    assert!(!answer.text().contains("secret"), "{}", answer.text());
    assert_eq!(upstream.received().len(), 0);
    assert_eq!(
        upstream.connections(),
        connections,
        "the upstream was reached"
    );
    answer.json()
}

#[tokio::test]
async fn without_a_credential_nothing_is_sent() {
    let upstream = upstream().await;
    let gateway = describe(&upstream, "").start().await;
    let problem = assert_refused(&gateway, &upstream, (HOST, "/items/1"), "no_credential").await;
    assert_eq!(problem["action"], "api.item.get");
    assert_eq!(
        problem["suggest"],
        "An operator can add one: tollgate credential add api"
    );
}

#[tokio::test]
async fn of_two_credentials_a_permission_must_choose() {
    let credentials =
        "  - { id: one, connector: api, host: api.test, fields: { token: { env: SECRET } } }
  - { id: two, connector: api, host: api.test, fields: { token: { env: SECRET_TWO } } }";
    let upstream = upstream().await;
    let gateway = describe(&upstream, credentials).start().await;
    assert_refused(
        &gateway,
        &upstream,
        (HOST, "/items/1"),
        "ambiguous_credential",
    )
    .await;
    let chosen = "permissions: [{ agents: [ci], connector: api, access: full, credential: two }]";
    gateway.write("policies.d/api.yaml", chosen).await;
    assert_eq!(get(&gateway, HOST, "/items/1").await.status, 200);
    assert_eq!(
        upstream.only().header("authorization"),
        Some("Bearer the-second-secret")
    );
}

#[tokio::test]
async fn permissions_that_choose_differently_choose_nothing() {
    let credentials =
        "  - { id: one, connector: api, host: api.test, fields: { token: { env: SECRET } } }
  - { id: two, connector: api, host: a.shared.test, fields: { token: { env: SECRET_TWO } } }";
    let upstream = upstream().await;
    let gateway = describe(&upstream, credentials).start().await;
    // Equally exact; only one of the two credentials is bound to this host, but the other was meant just as much.
    let both = "permissions:
  - { agents: [ci], connector: api, access: full, credential: one }
  - { agents: [ci], connector: api, access: full, credential: two }";
    gateway.write("policies.d/api.yaml", both).await;
    assert_refused(
        &gateway,
        &upstream,
        (HOST, "/items/1"),
        "ambiguous_credential",
    )
    .await;
}

#[tokio::test]
async fn what_was_judged_with_one_credential_does_not_leave_with_another() {
    let credentials =
        "  - { id: one, connector: api, host: api.test, fields: { token: { env: SECRET } } }
  - { id: two, connector: api, host: a.shared.test, fields: { token: { env: SECRET_TWO } } }";
    let upstream = upstream().await;
    let gateway = describe(&upstream, credentials).start().await;
    // The only one that fits makes the first permission choose the other, with which nothing chooses it any more.
    let turning = "permissions:
  - { agents: [ci], connector: api, access: full, where: 'credential.id == \"one\"', credential: two }
  - { agents: ['*'], connector: api, access: full }";
    gateway.write("policies.d/api.yaml", turning).await;
    assert_refused(
        &gateway,
        &upstream,
        (HOST, "/items/1"),
        "ambiguous_credential",
    )
    .await;
}

#[tokio::test]
async fn a_credential_goes_to_the_instance_that_it_is_bound_to() {
    let credential =
        "  - { id: c, connector: api, host: a.shared.test, fields: { token: { env: SECRET } } }";
    let upstream = upstream().await;
    let gateway = describe(&upstream, credential).start().await;
    for host in ["b.shared.test", HOST] {
        assert_refused(&gateway, &upstream, (host, "/items/1"), "instance_unknown").await;
    }
    // An operator can say that the other instance is reached all the same: bare.
    let listed =
        "permissions: [{ agents: [ci], connector: api, access: full, hosts: [b.shared.test] }]";
    gateway.write("policies.d/api.yaml", listed).await;
    assert_eq!(get(&gateway, "b.shared.test", "/items/1").await.status, 200);
    assert_eq!(upstream.only().header("authorization"), None);
    assert_eq!(get(&gateway, "a.shared.test", "/items/1").await.status, 200);
    let received = upstream.received();
    assert_eq!(
        received[1].header("authorization"),
        Some("Bearer the-real-secret")
    );
}

#[tokio::test]
async fn a_credential_goes_below_its_path_only() {
    let credential = "  - { id: c, connector: api, host: api.test, path: /open/team, fields: { token: { env: SECRET } } }";
    let upstream = upstream().await;
    let gateway = describe(&upstream, credential).start().await;
    for target in ["/items/1", "/open/teams", "/open", "/open/tea", "/"] {
        assert_refused(&gateway, &upstream, (HOST, target), "instance_unknown").await;
    }
    assert_eq!(get(&gateway, HOST, "/open/team").await.status, 200);
    assert_eq!(get(&gateway, HOST, "/open/team?x=/../").await.status, 200);
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test]
async fn a_credential_is_for_its_agents_only() {
    let credential = "  - { id: c, connector: api, host: api.test, agents: [other], fields: { token: { env: SECRET } } }";
    let upstream = upstream().await;
    let gateway = describe(&upstream, credential).start().await;
    assert_refused(&gateway, &upstream, (HOST, "/items/1"), "instance_unknown").await;
    let other = gateway.other("other", "tga_other_0123456789abcdef0123456789");
    let answer = other
        .http1()
        .get("https://api.test/items/1")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        upstream.only().header("authorization"),
        Some("Bearer the-real-secret")
    );
}

#[tokio::test]
async fn a_policy_that_allows_or_asks_opens_no_connector_and_no_operator_is_asked() {
    let credential =
        "  - { id: c, connector: api, host: api.test, fields: { token: { env: SECRET } } }";
    for decision in ["allow", "require_approval"] {
        let upstream = upstream().await;
        let gateway = describe(&upstream, credential).start().await;
        let policy = format!(
            "policies: [{{ id: p, actions: [api.item.get, open.*], decision: {decision} }}]"
        );
        gateway.write("policies.d/api.yaml", &policy).await;
        assert_refused(&gateway, &upstream, (HOST, "/items/1"), "no_permission").await;
        // A public one is no exception.
        let open = ("open.test", "/items/1");
        assert_refused(&gateway, &upstream, open, "no_permission").await;
    }
}

#[tokio::test]
async fn a_policy_allows_what_a_permission_is_silent_about_with_its_credential() {
    let credential =
        "  - { id: c, connector: api, host: api.test, fields: { token: { env: SECRET } } }";
    let upstream = upstream().await;
    let gateway = describe(&upstream, credential).start().await;
    let policy = "
permissions: [{ agents: [ci], allow: [api.item.open] }]
policies: [{ id: p, actions: [api.item.get], decision: allow }]
";
    gateway.write("policies.d/api.yaml", policy).await;
    assert_eq!(get(&gateway, HOST, "/items/1").await.status, 200);
    assert_nothing_slipped(&upstream.only());
    assert_eq!(
        upstream.only().header("authorization"),
        Some("Bearer the-real-secret")
    );
}

#[tokio::test]
async fn a_connector_that_points_elsewhere_takes_no_credential_with_it() {
    let credential =
        "  - { id: c, connector: api, host: api.test, fields: { token: { env: SECRET } } }";
    let upstream = upstream().await;
    let gateway = describe(&upstream, credential).start().await;
    let moved = CONNECTOR
        .replace("[api.test,", "[b.shared.test,")
        .replace(" '*.shared.test'", "");
    gateway.write("connectors.d/api.yaml", &moved).await;
    assert_refused(
        &gateway,
        &upstream,
        ("b.shared.test", "/items/1"),
        "instance_unknown",
    )
    .await;
    assert_refused(&gateway, &upstream, (HOST, "/items/1"), "no_connector").await;
    // Another connector that claims the domain has no credential there either.
    let thief = CONNECTOR.replace("connector: api", "connector: thief");
    std::fs::write(
        gateway.path("policies.d/api.yaml"),
        "permissions: [{ agents: [ci], connector: thief, access: full }]",
    )
    .unwrap();
    gateway.write("connectors.d/api.yaml", &thief).await;
    assert_refused(&gateway, &upstream, (HOST, "/items/1"), "no_credential").await;
}

#[tokio::test]
async fn a_row_that_was_edited_in_the_database_is_told_and_sends_nothing() {
    // Every column and every bit is tried in `vault/tamper.rs`; here it is one of each kind.
    for (column, value) in [
        (
            "binding",
            r#"{"hosts":["a.shared.test:443","b.shared.test:443"],"path":"/","urls":[],"agents":[]}"#,
        ),
        ("scheme", "header"),
        ("agent_owned", "1"),
        ("sealed", ""),
    ] {
        let upstream = upstream().await;
        let gateway = describe(&upstream, "").start().await;
        let shell = crate::support::tollgate::Shell::at(&gateway.path(""));
        let args = [
            "credential",
            "add",
            "api",
            "--host",
            "a.shared.test",
            "--id",
            "stored",
        ];
        let done = shell.run(&args, "stored-secret\n").await;
        assert!(done.status.success(), "{done:?}");
        gateway.edit_store(column, value).await;
        gateway.followed().await;
        let host = if column == "binding" {
            "b.shared.test"
        } else {
            "a.shared.test"
        };
        let answer = get(&gateway, host, "/items/1").await;
        assert_eq!(answer.status, 403, "{column}: {}", answer.text());
        assert_eq!(answer.json()["code"], "credential_unhealthy", "{column}");
        assert_eq!(upstream.received().len(), 0, "{column}");
        // What is not as its connector says is seen before it is opened.
        let refused = match column {
            "scheme" | "agent_owned" => gateway.decided(1).await,
            _ => gateway.finished(1).await,
        };
        assert_eq!(refused[0]["code"], "credential_unhealthy", "{column}");
        let status = shell.play("tollgate status").await;
        assert!(status.contains("CANNOT BE USED"), "{column}: {status}");
    }
}
