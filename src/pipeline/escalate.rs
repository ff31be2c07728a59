//! Escalate: a request that needs a human's yes in; it waits while the agent stays; what is judged anew and may go, or a refusal, out.
//!
//! INVARIANT: a yes is about the request as it would be sent, and counts only if everything in force at that moment still agrees.

mod card;
mod content;
mod json;

use std::sync::Arc;
use std::time::Instant;

use http::header::CONTENT_ENCODING;

use super::classify;
use super::collect;
use super::decide::{Decided, Injection};
use super::judge::{Asker, Cleared, Understood, weigh};
use super::matter::Matter;
use super::record::Trail;
use super::refuse::{Code, Refusal};
use super::standing::{Consent, Issued};
use super::{BodyReader, Gateway, admit, decode, staged};
use crate::approval::{Approval, ApprovalRequest, Submission, Waiter, WaiterSignal};
use crate::policy::Ruling;
use crate::telemetry::metrics::Stage;

/// A request that may go only with a human's yes.
pub(super) struct Held {
    pub(super) asker: Asker,
    pub(super) understood: Understood,
    pub(super) ruling: Ruling,
    pub(super) injection: Injection,
    /// `Content-Length`.
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
    trail: &mut Trail,
) -> Result<Cleared, Refusal> {
    held.read_whole(gateway, body).await?;
    let started = Instant::now();
    let action = held.understood.matter.action();
    let suggest = held.ruling.suggest.as_deref().map(Into::into);
    let outcome = held.ask(gateway, body, trail).await;
    let waited = started.elapsed();
    trail.note_waited(waited);
    gateway.parts.metrics.approval_waited(waited);
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
        if self.understood.rest.body.is_some() || body.is_empty() {
            return Ok(());
        }
        let limit = gateway.parts.bounds.body;
        let room = self.declared.unwrap_or(limit).min(limit);
        let mut memory = admit::reserve(gateway, &self.asker.agent, room)?;
        let raw = body
            .read(limit)
            .await
            .map_err(|cause| collect::fault(&cause))?;
        memory.shrink_to(raw.len());
        self.understood.memory = Some(memory);
        self.understood.rest.body = Some(raw);
        Ok(())
    }

    async fn ask(
        mut self,
        gateway: &Arc<Gateway>,
        body: &mut dyn BodyReader,
        trail: &mut Trail,
    ) -> Result<Cleared, Refusal> {
        let deadline = Instant::now() + gateway.parts.approval_timeout;
        let mut place: Option<Waiter> = None;
        loop {
            let card = self.card(gateway);
            // The place in the queue is kept for as long as the question is the same.
            let mut waiter = match place.take() {
                Some(waiter) if *waiter.fingerprint() == card.fingerprint => waiter,
                _ => match self.open(gateway, card, trail)? {
                    Opened::Granted => return Ok(self.cleared(Consent::Given)),
                    Opened::Waits(waiter) => *waiter,
                },
            };
            place = match self.attend(gateway, &mut waiter, body, deadline).await? {
                Woken::Answered => None,
                Woken::Changed => Some(waiter),
            };
            if self.judge_again(gateway, trail)? == Consent::NotNeeded {
                return Ok(self.cleared(Consent::NotNeeded));
            }
        }
    }

    /// Asks at the desk.
    fn open(
        &self,
        gateway: &Gateway,
        card: ApprovalRequest,
        trail: &mut Trail,
    ) -> Result<Opened, Refusal> {
        match gateway.parts.approvals.submit(card) {
            Submission::Granted(approval) => {
                trail.note_approval(&approval);
                Ok(Opened::Granted)
            }
            Submission::Refused(approval) => {
                trail.note_approval(&approval);
                Err(about(Code::ApprovalRefused, &approval))
            }
            Submission::Full => {
                gateway.parts.metrics.limit_reached("pending_approvals");
                let detail = "Too many requests of this agent wait for approval already.";
                Err(Refusal::because(Code::Busy, detail))
            }
            Submission::Closed => Err(refuse(Code::Draining)),
            Submission::Waiting(waiter) => {
                let approval = waiter.approval();
                trail.note_approval(approval);
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
            () = gateway.parts.changes.after(self.asker.changes) => Ok(Woken::Changed),
            () = tokio::time::sleep_until(deadline.into()) => {
                Err(about(Code::ApprovalTimeout, waiter.approval()))
            }
        }
    }

    /// Understands and judges the request on what is in force now. Returns whether it still needs a yes.
    fn judge_again(&mut self, gateway: &Gateway, trail: &mut Trail) -> Result<Consent, Refusal> {
        let changes = gateway.parts.changes.count();
        let agent = admit::again(gateway, self.asker.pass)
            .ok_or_else(|| refuse(Code::ProxyAuthenticationRequired))?;
        admit::check_halt(gateway, &agent)?;
        self.asker.agent = agent;
        self.asker.changes = changes;
        self.understand_again(gateway)?;
        trail.note_dropped(&self.understood.rest.dropped);
        admit::check_connector_halt(gateway, self.understood.connector.id())?;
        let (ruling, decided) = weigh(gateway, &self.asker, &self.understood);
        trail.note_decided(&ruling, decided.injection());
        self.ruling = ruling;
        let (injection, consent) = match decided {
            Decided::Allowed(injection) => (injection, Consent::NotNeeded),
            Decided::Asked(injection) => (injection, Consent::Given),
            Decided::Refused(refusal) => return Err(refusal),
        };
        self.injection = injection;
        Ok(consent)
    }

    /// Reads the request by connectors that were put in force meanwhile: the same bytes may be another action now.
    fn understand_again(&mut self, gateway: &Gateway) -> Result<(), Refusal> {
        let snapshot = gateway.parts.current.snapshot();
        if Arc::ptr_eq(&snapshot, &self.understood.snapshot) {
            return Ok(());
        }
        let bounds = gateway.parts.bounds;
        let rest = &self.understood.rest;
        let mut classified = classify::again(
            &snapshot,
            self.understood.matter.target.clone(),
            rest.headers.clone(),
            rest.protocol,
        )?;
        classified.dropped.clone_from(&rest.dropped);
        let held = rest.body.clone();
        let mut memory = None;
        let (body, encoding) = match collect::wanted(&classified, bounds)? {
            None => (None, None),
            Some((encoding, limit)) => {
                let raw = held.clone().unwrap_or_default();
                if raw.len() > limit {
                    return Err(refuse(Code::BodyTooLarge));
                }
                if classified.headers.contains_key(CONTENT_ENCODING) {
                    memory = Some(admit::reserve(gateway, &self.asker.agent, limit)?);
                }
                let decoded = decode::decode(&classified.headers, raw, limit)?;
                if let Some(memory) = &mut memory {
                    memory.shrink_to(decoded.len());
                }
                (Some(decoded), Some(encoding))
            }
        };
        let mut memory = memory.or(self.understood.memory.take());
        let collected = admit::growing(gateway, &self.asker.agent, &mut memory, |memory| {
            collect::understand(&mut classified, (body, encoding), bounds, memory)
        })?;
        let (matter, mut rest, connector) = Matter::part(classified, collected);
        rest.body = rest.body.or(held);
        self.understood = Understood {
            snapshot,
            matter,
            rest,
            connector,
            memory,
        };
        Ok(())
    }

    fn cleared(self, consent: Consent) -> Cleared {
        Cleared {
            asker: self.asker,
            understood: self.understood,
            injection: self.injection,
            consent,
            issued: Issued::of(&self.ruling),
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
