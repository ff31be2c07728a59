//! Placeholders: what an agent holds in place of a credential is worth something only where that credential goes.

use http::Method;
use serde_json::{Value as Json, json};

use crate::support::agent::Agent;
use crate::support::gateway::{Builder, Gateway};
use crate::support::tollgate::Shell;
use crate::support::upstream::Upstream;

const HOST: &str = "api.test";
const OTHER: &str = "other.test";
const SECRET: &str = "ghp_0123456789abcdefABCDEF0123456789abcd";
const SECOND: &str = "ghp_SECOND6789abcdefABCDEF0123456789abcd";
const FOREIGN: &str = "the-secret-of-another-api";
const OTHER_TOKEN: &str = "tga_other_0123456789abcdef0123456789abcd";

fn connector(id: &str, host: &str, more: &str) -> String {
    let variable = id.to_ascii_uppercase();
    format!(
        "
connector: {id}
name: Test API
version: 1
domains: [{host}]
auth:
  - id: token
    fields: [token]
    bearer: '{{token}}'
    env: {{ {variable}_TOKEN: '{{placeholder}}' }}
    {more}
defaults: {{ risk: {{ POST: low }} }}
allow_headers: [x-note]
routes:
  - {{ action: note.add, match: POST /notes, params: {{ text: $.text }} }}
  - {{ action: note.get, match: GET /notes }}
"
    )
}

async fn start(upstream: &Upstream, more: &str) -> Gateway {
    Builder::new()
        .connector("api", &connector("api", HOST, more))
        .connector("other", &connector("other", OTHER, ""))
        .policy(
            "api",
            "permissions: [{ agents: ['*'], connector: '*', access: full }]",
        )
        .agent("second", OTHER_TOKEN, "{}")
        .credential("api", HOST, ("token", SECRET))
        .credential("other", OTHER, ("token", FOREIGN))
        .upstream(&format!("{HOST}:443"), upstream)
        .resolve(&format!("{OTHER}:443"), &[upstream.address])
        .start()
        .await
}

async fn held(gateway: &Gateway, agent: &str, variable: &str) -> String {
    let path = format!("/api/v1/run/{agent}");
    let (status, wiring) = gateway.admin(Method::GET, &path, &Json::Null).await;
    assert_eq!(status, 200, "{wiring}");
    let variables = wiring["variables"].as_array().unwrap();
    let found = variables.iter().find(|pair| pair[0] == variable).unwrap();
    found[1].as_str().unwrap().to_owned()
}

