//! A permitted exchange while it lives; its drop writes `finished`, whatever happened.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Map;

use super::answered::Answered;
use super::draft::Draft;
use crate::model::event::EventKind;
use crate::pipeline::Gateway;
use crate::pipeline::permit_validity::PermitValidity;
use crate::telemetry::metrics::{Active, UpstreamError};

/// The open record of one permitted exchange. Dropping it writes `finished`.
#[derive(Debug)]
pub struct OpenExchange {
    pub(super) gateway: Arc<Gateway>,
    pub(super) received: Instant,
    pub(super) request_id: String,
    pub(super) agent: String,
    pub(super) connector: String,
    pub(super) action: String,
    pub(super) outcome: Option<Outcome>,
    pub(super) sent: u64,
    pub(super) received_bytes: u64,
    /// What is recorded of the answer, while it passes.
    pub(super) answered: Option<Answered>,
    /// What the stages before the upstream took.
    pub(super) overhead: Duration,
    pub(super) _exchange: Active,
}

/// What became of a permitted request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream answered with this status.
    Answered(u16),
    /// The upstream could not be reached or broke off.
    UpstreamFailed(UpstreamError),
    /// The agent left first.
    AgentLeft,
    /// Refused after the permit (`forward`, `inject`), with this code.
    Refused(&'static str),
}

// === impl OpenExchange ===

impl OpenExchange {
    /// Notes that bytes went to the upstream, so the request may have taken effect.
    pub fn note_sent(&mut self, bytes: u64) {
        self.sent = self.sent.saturating_add(bytes);
    }

    /// Notes bytes of the answer's body.
    pub fn note_received(&mut self, bytes: u64) {
        self.received_bytes = self.received_bytes.saturating_add(bytes);
    }

    /// Notes the answer's last head, as it came.
    pub fn note_head(&mut self, validity: &Arc<PermitValidity>, headers: &HeaderMap) {
        self.answered = Answered::of(validity, headers);
    }

    /// Notes a piece of the answer's body, as it came.
    pub fn note_body(&mut self, bytes: &Bytes) {
        self.note_received(bytes.len() as u64);
        if let Some(answered) = &mut self.answered {
            answered.take(bytes);
        }
    }

    /// Says how it ended; the last word counts.
    pub fn note_outcome(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }

    /// Returns the id for `Tollgate-Request-Id`.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }
}

impl Drop for OpenExchange {
    fn drop(&mut self) {
        let dependencies = &self.gateway.dependencies;
        let elapsed = self.received.elapsed();
        dependencies.metrics.answered(elapsed, self.overhead);
        let mut body = Map::new();
        body.insert(
            "duration_ms".into(),
            u64::try_from(elapsed.as_millis())
                .unwrap_or(u64::MAX)
                .into(),
        );
        body.insert("request_bytes".into(), self.sent.into());
        body.insert("response_bytes".into(), self.received_bytes.into());
        let mut code = "";
        let outcome = match self.outcome.take() {
            Some(Outcome::Answered(status)) => {
                body.insert("status".into(), status.into());
                "answered"
            }
            Some(Outcome::UpstreamFailed(kind)) => {
                dependencies.metrics.upstream_failed(&self.connector, kind);
                body.insert("failure".into(), kind.as_str().into());
                "upstream_failed"
            }
            Some(Outcome::AgentLeft) => "agent_left",
            Some(Outcome::Refused(refusal)) => {
                dependencies
                    .metrics
                    .refused(&self.agent, &self.connector, refusal);
                code = refusal;
                body.insert("code".into(), refusal.into());
                "refused"
            }
            None => "unknown",
        };
        body.insert("outcome".into(), outcome.into());
        let answered = self.answered.take();
        let answered = answered.and_then(|answered| answered.shown(&dependencies.parameter_key));
        body.extend(answered.map(|shown| ("answer".to_owned(), shown)));
        let draft = Draft {
            kind: EventKind::Finished,
            request_id: &self.request_id,
            agent: &self.agent,
            action: &self.action,
            decision: "",
            code,
        };
        dependencies
            .journal
            .append_later(draft.event(&self.gateway, body));
    }
}
