//! Tells whether a permit is still valid under the live state, at once or as soon as it is not.
//!
//! INVARIANT: judging again uses the live state (snapshot, agents, credentials, kill switch), never that of the start.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::Gateway;
use super::admit::{self, Pass};
use super::decide::{Consent, DecisionContext, Injection, ResponseSecrets, decide};
use super::decision_input::DecisionInput;
use super::refuse::{Code, Native, Refusal, RefusedExchange};
use crate::connector::{AnswerPlace, Catalog, Connector, ExchangeOptions};
use crate::journal::StageTimes;
use crate::limit::Share;
use crate::model::agent::Agent;
use crate::telemetry::metrics::Stage;

/// What a permit rests on, for as long as its exchange is open. Cheap to share.
///
/// A request that is under way finishes on the snapshot that it was judged by, so it asks [`PermitValidity::check_admission`] only. One
/// that has no end of its own (a stream, a WebSocket) asks [`PermitValidity::check`] when it moves bytes, or waits on
/// [`PermitValidity::revoked`] beside what it waits for anyway:
///
/// ```text
/// tokio::select! {
///     refusal = validity.revoked(&gateway) => end(refusal),
///     read = socket.read(&mut buffer) => …
/// }
/// ```
#[derive(Debug)]
pub struct PermitValidity {
    pub(super) input: DecisionInput,
    pub(super) pass: Pass,
    pub(super) injection: Injection,
    pub(super) consent: Consent,
    pub(super) response_secrets: ResponseSecrets,
    /// The one that understood the request.
    pub(super) connector: Arc<Connector>,
    pub(super) request_id: Box<str>,
    /// How the client of this API reads errors.
    pub(super) native: Option<Arc<Native>>,
    /// The count of changes that it was first judged by.
    pub(super) permitted_at: u64,
    /// The count of changes at which the permit was last found to hold.
    pub(super) judged_at: AtomicU64,
    /// The count of changes at which the agent was last found to be admitted.
    pub(super) admitted_at: AtomicU64,
    /// What is recorded when the exchange ends.
    pub(super) sending: Sending,
}

/// How a permitted request is sent, noted on the way for its record.
#[derive(Debug, Default)]
pub(super) struct Sending {
    upstream: Mutex<Option<SocketAddr>>,
    /// Microseconds; 0 for a stage that it did not reach.
    forward: AtomicU32,
    inject: AtomicU32,
}

// === impl Sending ===

impl Sending {
    /// Notes how long `forward` or `inject` took.
    pub(super) fn note(&self, stage: Stage, took: Duration) {
        let noted = match stage {
            Stage::Forward => &self.forward,
            Stage::Inject => &self.inject,
            _ => return,
        };
        noted.store(micros(took).max(1), Ordering::Relaxed);
    }

    /// Returns the address that was tried last, and the times of the stages.
    pub(super) fn noted(&self) -> (Option<SocketAddr>, StageTimes) {
        let time = |noted: &AtomicU32| Some(noted.load(Ordering::Relaxed)).filter(|time| *time > 0);
        let times = StageTimes {
            forward: time(&self.forward),
            inject: time(&self.inject),
            ..StageTimes::default()
        };
        (*self.upstream.lock(), times)
    }
}

/// Returns whole microseconds, at most `u32::MAX`.
pub(super) fn micros(took: Duration) -> u32 {
    u32::try_from(took.as_micros()).unwrap_or(u32::MAX)
}

// === impl PermitValidity ===

impl PermitValidity {
    /// Notes which address of the upstream is tried, for the record.
    pub fn note_upstream(&self, address: SocketAddr) {
        *self.sending.upstream.lock() = Some(address);
    }

    /// Judges again if anything has changed since it was last judged; else it is one atomic load.
    ///
    /// A stream keeps the actions that it was understood as: what has been sent cannot be read again. They are judged by the
    /// policies, agents and credentials in effect now, and the connector must still cover the target.
    ///
    /// # Errors
    /// Why it may not go on: the agent or the credential is gone, the kill switch holds it back, a policy or permission denies it,
    /// or no connector covers it.
    pub fn check(&self, gateway: &Gateway) -> Result<(), RefusedExchange> {
        self.reevaluate(gateway, &self.judged_at, || {
            let agent = self.admit_again(gateway)?;
            self.judge(gateway, &agent)
        })
    }

    /// Looks the agent and the kill switch up again if anything has changed since; else it is one atomic load.
    ///
    /// # Errors
    /// The agent is gone, or the kill switch holds it or the connector back.
    pub fn check_admission(&self, gateway: &Gateway) -> Result<(), RefusedExchange> {
        self.reevaluate(gateway, &self.admitted_at, || {
            self.admit_again(gateway).map(drop)
        })
    }

    /// Looks the agent and the kill switch up again although nothing may have changed: a token runs out without a change.
    ///
    /// # Errors
    /// As [`PermitValidity::check_admission`].
    pub fn readmit(&self, gateway: &Gateway) -> Result<(), RefusedExchange> {
        let admitted = self.admit_again(gateway).map(drop);
        admitted.map_err(|refusal| self.refused(refusal))
    }

