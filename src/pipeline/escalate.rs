//! Lets a request wait for an operator's approval while the agent stays connected, then judges it again.
//!
//! INVARIANT: an approval covers the request as it would be sent, and counts only if policies, agent and kill switch still agree
//! at that moment.

mod card;
mod content;
mod json;

use std::sync::Arc;
use std::time::Instant;

use http::header::CONTENT_ENCODING;

use super::classify;
use super::collect;
use super::decide::{Clearance, Injection};
use super::decision_input::DecisionInput;
use super::judge::{Admission, Cleared, Understood, weigh};
use super::permit_validity::{Consent, ResponseSecrets};
use super::record::DecisionRecorder;
use super::refuse::{Code, Refusal};
use super::{BodyReader, Gateway, admit, decode, staged};
use crate::approval::{Approval, ApprovalRequest, Submission, Waiter, WaiterSignal};
use crate::policy::Ruling;
use crate::telemetry::metrics::Stage;

/// A request that may go only with a human's yes.
pub(super) struct Held {
    pub(super) admission: Admission,
    pub(super) understood: Understood,
    pub(super) ruling: Ruling,
    pub(super) injection: Injection,
    /// Length declared by `Content-Length`, in bytes.
    pub(super) declared: Option<usize>,
    pub(super) request_id: String,
}

/// Waits for an answer, for as long as the agent stays and nothing forbids the request.
///
/// # Errors
/// `approval_refused`, `approval_timeout`, `agent_left`, `draining`, `busy`; whatever a change meanwhile makes of the request.
pub(super) async fn escalate(
    gateway: &Arc<Gateway>,
    mut held: Held,
    body: &mut dyn BodyReader,
    recorder: &mut DecisionRecorder,
) -> Result<Cleared, Refusal> {
    held.read_whole(gateway, body).await?;
    let started = Instant::now();
    let action = held.understood.input.action();
    let suggest = held.ruling.suggest.as_deref().map(Into::into);
    let outcome = held.ask(gateway, body, recorder).await;
    let waited = started.elapsed();
    recorder.note_waited(waited);
    gateway.dependencies.metrics.approval_waited(waited);
    staged(gateway, Stage::Escalate, started);
    outcome.map_err(|refusal| Refusal {
        action: refusal.action.or(action),
        suggest: refusal.suggest.or(suggest),
        ..refusal
    })
}

/// What the desk says.
enum Opened {
    Granted,
    Waits(Box<Waiter>),
}

/// Why a wait is over.
enum Woken {
    Answered,
    Changed,
}

impl Held {
    /// Reads what nobody has read: what waits is hashed whole, and a client that only waits to send could not be seen to leave.
    async fn read_whole(
        &mut self,
        gateway: &Gateway,
        body: &mut dyn BodyReader,
    ) -> Result<(), Refusal> {
        if self.understood.payload.body.is_some() || body.is_empty() {
            return Ok(());
        }
        let limit = gateway.dependencies.bounds.body;
        let room = self.declared.unwrap_or(limit).min(limit);
        let mut memory = admit::reserve(gateway, &self.admission.agent, room)?;
        let raw = body
            .read(limit)
            .await
            .map_err(|cause| collect::fault(&cause))?;
        memory.shrink_to(raw.len());
        self.understood.memory = Some(memory);
        self.understood.payload.body = Some(raw);
        Ok(())
    }

    async fn ask(
        mut self,
        gateway: &Arc<Gateway>,
        body: &mut dyn BodyReader,
        recorder: &mut DecisionRecorder,
    ) -> Result<Cleared, Refusal> {
        let deadline = Instant::now() + gateway.dependencies.approval_timeout;
        let mut place: Option<Waiter> = None;
        loop {
            let card = self.card(gateway);
            // The place in the queue is kept for as long as the question is the same.
            let mut waiter = match place.take() {
                Some(waiter) if *waiter.fingerprint() == card.fingerprint => waiter,
                _ => match self.open(gateway, card, recorder)? {
                    Opened::Granted => return Ok(self.cleared(Consent::Given)),
                    Opened::Waits(waiter) => *waiter,
                },
            };
            place = match self.attend(gateway, &mut waiter, body, deadline).await? {
                Woken::Answered => None,
                Woken::Changed => Some(waiter),
            };
            if self.judge_again(gateway, recorder)? == Consent::NotNeeded {
                return Ok(self.cleared(Consent::NotNeeded));
            }
        }
    }

