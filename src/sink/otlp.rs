//! Sends records by OTLP over HTTP in JSON: each record as a log record, each exchange as a span, by the conventions of OpenTelemetry for HTTP and generative AI.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>: 64-bit integers are texts, ids are hexadecimal, enumerations are numbers.

mod attribute;
mod log;
mod span;
mod value;

use std::io;
use std::path::Path;

use http::{HeaderMap, HeaderValue};
use serde_json::{Value as Json, json};

use super::http::Client;
use super::webhook::batches;
use crate::config::Otlp;
use crate::journal::{Line, Started};
use crate::model::clock::Clock;
use crate::outbound::Roots;
use attribute::Attributes;
use span::Spans;

/// Most bytes of records in one request; as JSON of OTLP they are two to three times as many.
const MAX_BATCH: usize = 256 << 10;

/// A collector, and what is known of exchanges that have not ended.
pub(super) struct Exporter {
    client: Client,
    headers: HeaderMap,
    logs: bool,
    spans: Option<Spans>,
    clock: Clock,
    /// Id of the gateway, from the newest `started`.
    gateway: String,
}

impl Exporter {
    pub(super) fn new(otlp: Otlp, roots: &Roots, (clock, directory): (Clock, &Path)) -> Self {
        let mut headers = HeaderMap::new();
        for (name, secret) in &otlp.headers {
            // The configuration has checked that it fits into a header.
            if let Ok(mut value) = HeaderValue::from_bytes(secret.expose()) {
                value.set_sensitive(true);
                headers.insert(name.clone(), value);
            }
        }
        Self {
            client: Client::new(otlp.endpoint, roots.clone()),
            headers,
            logs: otlp.logs,
            spans: otlp.traces.then(|| Spans::new(directory)),
            clock,
            gateway: String::new(),
        }
    }

    /// Sends lines in requests of bounded size, each once the one before was accepted.
    pub(super) async fn send(&mut self, lines: &[Line]) -> io::Result<()> {
        for batch in batches(lines, MAX_BATCH) {
            self.note_gateway(batch);
            if self.logs {
                let seen = self.clock.now();
                let records: Vec<Json> = batch
                    .iter()
                    .filter_map(|line| log::record(line, seen))
                    .collect();
                let document = self.document("resourceLogs", ("scopeLogs", "logRecords"), &records);
                self.post("/v1/logs", &document).await?;
            }
            let spans: Vec<Json> = match &mut self.spans {
                Some(spans) => batch.iter().filter_map(|line| spans.of(line)).collect(),
                None => Vec::new(),
            };
            if !spans.is_empty() {
                let document = self.document("resourceSpans", ("scopeSpans", "spans"), &spans);
                self.post("/v1/traces", &document).await?;
            }
        }
        Ok(())
    }

    async fn post(&mut self, path: &str, document: &Json) -> io::Result<()> {
        let body = serde_json::to_vec(document)?;
        let answer = self.client.post(path, &self.headers, body.into()).await?;
        // Section "Partial Success": what was rejected must not be sent again.
        let answer: Json = serde_json::from_slice(&answer).unwrap_or_default();
        if let Some(message) = answer.pointer("/partialSuccess/errorMessage") {
            let shown: String = message
                .as_str()
                .unwrap_or_default()
                .chars()
                .take(200)
                .collect();
            tracing::warn!(path, message = %shown.escape_debug(), "the collector has rejected some records");
        }
        Ok(())
    }

    fn document(&self, outer: &str, (scope, inner): (&str, &str), items: &[Json]) -> Json {
        let mut resource = Attributes::default();
        resource.text("service.name", "tollgate");
        resource.text("service.version", env!("CARGO_PKG_VERSION"));
        resource.text("service.instance.id", &self.gateway);
        let scope_of = json!({ "name": "tollgate", "version": env!("CARGO_PKG_VERSION") });
        json!({ outer: [{
            "resource": { "attributes": resource.into_json() },
            scope: [{ "scope": scope_of, inner: items }],
        }] })
    }

    fn note_gateway(&mut self, lines: &[Line]) {
        let started = lines.iter().rev().find_map(Line::started);
        let identity = started.as_ref().map(Started::identity);
        if let Some(Some(identity)) = identity {
            self.gateway = identity.gateway;
        }
    }
}
