//! Lets a request wait for an operator's approval while the agent stays connected, then judges it again.
//!
//! INVARIANT: an approval covers the request as it would be sent, and counts only if policies, agent and kill switch still agree
//! at that moment.

mod approval_request;
mod content;
mod covered;
mod json;
mod volatile;

use std::sync::Arc;
use std::time::Instant;

use http::header::CONTENT_ENCODING;

use super::classify;
use super::collect::{self, Collected};
use super::decide::{Clearance, Consent};
use super::judged_request::JudgedRequest;
use super::record::DecisionRecorder;
use super::refuse::{Code, Refusal};
use super::{BodyReader, Gateway, admit, decode, staged};
use crate::approval::{ApprovalRequest, Submission, Waiter, WaiterSignal};
use crate::telemetry::metrics::Stage;

/// Waits for an answer, for as long as the agent stays and nothing forbids the request.
///
/// # Errors
/// `approval_refused`, `approval_timeout`, `agent_left`, `draining`, `busy`; whatever a change meanwhile makes of the request.
pub(super) async fn escalate(
    gateway: &Arc<Gateway>,
    judged: &mut JudgedRequest,
    body: &mut dyn BodyReader,
    recorder: &mut DecisionRecorder,
) -> Result<(), Refusal> {
    judged.read_whole(gateway, body, recorder).await?;
    let started = Instant::now();
    let suggest = judged.ruling.suggest.as_deref().map(Into::into);
    let outcome = judged.ask(gateway, body, recorder).await;
    let waited = started.elapsed();
    recorder.note_waited(waited);
    gateway.dependencies.metrics.approval_waited(waited);
    staged(gateway, Stage::Escalate, started);
    outcome.map_err(|refusal| Refusal {
        suggest: refusal.suggest.or(suggest),
        ..refusal
    })
}

/// What the approval service says.
enum Opened {
    Granted,
    Waits(Box<Waiter>),
}

/// Why a wait is over.
enum Woken {
    Answered,
    Changed,
}

impl JudgedRequest {
    /// Reads a body that is not read yet: a request that waits is hashed whole, and a client that only waits to send could not be
    /// seen to leave. What is signed with its body is read too.
    pub(super) async fn read_whole(
        &mut self,
        gateway: &Gateway,
        body: &mut dyn BodyReader,
        recorder: &mut DecisionRecorder,
    ) -> Result<(), Refusal> {
        if self.request.payload.body.is_some() || body.is_empty() {
            return Ok(());
        }
        let limit = gateway.dependencies.bounds.body;
        let room = self
            .request
            .payload
            .declared_length
            .unwrap_or(limit)
            .min(limit);
        let mut memory = admit::reserve(gateway, &self.admission.agent, room)?;
        let raw = body
            .read(limit)
            .await
            .map_err(|cause| collect::fault(&cause))?;
        memory.shrink_to(raw.len());
        self.memory = Some(memory);
        self.request.payload.body = Some(raw);
        let searched = self.search_body(gateway);
        let keyring = &gateway.dependencies.keyring;
        recorder.note_placeholders(self.presented.told(&self.request.connector, keyring));
        searched
    }

    /// Asks until the request may go: with a yes, or because none is needed any more.
    async fn ask(
        &mut self,
        gateway: &Arc<Gateway>,
        body: &mut dyn BodyReader,
        recorder: &mut DecisionRecorder,
    ) -> Result<(), Refusal> {
        let deadline = Instant::now() + gateway.dependencies.approval_timeout;
        let mut place: Option<Waiter> = None;
        while let Clearance::NeedsApproval(injection) = &self.clearance {
            let request = self.approval_request(gateway, injection, recorder.request_id());
            // The place in the queue is kept for as long as the question is the same.
            let mut waiter = match place.take() {
                Some(waiter) if *waiter.fingerprint() == request.fingerprint => waiter,
                _ => match self.open(gateway, request, recorder)? {
                    Opened::Granted => {
                        self.consent = Consent::Given;
                        return Ok(());
                    }
                    Opened::Waits(waiter) => *waiter,
                },
            };
            place = match self.attend(gateway, &mut waiter, body, deadline).await? {
                Woken::Answered => None,
                Woken::Changed => Some(waiter),
            };
            self.judge_again(gateway, recorder)?;
        }
        Ok(())
    }

