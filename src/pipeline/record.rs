//! Record: two events per exchange, `decided` before anything leaves and `finished` when its state drops; one for a refusal.
//!
//! INVARIANT: never a secret, never a body, never a query.

mod answered;
mod draft;
mod repeated;
mod shown;
mod ticket;
mod unauthenticated;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderName;
use serde_json::{Map, Value as Json, json};

use super::admit::{self, Pass};
use super::classify::{Classified, Unclassified};
use super::decide::Injection;
use super::refuse::{Native, Refusal, RefusedExchange};
use super::{Gateway, Head, staged};
use crate::approval::Approval;
use crate::audit::JournalError;
use crate::connector::{Candidates, Connector, ErrorShape, RequestActions};
use crate::model::action::Action;
use crate::model::agent::Agent;
use crate::model::clock;
use crate::model::event::{Event, EventKind};
use crate::policy::Ruling;
use crate::telemetry::metrics::Stage;
use draft::Draft;
use shown::bounded;

pub(super) use crate::model::hex::hex;
pub(super) use shown::actions;
pub(super) use unauthenticated::UnauthenticatedRefusals;

pub use repeated::summarize_refusals;
pub use ticket::{OpenExchange, Outcome};
pub use unauthenticated::{refused_unauthenticated, summarize_unauthenticated};

/// Longest path that is recorded, in bytes; of an unreadable one only so much is kept.
const MAX_PATH: usize = 2048;

/// Most actions that are recorded of a request that was refused before it was understood.
const MAX_CANDIDATES: usize = 20;
/// Names of headers that are recorded, and bytes of each.
const MAX_DROPPED: usize = 32;
const MAX_DROPPED_NAME: usize = 64;

/// What is known of a request so far.
#[derive(Debug)]
pub(super) struct DecisionRecorder {
    gateway: Arc<Gateway>,
    received: Instant,
    request_id: String,
    agent: String,
    connector: String,
    /// Name, and what it is counted as.
    actions: Vec<(String, String)>,
    waited: Duration,
    /// How the client of this API reads errors, once it is known.
    native: Option<Native>,
    body: Map<String, Json>,
}

/// Keeps a refusal that the edge made before there was a head to judge: names that disagree, HTTP that is none, a drain.
///
/// Without an agent it becomes part of a summary: what anybody can cause must not grow the journal.
pub async fn refused_early(
    gateway: &Arc<Gateway>,
    (pass, peer): (Option<Pass>, Option<SocketAddr>),
    host: &str,
    refused: &RefusedExchange,
) {
    let code = refused.code().as_str();
    let agent = pass.and_then(|pass| admit::again(gateway, pass));
    let name = agent.as_ref().map_or("", |agent| agent.name.as_str());
    gateway.dependencies.metrics.refused(name, "", code);
    if agent.is_none() {
        return refused_unauthenticated(gateway, peer, refused.code());
    }
    if !repeated::is_recorded(gateway, name, code, &refused.request_id) {
        return;
    }
    let mut body = Map::new();
    body.insert("agent".into(), name.into());
    body.insert("host".into(), bounded(host, MAX_PATH));
    body.insert("code".into(), code.into());
    body.insert("decision".into(), refused.code().decision().into());
    let draft = Draft {
        kind: EventKind::Decided,
        request_id: &refused.request_id,
        agent: name,
        action: "",
        decision: refused.code().decision(),
        code,
    };
    if let Err(error) = gateway
        .dependencies
        .journal
        .append(draft.event(gateway, body))
        .await
    {
        tracing::error!(request.id = %refused.request_id, %error, "a refusal was not recorded");
    }
}

// === impl DecisionRecorder ===

impl DecisionRecorder {
    pub(super) fn new(gateway: &Arc<Gateway>, head: &Head, agent: &Agent) -> Self {
        let mut body = Map::new();
        body.insert("agent".into(), agent.name.as_str().into());
        body.insert("method".into(), head.method.as_str().into());
        body.insert("host".into(), head.authority.to_string().into());
        body.insert("path".into(), bounded(&head.path, MAX_PATH));
        let shape = ErrorShape::of_git(&head.path, head.query.as_deref(), &head.headers);
        Self {
            gateway: Arc::clone(gateway),
            received: head.received,
            request_id: head.request_id.clone(),
            agent: agent.name.as_str().to_owned(),
            connector: String::new(),
            actions: Vec::new(),
            waited: Duration::ZERO,
            native: shape.map(Native::new),
            body,
        }
    }

    /// Returns how the client of this API reads errors.
    pub(super) fn native(&self) -> Option<Arc<Native>> {
        self.native.clone().map(Arc::new)
    }

    /// Returns the exchange's id.
    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Joins a refusal with what is known of its exchange.
    pub(super) fn join(&self, refusal: Refusal) -> RefusedExchange {
        let action = self.first_action();
        RefusedExchange {
            refusal,
            request_id: self.request_id.as_str().into(),
            action: (!action.is_empty()).then(|| action.to_owned()),
            native: self.native(),
        }
    }

    /// Notes how the client reads errors, where a request was refused before its routes could be told.
    pub(super) fn note_unclassified(&mut self, unclassified: Unclassified) -> Refusal {
        if self.native.is_none() {
            self.native = unclassified.shape.map(Native::new);
        }
        unclassified.refusal
    }

    pub(super) fn note_classified(&mut self, classified: &Classified) {
        classified.connector().id().clone_into(&mut self.connector);
        if self.native.is_none() {
            let shape = classified.candidates.error_shape(&classified.headers);
            self.native = shape.map(Native::new);
        }
        self.body
            .insert("connector".into(), self.connector.as_str().into());
        self.body.insert(
            "path".into(),
            bounded(classified.target.path.as_str(), MAX_PATH),
        );
    }

