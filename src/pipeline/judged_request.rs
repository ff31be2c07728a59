//! Defines the one form of a request between `collect` and its permit: who asks, what was understood, and what was decided of it.
//!
//! INVARIANT: only what was judged in here becomes a permit, and only with the consent that its ruling asks for.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::admit::{self, Admission};
use super::collect::Collected;
use super::decide::{self, Clearance, Consent, DecisionContext, Injection, ResponseSecrets};
use super::mint::Renewal;
use super::permit_validity::{PermitValidity, Sending};
use super::placeholders::Presented;
use super::refuse::{Native, Refusal};
use super::{Gateway, Permit, client_credential, headers, outgoing};
use crate::connector::Passes;
use crate::limit::Share;
use crate::policy::Ruling;
use crate::snapshot::Snapshot;

/// A request that was judged by what was in effect at one moment.
pub(crate) struct JudgedRequest {
    pub(crate) admission: Admission,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) request: Collected,
    /// The agent's placeholders in it.
    pub(crate) presented: Presented,
    /// What the body takes of the memory that all bodies share.
    pub(crate) memory: Option<Share>,
    pub(crate) ruling: Ruling,
    pub(crate) clearance: Clearance,
    pub(crate) consent: Consent,
}

impl JudgedRequest {
    /// Judges a request that has been understood.
    pub(crate) fn new(
        gateway: &Gateway,
        admission: Admission,
        snapshot: Arc<Snapshot>,
        (mut request, memory): (Collected, Option<Share>),
    ) -> Self {
        let presented = presented(gateway, &admission, &mut request);
        let (ruling, clearance) = evaluate(gateway, &admission, &snapshot, (&request, &presented));
        Self {
            admission,
            snapshot,
            request,
            presented,
            memory,
            ruling,
            clearance,
            consent: Consent::NotNeeded,
        }
    }

    /// Judges the request as it is now understood, for the agent as it is now admitted.
    pub(crate) fn reevaluate(&mut self, gateway: &Gateway) {
        self.presented = presented(gateway, &self.admission, &mut self.request);
        let request = (&self.request, &self.presented);
        let evaluated = evaluate(gateway, &self.admission, &self.snapshot, request);
        (self.ruling, self.clearance) = evaluated;
        self.consent = Consent::NotNeeded;
    }

    /// Searches the request for placeholders again, now that its body was read.
    ///
    /// # Errors
    /// `placeholder_leak`
    pub(super) fn search_body(&mut self, gateway: &Gateway) -> Result<(), Refusal> {
        self.presented = presented(gateway, &self.admission, &mut self.request);
        let around = (&*self.snapshot, &*gateway.dependencies.keyring);
        match self.clearance.injection() {
            Some(injection) => self
                .presented
                .check(&self.request.connector, injection, around),
            None => Ok(()),
        }
    }

    /// Returns whether the credential is a signature over a body that nothing else reads.
    pub(super) fn signs_body(&self) -> bool {
        let Some(Injection::Credential(credential)) = self.clearance.injection() else {
            return false;
        };
        let Collected {
            payload, connector, ..
        } = &self.request;
        let scheme = connector.put_on(credential).ok().flatten();
        scheme.is_some_and(|scheme| scheme.signs_body(&payload.headers))
    }

    /// Makes the permit. Memory for an answer that will be masked is reserved before anything is sent.
    ///
    /// # Errors
    /// Why the request may not go; `busy` where there is no memory for its answer.
    pub(crate) fn permit(
        self,
        gateway: &Gateway,
        request_id: &str,
        native: Option<Arc<Native>>,
    ) -> Result<Permit, Refusal> {
        let injection = self.clearance.granted(self.consent)?;
        let Collected {
            input,
            mut payload,
            connector,
        } = self.request;
        let Admission {
            agent,
            pass,
            changes,
            stream,
        } = self.admission;
        let response_secrets = ResponseSecrets::of(&self.ruling);
        let answer = match response_secrets {
            ResponseSecrets::Passes => None,
            ResponseSecrets::Masked => {
                headers::keep_answer_readable(&mut payload.headers, Passes::default());
                // As it comes, and decoded.
                let room = gateway.dependencies.bounds.body.saturating_mul(2);
                Some(admit::reserve(gateway, &agent, room)?)
            }
        };
        let patterns = gateway.patterns(&input.target.authority);
        if patterns.is_some() {
            headers::keep_answer_readable(&mut payload.headers, payload.passes);
        }
        let outgoing = outgoing::build(&input.target, payload, &connector, &injection);
        let validity = PermitValidity {
            input,
            pass,
            injection,
            consent: self.consent,
            response_secrets,
            connector,
            request_id: request_id.into(),
            native,
            permitted_at: changes,
            judged_at: AtomicU64::new(changes),
            admitted_at: AtomicU64::new(changes),
            sending: Sending::default(),
        };
        Ok(Permit {
            outgoing,
            validity: Arc::new(validity),
            agent,
            patterns,
            carried: None,
            renewal: Renewal::default(),
            _memory: [self.memory, answer],
            _stream: stream,
        })
    }
}

/// Finds the agent's placeholders in a request, and notes the credential that it asks for by one.
fn presented(gateway: &Gateway, admission: &Admission, request: &mut Collected) -> Presented {
    let held = gateway.placeholders(&admission.agent.name);
    let presented = held.map(|held| held.presented(request)).unwrap_or_default();
    request.input.presented = presented.credential().cloned();
    presented
}

/// Decides, and looks at what only matters once it is known what would go out.
fn evaluate(
    gateway: &Gateway,
    admission: &Admission,
    snapshot: &Snapshot,
    (request, held): (&Collected, &Presented),
) -> (Ruling, Clearance) {
    let context = DecisionContext {
        agent: &admission.agent,
        keyring: &gateway.dependencies.keyring,
        now: gateway.dependencies.clock.now(),
    };
    let (ruling, clearance) = decide::decide(snapshot, &request.connector, context, &request.input);
    let carried = clearance.injection().and_then(|injection| {
        let own = client_credential::check(request, injection);
        let around = (snapshot, &*gateway.dependencies.keyring);
        own.and_then(|()| held.check(&request.connector, injection, around))
            .err()
    });
    match carried {
        None => (ruling, clearance),
        Some(refusal) => (ruling, Clearance::Refused(refusal)),
    }
}
