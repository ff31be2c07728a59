//! Follows a permitted request while it is open; dropping it writes `finished`, whatever happened.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;

use super::answered::Answered;
use crate::journal::{Decided, Finished, StageTimes};
use crate::mask::PatternSet;
use crate::model::action::ActionName;
use crate::pipeline::Gateway;
use crate::pipeline::mask::answer_mask::AnswerMask;
use crate::pipeline::permit_validity::PermitValidity;
use crate::telemetry::metrics::{Active, UpstreamError};

/// The open record of one permitted exchange. Dropping it writes `finished`.
#[derive(Debug)]
pub struct OpenExchange {
    gateway: Arc<Gateway>,
    received: Instant,
    /// What was recorded when it was permitted.
    decided: Decided<'static>,
    action: Option<ActionName>,
    outcome: Option<Outcome>,
    sent: u64,
    received_bytes: u64,
    /// What is recorded of the answer, while it passes.
    answered: Option<Answered>,
    /// Hides credentials in the answer; `None` where no credential is bound to the host.
    mask: Option<AnswerMask>,
    /// What the stages before the upstream took.
    overhead: Duration,
    /// Microseconds that the `decided` record took.
    recorded: u32,
    validity: Arc<PermitValidity>,
    _exchange: Active,
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
    /// Begins with what was recorded, when the request was received, and how long it took to be permitted.
    pub(super) fn new(
        gateway: Arc<Gateway>,
        (received, overhead, recorded): (Instant, Duration, u32),
        (decided, action): (Decided<'static>, Option<ActionName>),
        validity: Arc<PermitValidity>,
    ) -> Self {
        Self {
            _exchange: gateway.dependencies.metrics.exchange(),
            gateway,
            received,
            decided,
            action,
            outcome: None,
            sent: 0,
            received_bytes: 0,
            answered: None,
            mask: None,
            overhead,
            recorded,
            validity,
        }
    }

    /// Notes that bytes went to the upstream, so the request may have taken effect.
    pub fn note_sent(&mut self, bytes: u64) {
        self.sent = self.sent.saturating_add(bytes);
    }

    /// Notes bytes of the answer's body.
    pub fn note_received(&mut self, bytes: u64) {
        self.received_bytes = self.received_bytes.saturating_add(bytes);
    }

    pub(in crate::pipeline) fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Searches the answer for these values.
    pub(in crate::pipeline) fn search(&mut self, set: Option<Arc<PatternSet>>) {
        self.mask = set.map(|set| AnswerMask::new(&self.gateway, &self.validity, set));
    }

    /// Returns what hides credentials in the answer.
    #[must_use]
    pub fn mask(&self) -> Option<&AnswerMask> {
        self.mask.as_ref()
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
        &self.decided.request_id
    }
}

impl Drop for OpenExchange {
    fn drop(&mut self) {
        let dependencies = &self.gateway.dependencies;
        let elapsed = self.received.elapsed();
        dependencies.metrics.answered(elapsed, self.overhead);
        let Decided {
            request_id,
            agent,
            connector,
            ..
        } = &self.decided;
        let (upstream, times) = self.validity.sending.noted();
        let mut finished = Finished {
            request_id: Cow::Borrowed(request_id),
            agent: Cow::Borrowed(agent),
            connector: Cow::Borrowed(connector),
            action: Cow::Borrowed(self.action.as_ref().map_or("", ActionName::as_str)),
            duration_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            overhead_us: u64::try_from(self.overhead.as_micros()).ok(),
            stages_us: StageTimes {
                record: Some(self.recorded),
                ..times
            },
            upstream,
            request_bytes: self.sent,
            response_bytes: self.received_bytes,
            ..Finished::default()
        };
        let outcome = match self.outcome.take() {
            Some(Outcome::Answered(status)) => {
                finished.status = Some(status);
                "answered"
            }
            Some(Outcome::UpstreamFailed(kind)) => {
                dependencies.metrics.upstream_failed(connector, kind);
                finished.failure = kind.as_str().into();
                "upstream_failed"
            }
            Some(Outcome::AgentLeft) => "agent_left",
            Some(Outcome::Refused(refusal)) => {
                dependencies.metrics.refused(agent, connector, refusal);
                finished.code = refusal.into();
                "refused"
            }
            None => "unknown",
        };
        finished.outcome = outcome.into();
        let answered = self.answered.take();
        let mask = self.mask.as_ref();
        let answered =
            answered.and_then(|answered| answered.recorded(&dependencies.parameter_key, mask));
        let found = mask.map(AnswerMask::reflections);
        let found = found.unwrap_or_default();
        if let Some(worst) = found.worst {
            dependencies.metrics.masked(connector);
            finished.masked = found.count;
            finished.on_reflect = worst.as_str().into();
        }
        finished.answer = answered.map(Cow::Owned);
        dependencies.journal.append_later(&finished);
    }
}