/// Sends a note; returns the status and the answer.
async fn note(agent: &Agent, host: &str, token: Option<&str>, text: &str) -> (u16, String) {
    let request = agent.http1().post(format!("https://{host}/notes"));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let answer = request.json(&json!({ "text": text })).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placeholder_has_the_form_of_the_key_is_the_agents_own_and_is_replaced() {
    let upstream = Upstream::start(&[HOST, OTHER]).await;
    let gateway = start(&upstream, "").await;
    let own = held(&gateway, "ci", "API_TOKEN").await;
    assert!(
        own.starts_with("ghp_") && own.len() == SECRET.len(),
        "{own}"
    );
    assert_ne!(own, SECRET);
    assert_ne!(own, held(&gateway, "second", "API_TOKEN").await);
    assert_eq!(own, held(&gateway, "ci", "API_TOKEN").await);
    let (status, text) = note(&gateway.agent, HOST, Some(&own), "hi").await;
    assert_eq!(status, 200, "{text}");
    let sent = &upstream.received()[0];
    assert_eq!(
        sent.header("authorization"),
        Some(&*format!("Bearer {SECRET}"))
    );
    let decided = &gateway.decided(1).await[0];
    assert_eq!(decided.get("placeholders"), None, "{decided}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placeholder_where_another_credential_goes_is_refused_and_recorded() {
    let upstream = Upstream::start(&[HOST, OTHER]).await;
    let gateway = start(&upstream, "").await;
    let own = held(&gateway, "ci", "API_TOKEN").await;
    let (status, text) = note(&gateway.agent, OTHER, Some(&own), "hi").await;
    assert_eq!(status, 403, "{text}");
    assert!(
        text.contains("placeholder_leak") && text.contains("`api`"),
        "{text}"
    );
    let client = gateway.agent.http1();
    let request = client.get(format!("https://{OTHER}/notes"));
    let answer = request.basic_auth("user", Some(&own)).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(upstream.received().is_empty());
    for decided in gateway.decided(2).await {
        assert_eq!(decided["code"], "placeholder_leak");
        assert_eq!(decided["placeholders"], json!(["api@header:authorization"]));
        assert!(!decided.to_string().contains(&own), "{decided}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn elsewhere_a_placeholder_is_flagged_or_refused_as_its_connector_says() {
    let upstream = Upstream::start(&[HOST, OTHER]).await;
    let gateway = start(&upstream, "").await;
    let own = held(&gateway, "ci", "API_TOKEN").await;
    let (status, text) = note(&gateway.agent, OTHER, None, &format!("env: {own}")).await;
    assert_eq!(status, 200, "{text}");
    let sent = &upstream.received()[0];
    assert_eq!(
        sent.body,
        json!({ "text": format!("env: {own}") }).to_string()
    );
    let decided = &gateway.decided(1).await[0];
    assert_eq!(decided["placeholders"], json!(["api@body"]), "{decided}");
    drop(gateway);

    let gateway = start(&upstream, "leak: refuse").await;
    let own = held(&gateway, "ci", "API_TOKEN").await;
    let (status, text) = note(&gateway.agent, OTHER, None, &format!("env: {own}")).await;
    assert_eq!(status, 403, "{text}");
    let client = gateway.agent.http2();
    let request = client
        .get(format!("https://{OTHER}/notes"))
        .header("x-note", &own);
    assert_eq!(request.send().await.unwrap().status(), 403);
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheme_can_require_the_placeholder_of_the_very_agent() {
    let upstream = Upstream::start(&[HOST, OTHER]).await;
    let gateway = start(&upstream, "require: placeholder").await;
    let theirs = held(&gateway, "second", "API_TOKEN").await;
    for token in [None, Some("anything"), Some(SECRET), Some(&*theirs)] {
        let (status, text) = note(&gateway.agent, HOST, token, "hi").await;
        assert_eq!(status, 403, "{text}");
        assert!(text.contains("placeholder_required"), "{text}");
    }
    assert!(upstream.received().is_empty());
    let second = gateway.other("second", OTHER_TOKEN);
    let (status, text) = note(&second, HOST, Some(&theirs), "hi").await;
    assert_eq!(status, 200, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_credentials_the_placeholder_chooses_and_nothing_else_does() {
    let upstream = Upstream::start(&[HOST, OTHER]).await;
    let gateway = start(&upstream, "").await;
    let first = held(&gateway, "ci", "API_TOKEN").await;
    let script = format!("tollgate credential add api --id api-second <<< {SECOND}");
    let shown = Shell::at(&gateway.path("")).play(&script).await;
    assert!(shown.contains("is kept"), "{shown}");
    let (status, text) = note(&gateway.agent, HOST, None, "hi").await;
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("ambiguous_credential"), "{text}");
    let (status, text) = note(&gateway.agent, HOST, Some(&first), "hi").await;
    assert_eq!(status, 200, "{text}");
    let sent = &upstream.received()[0];
    assert_eq!(
        sent.header("authorization"),
        Some(&*format!("Bearer {SECRET}"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_placeholder_of_a_value_counts_and_also_the_ninth_place() {
    let upstream = Upstream::start(&[HOST, OTHER]).await;
    let gateway = start(&upstream, "leak: refuse").await;
    let (api, other) = (
        held(&gateway, "ci", "API_TOKEN").await,
        held(&gateway, "ci", "OTHER_TOKEN").await,
    );
    let client = gateway.agent.http1();
    let refused = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 403, "{text}");
        assert!(text.contains("placeholder_leak"), "{text}");
    };
    let get = || client.get(format!("https://{OTHER}/notes"));
    // The credential's own placeholder hides no other one behind it.
    refused(get().header("authorization", format!("Bearer {other} {api}"))).await;
    refused(get().header("x-note", format!("{other},{api}"))).await;
    // Only the last place holds what its connector refuses.
    let fill: Vec<(String, &str)> = (0..12).map(|at| (format!("q{at}"), &*other)).collect();
    let pairs = fill.iter().map(|(name, value)| format!("{name}={value}&"));
    let query: String = pairs.chain([format!("last={api}")]).collect();
    refused(client.get(format!("https://{OTHER}/notes?{query}"))).await;
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_read_to_be_signed_is_searched() {
    let upstream = Upstream::start(&[HOST, OTHER]).await;
    let signing = connector("other", OTHER, "")
        .replace(
            "bearer: '{token}'",
            "hmac: { alg: sha256, key: '{token}', over: '{body}', header: { X-Signature: '{signature}' } }",
        )
        .replace("params: { text: $.text }", "body: none");
    let gateway = Builder::new()
        .connector("api", &connector("api", HOST, "leak: refuse"))
        .connector("other", &signing)
        .policy(
            "api",
            "permissions: [{ agents: ['*'], connector: '*', access: full }]",
        )
        .credential("api", HOST, ("token", SECRET))
        .credential("other", OTHER, ("token", FOREIGN))
        .upstream(&format!("{HOST}:443"), &upstream)
        .resolve(&format!("{OTHER}:443"), &[upstream.address])
        .start()
        .await;
    let own = held(&gateway, "ci", "API_TOKEN").await;
    let (status, text) = note(&gateway.agent, OTHER, None, "hi").await;
    assert_eq!(status, 200, "{text}");
    let (status, text) = note(&gateway.agent, OTHER, None, &own).await;
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("placeholder_leak"), "{text}");
    let decided = &gateway.decided(2).await[1];
    assert_eq!(decided["placeholders"], json!(["api@body"]), "{decided}");
    assert_eq!(upstream.received().len(), 1);
}
