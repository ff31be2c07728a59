//! Writes two records for an exchange, `decided` before anything leaves and `finished` when its state drops; one for a refusal.
//!
//! INVARIANT: never a secret, never a body, never a query.

mod answered;
mod conclude;
mod open_exchange;
mod redact;
mod repeated;
mod unauthenticated;
mod unclassified;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderName;
use serde_json::json;

use super::admit::{self, Pass};
use super::classify::Classified;
use super::decide::Injection;
use super::permit_validity::micros;
use super::refuse::{Native, Refusal, RefusedExchange};
use super::{Gateway, Head, staged};
use crate::approval::Approval;
use crate::connector::{Candidates, Connector, ErrorShape, RequestActions};
use crate::journal::{Decided, RecordedApproval, Text};
use crate::model::action::Action;
use crate::model::agent::Agent;
use crate::model::clock;
use crate::model::show;
use crate::policy::Ruling;
use crate::snapshot::Snapshot;
use crate::telemetry::metrics::Stage;
use redact::Noted;

pub(super) use redact::actions;
pub(super) use unauthenticated::UnauthenticatedRefusals;

pub use open_exchange::{OpenExchange, Outcome};
pub use repeated::summarize_refusals;
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
    actions: Vec<Noted>,
    waited: Duration,
    /// Headers that were taken out before anything was judged.
    stripped: Vec<Text<'static>>,
    /// How the client of this API reads errors, once it is known.
    native: Option<Native>,
    decided: Decided<'static>,
}

/// Keeps a refusal that the edge made before there was a head to judge: names that disagree, HTTP that is none, a drain.
///
/// Without an agent it becomes part of a summary: what unauthenticated clients cause must not grow the journal.
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
    let decided = Decided {
        request_id: refused.request_id.to_string().into(),
        agent: name.into(),
        peer: shown(peer).into(),
        decision: refused.code().decision().into(),
        code: code.into(),
        host: Text::bounded(host, MAX_PATH),
        ..Decided::default()
    };
    if let Err(error) = gateway.dependencies.journal.append(&decided).await {
        tracing::error!(request.id = %refused.request_id, %error, "a refusal was not recorded");
    }
}

fn shown_names(names: &[HeaderName]) -> impl Iterator<Item = Text<'static>> {
    let names = names.iter().take(MAX_DROPPED);
    names.map(|name| Text::bounded(name.as_str().to_owned(), MAX_DROPPED_NAME))
}

/// An agent on a socket of this machine has no address.
fn shown(peer: Option<SocketAddr>) -> String {
    peer.map(show::address).unwrap_or_default()
}

// === impl DecisionRecorder ===

impl DecisionRecorder {
    pub(super) fn new(gateway: &Arc<Gateway>, head: &Head, agent: &Agent) -> Self {
        let shape = ErrorShape::of_git(&head.path, head.query.as_deref(), &head.headers);
        let decided = Decided {
            request_id: head.request_id.clone().into(),
            agent: agent.name.as_str().to_owned().into(),
            peer: shown(head.peer).into(),
            tunnel: head.tunnel,
            method: head.method.as_str().to_owned().into(),
            host: Text::Whole(head.authority.to_string().into()),
            path: Text::bounded(head.path.clone(), MAX_PATH),
            ..Decided::default()
        };
        Self {
            gateway: Arc::clone(gateway),
            received: head.received,
            actions: Vec::new(),
            waited: Duration::ZERO,
            stripped: Vec::new(),
            native: shape.map(Native::new),
            decided,
        }
    }

    /// Returns how the client of this API reads errors.
    pub(super) fn native(&self) -> Option<Arc<Native>> {
        self.native.clone().map(Arc::new)
    }

    /// Returns the exchange's id.
    pub(super) fn request_id(&self) -> &str {
        &self.decided.request_id
    }

    /// Joins a refusal with what is known of its exchange.
    pub(super) fn join(&self, refusal: Refusal) -> RefusedExchange {
        let action = self.actions.first();
        RefusedExchange {
            refusal,
            request_id: self.request_id().into(),
            action: action.map(|action| action.name.as_str().to_owned()),
            native: self.native(),
        }
    }

