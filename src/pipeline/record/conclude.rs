//! Concludes a decision record: writes `decided` before anything leaves, or the one record of a refusal.

use std::sync::Arc;
use std::time::Instant;

use serde_json::value::to_raw_value;

use super::redact::Redacted;
use super::{DecisionRecorder, OpenExchange, repeated};
use crate::journal::{Decided, JournalError, MAX_PARAM};
use crate::pipeline::permit_validity::{PermitValidity, micros};
use crate::pipeline::refuse::RefusedExchange;
use crate::pipeline::staged;
use crate::telemetry::metrics::Stage;

/// Longest parameter of a refused request that is recorded as it is, in bytes: nothing was done with it.
const MAX_REFUSED: usize = 256;

impl DecisionRecorder {
    /// Writes `decided` for a permitted request and returns once it is as durable as configured.
    pub(in crate::pipeline) async fn permitted(
        mut self,
        validity: &Arc<PermitValidity>,
    ) -> Result<OpenExchange, JournalError> {
        self.conclude("allow", MAX_PARAM);
        let started = Instant::now();
        self.gateway
            .dependencies
            .journal
            .append(&self.decided)
            .await?;
        let recorded = micros(staged(&self.gateway, Stage::Record, started));
        let overhead = self.received.elapsed().saturating_sub(self.waited);
        let action = self.actions.first().map(|action| action.name.clone());
        self.decided.actions = None;
        Ok(OpenExchange::new(
            self.gateway,
            (self.received, overhead, recorded),
            (self.decided, action),
            Arc::clone(validity),
        ))
    }

    /// Writes the one record of a refusal. The refusal stands whether or not it could be written.
    pub(in crate::pipeline) async fn refused(mut self, refused: &RefusedExchange) {
        let code = refused.code().as_str();
        let (agent, connector) = (&self.decided.agent, &self.decided.connector);
        let metrics = &self.gateway.dependencies.metrics;
        metrics.refused(agent, connector, code);
        if !repeated::is_recorded(&self.gateway, agent, code, &self.decided.request_id) {
            return self.count(refused.code().decision());
        }
        self.decided.code = code.into();
        self.conclude(refused.code().decision(), MAX_REFUSED);
        let Decided {
            request_id, agent, ..
        } = &self.decided;
        let action = self
            .actions
            .first()
            .map_or("", |action| action.name.as_str());
        tracing::info!(request.id = %request_id, agent.id = %agent, action.id = %action, code, "refused");
        let appended = self.gateway.dependencies.journal.append(&self.decided);
        if let Err(error) = appended.await {
            tracing::error!(request.id = %request_id, %error, "a refusal was not recorded");
        }
    }

    /// Completes the record: a recorder ends in one.
    fn conclude(&mut self, decision: &'static str, longest: usize) {
        self.count(decision);
        self.decided.decision = decision.into();
        if !self.actions.is_empty() {
            let key = &self.gateway.dependencies.parameter_key;
            let redacted = Redacted::new(key, &self.actions, longest);
            // Texts, numbers and lists of them always serialise.
            self.decided.actions = to_raw_value(&redacted).ok().map(std::borrow::Cow::Owned);
        }
        let own = self.received.elapsed().saturating_sub(self.waited);
        self.decided.judged_us = u64::try_from(own.as_micros()).ok();
    }

    fn count(&self, decision: &'static str) {
        let metrics = &self.gateway.dependencies.metrics;
        for action in &self.actions {
            let (agent, connector) = (&self.decided.agent, &self.decided.connector);
            metrics.decided(agent, connector, action.label(), decision);
        }
    }
}