    /// Asks the approval service.
    fn open(
        &self,
        gateway: &Gateway,
        request: ApprovalRequest,
        recorder: &mut DecisionRecorder,
    ) -> Result<Opened, Refusal> {
        match gateway.dependencies.approvals.submit(request) {
            Submission::Granted(approval) => {
                recorder.note_approval(&approval);
                Ok(Opened::Granted)
            }
            Submission::Refused(approval) => {
                recorder.note_approval(&approval);
                Err(Refusal::about(Code::ApprovalRefused, &approval))
            }
            Submission::Full => {
                gateway
                    .dependencies
                    .metrics
                    .limit_reached("pending_approvals");
                let detail = "Too many requests of this agent wait for approval already.";
                Err(Refusal::because(Code::Busy, detail))
            }
            Submission::Closed => Err(Code::Draining.into()),
            Submission::Waiting(waiter) => {
                let approval = waiter.approval();
                recorder.note_approval(approval);
                tracing::info!(
                    approval.id = approval.id,
                    agent.id = approval.request.agent,
                    action.id = approval.request.action,
                    "waits for an operator: `tollgate approval list`"
                );
                Ok(Opened::Waits(waiter))
            }
        }
    }

    /// Waits until the question is answered, or what it is judged by has changed.
    async fn attend(
        &self,
        gateway: &Gateway,
        waiter: &mut Waiter,
        body: &mut dyn BodyReader,
        deadline: Instant,
    ) -> Result<Woken, Refusal> {
        tokio::select! {
            // In this order: who has left uses no yes up.
            biased;
            () = body.left() => Err(Code::AgentLeft.into()),
            signal = waiter.wait() => match signal {
                WaiterSignal::Answered | WaiterSignal::Wait => Ok(Woken::Answered),
                WaiterSignal::Closed => Err(Code::Draining.into()),
            },
            () = gateway.dependencies.changes.after(self.admission.changes) => Ok(Woken::Changed),
            () = tokio::time::sleep_until(deadline.into()) => {
                Err(Refusal::about(Code::ApprovalTimeout, waiter.approval()))
            }
        }
    }

    /// Understands and judges the request by what is in effect now.
    ///
    /// # Errors
    /// Why it may not go any more, even with an approval.
    fn judge_again(
        &mut self,
        gateway: &Gateway,
        recorder: &mut DecisionRecorder,
    ) -> Result<(), Refusal> {
        let changes = gateway.dependencies.changes.count();
        let agent =
            admit::again(gateway, self.admission.pass).ok_or(Code::ProxyAuthenticationRequired)?;
        admit::check_halt(gateway, &agent)?;
        self.admission.agent = agent;
        self.admission.changes = changes;
        self.understand_again(gateway, recorder)?;
        admit::check_connector_halt(gateway, self.request.connector.id())?;
        self.reevaluate(gateway);
        recorder.note_decided(&self.ruling, self.clearance.injection());
        match &self.clearance {
            Clearance::Refused(refusal) => Err(refusal.clone()),
            Clearance::Allowed(_) | Clearance::NeedsApproval(_) => Ok(()),
        }
    }

    /// Reads the request by connectors that took effect meanwhile: the same bytes may be another action now.
    fn understand_again(
        &mut self,
        gateway: &Gateway,
        recorder: &mut DecisionRecorder,
    ) -> Result<(), Refusal> {
        let snapshot = gateway.dependencies.current.snapshot();
        if Arc::ptr_eq(&snapshot, &self.snapshot) {
            return Ok(());
        }
        let bounds = gateway.dependencies.bounds;
        let payload = &self.request.payload;
        let mut classified = classify::again(
            &snapshot,
            self.request.input.target.clone(),
            payload.headers.clone(),
            payload.protocol,
        )?;
        classified.dropped.clone_from(&payload.dropped);
        classified.declared_length = payload.declared_length;
        let held = payload.body.clone();
        let mut memory = None;
        let read = match collect::wanted(&classified, bounds)? {
            None => (None, None),
            Some((dialect, limit)) => {
                let raw = held.clone().unwrap_or_default();
                if raw.len() > limit {
                    return Err(Code::BodyTooLarge.into());
                }
                if classified.headers.contains_key(CONTENT_ENCODING) {
                    memory = Some(admit::reserve(gateway, &self.admission.agent, limit)?);
                }
                let decoded = decode::decode(&classified.headers, raw, limit)?;
                if let Some(memory) = &mut memory {
                    memory.shrink_to(decoded.len());
                }
                (Some(decoded), Some(dialect))
            }
        };
        let mut memory = memory.or(self.memory.take());
        let named = admit::growing(gateway, &self.admission.agent, &mut memory, |memory| {
            let catalog = snapshot.catalog();
            collect::understand(catalog, &mut classified, read.0.as_ref(), bounds, memory)
        })?;
        recorder.note_snapshot(&snapshot);
        recorder.note_named(&named, read.0.as_ref());
        let mut request = Collected::new(classified, read, named)?;
        recorder.note_dropped(&request.payload.dropped);
        request.payload.body = request.payload.body.or(held);
        (self.snapshot, self.request, self.memory) = (snapshot, request, memory);
        Ok(())
    }
}