    /// Notes which actions the request may have been, where it was refused before that could be told.
    pub(super) fn note_candidates(&mut self, candidates: &Candidates) {
        let names = candidates.names(MAX_CANDIDATES);
        self.body.insert("candidates".into(), names.into());
    }

    /// Notes whose tunnel is to be passed through, which is all that is known of it.
    pub(super) fn note_tls_passthrough(&mut self, connector: &Connector, action: &Action) {
        connector.id().clone_into(&mut self.connector);
        self.body
            .insert("connector".into(), self.connector.as_str().into());
        self.note_actions(std::slice::from_ref(action));
    }

    /// Notes what the request was understood as, and the body that was read for it.
    pub(super) fn note_named(&mut self, named: &RequestActions, body: Option<&Bytes>) {
        if let Some(native) = &mut self.native {
            native.rpc_ids.clone_from(&named.terms.rpc_ids);
            native.push.clone_from(&named.terms.push);
        }
        self.note_actions(&named.actions);
        if let Some(body) = body {
            self.body.insert("body_bytes".into(), body.len().into());
        }
    }

    /// Notes which headers were taken out because nothing declares them.
    pub(super) fn note_dropped(&mut self, names: &[HeaderName]) {
        if !names.is_empty() {
            let names = names.iter().take(MAX_DROPPED);
            let shown: Vec<Json> = names
                .map(|name| bounded(name.as_str(), MAX_DROPPED_NAME))
                .collect();
            self.body.insert("dropped_headers".into(), shown.into());
        }
    }

    fn note_actions(&mut self, noted: &[Action]) {
        let key = &self.gateway.dependencies.parameter_key;
        self.body.insert("actions".into(), actions(key, noted));
        self.actions = noted
            .iter()
            .map(|action| (action.name.to_string(), action.label().to_owned()))
            .collect();
    }

    /// Notes what was decided; of a request that waited, what was decided last.
    pub(super) fn note_decided(&mut self, ruling: &Ruling, injection: Option<&Injection>) {
        self.body.insert("by".into(), ruling.by.clone().into());
        if !ruling.failures.is_empty() {
            self.body
                .insert("failures".into(), ruling.failures.clone().into());
        }
        if let Some(credential) = injection.and_then(Injection::credential) {
            self.body
                .insert("credential".into(), credential.as_str().into());
        }
    }

    /// Notes what an operator was asked, and said.
    pub(super) fn note_approval(&mut self, approval: &Approval) {
        let mut noted = Map::new();
        noted.insert("id".into(), approval.id.as_str().into());
        if let Some(answer) = &approval.answer {
            noted.insert("verdict".into(), json!(answer.verdict));
            noted.insert("by".into(), answer.by.as_str().into());
            noted.insert("at".into(), clock::stamp(answer.at).into());
        }
        self.body.insert("approval".into(), noted.into());
    }

    /// Notes how long the request waited for a person, which is none of the gateway's own time.
    pub(super) fn note_waited(&mut self, waited: Duration) {
        self.waited = waited;
        let millis = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.body.insert("waited_ms".into(), millis.into());
    }

    /// Writes `decided` for a permitted request and returns once it is durable.
    pub(super) async fn permitted(mut self) -> Result<OpenExchange, JournalError> {
        let action = self.first_action().to_owned();
        self.count("allow");
        let event = self.event("allow", "");
        let Self {
            gateway,
            received,
            request_id,
            agent,
            connector,
            waited,
            ..
        } = self;
        let started = Instant::now();
        gateway.dependencies.journal.append(event).await?;
        staged(&gateway, Stage::Record, started);
        let exchange = gateway.dependencies.metrics.exchange();
        let overhead = received.elapsed().saturating_sub(waited);
        Ok(OpenExchange {
            overhead,
            _exchange: exchange,
            gateway,
            received,
            request_id,
            agent,
            connector,
            action,
            outcome: None,
            sent: 0,
            received_bytes: 0,
            answered: None,
        })
    }

    /// Writes the one record of a refusal. The refusal stands whether or not it could be written.
    pub(super) async fn refused(mut self, refused: &RefusedExchange) {
        let code = refused.code().as_str();
        self.count(refused.code().decision());
        self.gateway
            .dependencies
            .metrics
            .refused(&self.agent, &self.connector, code);
        if !repeated::is_recorded(&self.gateway, &self.agent, code, &self.request_id) {
            return;
        }
        repeated::shorten(&mut self.body);
        self.body.insert("code".into(), code.into());
        tracing::info!(
            request.id = %self.request_id,
            agent.id = %self.agent,
            action.id = %self.first_action(),
            code,
            "refused"
        );
        let event = self.event(refused.code().decision(), code);
        if let Err(error) = self.gateway.dependencies.journal.append(event).await {
            tracing::error!(request.id = %self.request_id, %error, "a refusal was not recorded");
        }
    }

    fn count(&self, decision: &'static str) {
        for (_, action) in &self.actions {
            self.gateway.dependencies.metrics.decided(
                &self.agent,
                &self.connector,
                action,
                decision,
            );
        }
    }

    fn first_action(&self) -> &str {
        self.actions.first().map_or("", |(name, _)| name)
    }

    /// Takes the body: a recorder ends in one event.
    fn event(&mut self, decision: &str, code: &str) -> Event {
        let mut body = std::mem::take(&mut self.body);
        body.insert("decision".into(), decision.into());
        let draft = Draft {
            kind: EventKind::Decided,
            request_id: &self.request_id,
            agent: &self.agent,
            action: self.first_action(),
            decision,
            code,
        };
        draft.event(&self.gateway, body)
    }
}
