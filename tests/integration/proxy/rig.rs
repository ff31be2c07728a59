//! A gateway for these tests: `/read…` is judged with its body, `/soon` must be answered soon and `/late` need not, `/denied…` is refused unread, `/feed` opens a WebSocket,
//! everything else streams.

use std::net::SocketAddr;

use serde_json::Value as Json;

use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::Upstream;
use crate::support::wire::Wire;

/// Reached over TLS, with the credential `injected` as Bearer.
pub(crate) const HOST: &str = "api.test";

/// Public (`auth: none`), also without TLS.
pub(crate) const PLAIN: &str = "plain.test";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: [{ id: token, fields: [token], bearer: '{token}' }]
defaults: { risk: { DELETE: low, POST: low } }
routes:
  - { action: pad.read, match: POST /read, params: { pad: $.pad } }
  - { action: pad.read, match: 'POST /read/{number}', params: { pad: $.pad } }
  - { action: soon.read, match: POST /soon, limits: { first_byte: 200ms } }
  - { action: late.read, match: POST /late, limits: { first_byte: 10m } }
  - { action: thing.deny, match: 'POST /denied', risk: high }
  - { action: feed.open, match: GET /feed, websocket: true }
  - { action: closed.open, match: GET /closed, websocket: true }
fallback: { risk: low }
";

const PUBLIC: &str = "
connector: plain
name: Public API
version: 1
domains: [plain.test]
http: true
auth: none
routes:
  - { action: thing.get, match: 'GET /{*path}' }
  - { action: root.get, match: GET / }
  - { action: feed.open, match: GET /feed, websocket: true }
";

const POLICY: &str = "
permissions:
  - { agents: [ci], connector: api, access: full }
  - { agents: [ci], allow: [api.unknown, api.feed.open, plain.feed.open] }
  - { agents: [ci], connector: plain, access: full }
policies:
  - { id: closed, actions: [api.thing.deny], decision: deny }
";

/// Describes a gateway that reaches the API nowhere yet.
pub(crate) fn describe() -> Builder {
    Builder::new()
        .connector("api", CONNECTOR)
        .connector("plain", PUBLIC)
        .policy("rig", POLICY)
        .credential("api", HOST, ("token", "injected"))
        .settings("limits:\n  body: 4MiB")
}

/// Starts a gateway that reaches every host at this upstream.
pub(crate) async fn start(upstream: &Upstream) -> Gateway {
    reaching(&[upstream.address], &upstream.ca_pem).await
}

/// Starts a gateway that reaches every host at this handmade upstream.
pub(crate) async fn wired(upstream: &Wire) -> Gateway {
    reaching(&[upstream.address], &upstream.ca_pem).await
}

/// Starts a gateway that reaches every host at these addresses, tried in order.
pub(crate) async fn reaching(addresses: &[SocketAddr], roots: &str) -> Gateway {
    describe()
        .trust(roots)
        .resolve(&format!("{HOST}:443"), addresses)
        .resolve(&format!("{PLAIN}:80"), addresses)
        .start()
        .await
}

/// Returns how an exchange ended, in words: `answered 200`, `upstream_failed tls`.
pub(crate) fn outcome(finished: &Json) -> String {
    let outcome = finished["outcome"].as_str().unwrap();
    let detail = ["status", "failure", "code"]
        .iter()
        .map(|name| &finished[*name])
        .find(|value| !value.is_null());
    match detail {
        Some(Json::String(text)) => format!("{outcome} {text}"),
        Some(other) => format!("{outcome} {other}"),
        None => outcome.to_owned(),
    }
}