    /// Returns the token that the agent has asked with.
    #[must_use]
    pub fn pass(&self) -> Pass {
        self.pass
    }

    /// Waits until the permit does not hold any more and returns why. Costs nothing while nothing changes; safe to drop and to call again.
    pub async fn revoked(&self, gateway: &Gateway) -> RefusedExchange {
        loop {
            if let Err(refusal) = self.check(gateway) {
                return refusal;
            }
            let judged_at = self.judged_at.load(Ordering::Acquire);
            tokio::select! {
                () = gateway.dependencies.changes.after(judged_at) => {}
                // An expired token is not a change that is told.
                () = admit::expiry(gateway, self.pass) => {
                    if let Err(refusal) = self.admit_again(gateway) {
                        return self.refused(refusal);
                    }
                }
            }
        }
    }

    /// Reserves memory of the agent's for its exchange.
    ///
    /// # Errors
    /// When the agent, or all together, have used theirs up; or the agent may not ask any more.
    pub fn reserve(&self, gateway: &Gateway, bytes: usize) -> Result<Share, RefusedExchange> {
        let agent = self.admit_again(gateway);
        agent
            .and_then(|agent| admit::reserve(gateway, &agent, bytes))
            .map_err(|refusal| self.refused(refusal))
    }

    /// Waits until the agent may not ask any more, whatever becomes of its policies, and returns why.
    ///
    /// As [`PermitValidity::revoked`], for a request that finishes on the snapshot that it was judged by.
    pub async fn barred(&self, gateway: &Gateway) -> RefusedExchange {
        let refusal = admit::barred(gateway, self.pass, self.connector.id()).await;
        self.refused(refusal)
    }

    /// Joins a refusal with this exchange.
    #[must_use]
    pub fn refused(&self, refusal: impl Into<Refusal>) -> RefusedExchange {
        RefusedExchange {
            refusal: refusal.into(),
            request_id: self.request_id.clone(),
            action: self.input.action(),
            native: self.native.clone(),
        }
    }

    /// Returns the connector that understood the request.
    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Returns the exchange's id.
    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Returns what becomes of a credential that the answer holds.
    #[must_use]
    pub fn response_secrets(&self) -> ResponseSecrets {
        self.response_secrets
    }

    /// Returns how long the answer may take to begin, where the connector says so.
    #[must_use]
    pub fn first_byte(&self) -> Option<Duration> {
        self.input.options.first_byte
    }

    /// Returns what the connector says of the whole exchange.
    pub(super) fn options(&self) -> &ExchangeOptions {
        &self.input.options
    }

    /// Returns where the answer holds credentials.
    pub(super) fn places(&self) -> &[AnswerPlace] {
        &self.input.options.response_secrets
    }

    /// Returns the credential and how it goes out.
    pub(super) fn injection(&self) -> &Injection {
        &self.injection
    }

    /// Runs a check unless nothing has changed since it last passed.
    fn reevaluate(
        &self,
        gateway: &Gateway,
        passed_at: &AtomicU64,
        check: impl FnOnce() -> Result<(), Refusal>,
    ) -> Result<(), RefusedExchange> {
        let now = gateway.dependencies.changes.count();
        if passed_at.load(Ordering::Acquire) == now {
            return Ok(());
        }
        check().map_err(|refusal| self.refused(refusal))?;
        passed_at.store(now, Ordering::Release);
        Ok(())
    }

    fn admit_again(&self, gateway: &Gateway) -> Result<Arc<Agent>, Refusal> {
        admit::check(gateway, self.pass, self.connector.id())
    }

    /// Returns whose the target is now, as what it was understood as: a tunnel that is passed through, or a request that is read.
    fn covering(&self, catalog: &Catalog) -> Option<Arc<Connector>> {
        let target = &self.input.target;
        if self.input.is_tls_passthrough() {
            let (connector, _) = catalog.tls_passthrough(&target.authority)?;
            return Some(connector);
        }
        let place = catalog.locate(&target.authority, &target.path)?;
        (!place.is_passed_through()).then_some(place.connector)
    }

    fn judge(&self, gateway: &Gateway, agent: &Agent) -> Result<(), Refusal> {
        let dependencies = &gateway.dependencies;
        let snapshot = dependencies.current.snapshot();
        let connector = self
            .covering(snapshot.catalog())
            .filter(|connector| connector.id() == self.connector.id())
            .ok_or(Code::NoConnector)?;
        let context = DecisionContext {
            agent,
            keyring: &dependencies.keyring,
            now: dependencies.clock.now(),
        };
        let (ruling, clearance) = decide(&snapshot, &connector, context, &self.input);
        let injection = clearance.granted(self.consent)?;
        // What passes as it comes cannot be masked any more.
        if self.response_secrets == ResponseSecrets::Passes
            && ResponseSecrets::of(&ruling) == ResponseSecrets::Masked
        {
            return Err(Code::ResponseSecret.into());
        }
        // Another credential than the one that went out would be another request.
        if injection.is_as(&self.injection) {
            Ok(())
        } else {
            Err(Code::NoCredential.into())
        }
    }
}