    /// Asks at the desk.
    fn open(
        &self,
        gateway: &Gateway,
        card: ApprovalRequest,
        recorder: &mut DecisionRecorder,
    ) -> Result<Opened, Refusal> {
        match gateway.dependencies.approvals.submit(card) {
            Submission::Granted(approval) => {
                recorder.note_approval(&approval);
                Ok(Opened::Granted)
            }
            Submission::Refused(approval) => {
                recorder.note_approval(&approval);
                Err(about(Code::ApprovalRefused, &approval))
            }
            Submission::Full => {
                gateway
                    .dependencies
                    .metrics
                    .limit_reached("pending_approvals");
                let detail = "Too many requests of this agent wait for approval already.";
                Err(Refusal::because(Code::Busy, detail))
            }
            Submission::Closed => Err(refuse(Code::Draining)),
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
            () = body.left() => Err(refuse(Code::AgentLeft)),
            signal = waiter.wait() => match signal {
                WaiterSignal::Answered | WaiterSignal::Wait => Ok(Woken::Answered),
                WaiterSignal::Closed => Err(refuse(Code::Draining)),
            },
            () = gateway.dependencies.changes.after(self.admission.changes) => Ok(Woken::Changed),
            () = tokio::time::sleep_until(deadline.into()) => {
                Err(about(Code::ApprovalTimeout, waiter.approval()))
            }
        }
    }

    /// Understands and judges the request on what is in force now. Returns whether it still needs a yes.
    fn judge_again(
        &mut self,
        gateway: &Gateway,
        recorder: &mut DecisionRecorder,
    ) -> Result<Consent, Refusal> {
        let changes = gateway.dependencies.changes.count();
        let agent = admit::again(gateway, self.admission.pass)
            .ok_or_else(|| refuse(Code::ProxyAuthenticationRequired))?;
        admit::check_halt(gateway, &agent)?;
        self.admission.agent = agent;
        self.admission.changes = changes;
        self.understand_again(gateway)?;
        recorder.note_dropped(&self.understood.payload.dropped);
        admit::check_connector_halt(gateway, self.understood.connector.id())?;
        let (ruling, decided) = weigh(gateway, &self.admission, &self.understood);
        recorder.note_decided(&ruling, decided.injection());
        self.ruling = ruling;
        let (injection, consent) = match decided {
            Clearance::Allowed(injection) => (injection, Consent::NotNeeded),
            Clearance::NeedsApproval(injection) => (injection, Consent::Given),
            Clearance::Refused(refusal) => return Err(refusal),
        };
        self.injection = injection;
        Ok(consent)
    }

    /// Reads the request by connectors that were put in force meanwhile: the same bytes may be another action now.
    fn understand_again(&mut self, gateway: &Gateway) -> Result<(), Refusal> {
        let snapshot = gateway.dependencies.current.snapshot();
        if Arc::ptr_eq(&snapshot, &self.understood.snapshot) {
            return Ok(());
        }
        let bounds = gateway.dependencies.bounds;
        let payload = &self.understood.payload;
        let mut classified = classify::again(
            &snapshot,
            self.understood.input.target.clone(),
            payload.headers.clone(),
            payload.protocol,
        )?;
        classified.dropped.clone_from(&payload.dropped);
        let held = payload.body.clone();
        let mut memory = None;
        let (body, encoding) = match collect::wanted(&classified, bounds)? {
            None => (None, None),
            Some((encoding, limit)) => {
                let raw = held.clone().unwrap_or_default();
                if raw.len() > limit {
                    return Err(refuse(Code::BodyTooLarge));
                }
                if classified.headers.contains_key(CONTENT_ENCODING) {
                    memory = Some(admit::reserve(gateway, &self.admission.agent, limit)?);
                }
                let decoded = decode::decode(&classified.headers, raw, limit)?;
                if let Some(memory) = &mut memory {
                    memory.shrink_to(decoded.len());
                }
                (Some(decoded), Some(encoding))
            }
        };
        let mut memory = memory.or(self.understood.memory.take());
        let collected = admit::growing(gateway, &self.admission.agent, &mut memory, |memory| {
            collect::understand(&mut classified, (body, encoding), bounds, memory)
        })?;
        let (input, mut payload, connector) = DecisionInput::part(classified, collected);
        payload.body = payload.body.or(held);
        self.understood = Understood {
            snapshot,
            input,
            payload,
            connector,
            memory,
        };
        Ok(())
    }

    fn cleared(self, consent: Consent) -> Cleared {
        Cleared {
            admission: self.admission,
            understood: self.understood,
            injection: self.injection,
            consent,
            response_secrets: ResponseSecrets::of(&self.ruling),
        }
    }
}

fn about(code: Code, approval: &Approval) -> Refusal {
    Refusal {
        approval: Some(Box::new(approval.into())),
        ..refuse(code)
    }
}

fn refuse(code: Code) -> Refusal {
    Refusal::because(code, code.sentence())
}