    pub(super) fn note_classified(&mut self, classified: &Classified) {
        self.decided.connector = classified.connector().id().to_owned().into();
        if self.native.is_none() {
            let shape = classified.candidates.error_shape(&classified.headers);
            self.native = shape.map(Native::new);
        }
        let path = classified.candidates.shown_path();
        if self.decided.path.as_str() != Some(&*path) {
            self.decided.path = Text::bounded(path.into_owned(), MAX_PATH);
        }
        self.stripped = shown_names(&classified.stripped).collect();
        self.decided.dropped_headers.clone_from(&self.stripped);
    }

    /// Counts how long a stage took and notes it for the record; returns when the next one starts.
    pub(super) fn staged(&mut self, stage: Stage, started: Instant) -> Instant {
        let took = staged(&self.gateway, stage, started);
        let times = &mut self.decided.stages_us;
        let noted = match stage {
            Stage::Admit => &mut times.admit,
            Stage::Classify => &mut times.classify,
            Stage::Collect => &mut times.collect,
            Stage::Decide => &mut times.decide,
            _ => return started + took,
        };
        *noted = Some(micros(took));
        started + took
    }

    /// Notes by which connectors and policies the request is judged.
    pub(super) fn note_snapshot(&mut self, snapshot: &Snapshot) {
        self.decided.snapshot = Some(Arc::clone(snapshot.id()));
    }

    /// Notes which actions the request may have been, where it was refused before that could be told.
    pub(super) fn note_candidates(&mut self, candidates: &Candidates) {
        let names = candidates.names(MAX_CANDIDATES);
        self.decided.candidates = names.into_iter().map(Into::into).collect();
    }

    /// Notes whose tunnel is to be passed through, which is all that is known of it.
    pub(super) fn note_tls_passthrough(&mut self, connector: &Connector, action: &Action) {
        self.decided.connector = connector.id().to_owned().into();
        self.note_actions(std::slice::from_ref(action));
    }

    /// Notes what the request was understood as, and the body that was read for it.
    pub(super) fn note_named(&mut self, named: &RequestActions, body: Option<&Bytes>) {
        if let Some(native) = &mut self.native {
            native.rpc_ids.clone_from(&named.options.rpc_ids);
            native.push.clone_from(&named.options.push);
        }
        self.note_actions(&named.actions);
        self.decided.body_bytes = body.map(|body| body.len() as u64);
    }

    /// Notes which headers were taken out because nothing declares them.
    pub(super) fn note_dropped(&mut self, names: &[HeaderName]) {
        let stripped = self.stripped.iter().cloned();
        let all = shown_names(names).chain(stripped);
        self.decided.dropped_headers = all.take(MAX_DROPPED).collect();
    }

    fn note_actions(&mut self, noted: &[Action]) {
        self.actions = noted.iter().map(Noted::of).collect();
    }

    /// Notes what was decided; of a request that waited, what was decided last.
    pub(super) fn note_decided(&mut self, ruling: &Ruling, injection: Option<&Injection>) {
        self.decided.by = ruling.by.clone().into();
        self.decided.failures = ruling.failures.clone().into();
        if let Some(credential) = injection.and_then(Injection::credential) {
            self.decided.credential = credential.as_str().to_owned().into();
        }
    }

    /// Notes where placeholders stand that are not replaced there.
    pub(super) fn note_placeholders(&mut self, places: Vec<String>) {
        self.decided.placeholders = places.into_iter().map(Into::into).collect();
    }

    /// Notes what an operator was asked, and said.
    pub(super) fn note_approval(&mut self, approval: &Approval) {
        let answer = approval.answer.as_ref();
        let verdict = answer.and_then(|answer| json!(answer.verdict).as_str().map(str::to_owned));
        self.decided.approval = Some(RecordedApproval {
            id: approval.id.clone().into(),
            verdict,
            by: answer
                .map_or_else(String::new, |answer| answer.by.clone())
                .into(),
            at: answer
                .map_or_else(String::new, |answer| clock::stamp(answer.at))
                .into(),
        });
    }

    /// Notes how long the request waited for a person, which is none of the gateway's own time.
    pub(super) fn note_waited(&mut self, waited: Duration) {
        self.waited = waited;
        let millis = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.decided.waited_ms = Some(millis);
    }
}
