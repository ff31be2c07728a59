//! Attributes as OTLP writes them, and those that records of a request have in common.

use serde_json::{Value as Json, json};

use crate::journal::Decided;

/// Methods that the HTTP conventions know; any other is `_OTHER`.
const METHODS: [&str; 9] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];

/// Attributes under way. Empty texts are left out.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<Json>);

impl Attributes {
    pub(super) fn text(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.0
                .push(json!({ "key": key, "value": { "stringValue": value } }));
        }
    }

    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.0
            .push(json!({ "key": key, "value": { "intValue": value.to_string() } }));
    }

    pub(super) fn texts<'a>(&mut self, key: &str, values: impl Iterator<Item = &'a str>) {
        let values: Vec<Json> = values
            .map(|value| json!({ "stringValue": value }))
            .collect();
        if !values.is_empty() {
            self.0
                .push(json!({ "key": key, "value": { "arrayValue": { "values": values } } }));
        }
    }

    /// Adds what a judged request says of itself.
    pub(super) fn decided(&mut self, decided: &Decided<'_>) {
        self.text("gen_ai.operation.name", "execute_tool");
        self.text("gen_ai.tool.type", "extension");
        self.text("gen_ai.tool.call.id", &decided.request_id);
        self.text("gen_ai.agent.name", &decided.agent);
        let actions = decided.actions();
        let named = actions.first().map(|action| action.name.as_str());
        let candidate = decided.candidates.first().map(AsRef::as_ref);
        self.text("gen_ai.tool.name", named.or(candidate).unwrap_or_default());
        let method: &str = &decided.method;
        if METHODS.contains(&method) {
            self.text("http.request.method", method);
        } else if !method.is_empty() {
            self.text("http.request.method", "_OTHER");
            self.text("http.request.method_original", method);
        }
        self.target(decided);
        self.text("client.address", address(&decided.peer).0);
        if let Some(size) = decided.body_bytes {
            self.number("http.request.body.size", size);
        }
        self.text("tollgate.request_id", &decided.request_id);
        self.text("tollgate.connector", &decided.connector);
        self.text("tollgate.decision", &decided.decision);
        self.text("tollgate.code", &decided.code);
        self.text("tollgate.credential", &decided.credential);
        let names = actions.iter().map(|action| action.name.as_str());
        self.texts("tollgate.actions", names);
        self.texts("tollgate.by", decided.by.iter().map(String::as_str));
        let risk = actions.iter().map(|action| action.risk).max();
        self.text(
            "tollgate.risk",
            &risk.map(|risk| risk.to_string()).unwrap_or_default(),
        );
    }

    fn target(&mut self, decided: &Decided<'_>) {
        let (host, port) = address(decided.host.as_str().unwrap_or_default());
        self.text("server.address", host);
        if let Some(port) = port {
            self.number("server.port", port);
        }
        let path = decided.path.as_str().unwrap_or_default();
        if !host.is_empty() && !path.is_empty() {
            // Port 80 is the only one that may be plain.
            let scheme = if port == Some(80) { "http" } else { "https" };
            self.text("url.scheme", scheme);
            self.text("url.path", path);
            let authority = decided.host.as_str().unwrap_or_default();
            self.text("url.full", &format!("{scheme}://{authority}{path}"));
        }
    }

    pub(super) fn into_json(self) -> Json {
        Json::Array(self.0)
    }
}

/// Returns host and port of `host:port`.
fn address(text: &str) -> (&str, Option<u64>) {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (host, port.parse().ok())
}
