//! The one form of a request between `collect` and its permit: who asks, what was understood, and what was decided of it.
//!
//! INVARIANT: only what was judged in here becomes a permit, and only with the consent that its ruling asks for.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::admit::{self, Admission};
use super::collect::Collected;
use super::decide::{self, Clearance, Consent, DecisionContext, ResponseSecrets};
use super::permit_validity::PermitValidity;
use super::refuse::{Native, Refusal};
use super::{Gateway, Permit, client_credential, headers, outgoing};
use crate::connector::Passes;
use crate::limit::Share;
use crate::policy::Ruling;
use crate::snapshot::Snapshot;

/// A request that was judged on what was in force at one moment.
pub(crate) struct JudgedRequest {
    pub(crate) admission: Admission,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) request: Collected,
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
        (request, memory): (Collected, Option<Share>),
    ) -> Self {
        let (ruling, clearance) = evaluate(gateway, &admission, &snapshot, &request);
        Self {
            admission,
            snapshot,
            request,
            memory,
            ruling,
            clearance,
            consent: Consent::NotNeeded,
        }
    }

    /// Judges the request as it is now understood, for the agent as it is now admitted.
    pub(crate) fn reevaluate(&mut self, gateway: &Gateway) {
        let evaluated = evaluate(gateway, &self.admission, &self.snapshot, &self.request);
        (self.ruling, self.clearance) = evaluated;
        self.consent = Consent::NotNeeded;
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
            judged_at: AtomicU64::new(changes),
            admitted_at: AtomicU64::new(changes),
        };
        Ok(Permit {
            outgoing,
            validity: Arc::new(validity),
            agent,
            _memory: [self.memory, answer],
            _stream: stream,
        })
    }
}

/// Decides, and looks at what only matters once it is known what would go out.
fn evaluate(
    gateway: &Gateway,
    admission: &Admission,
    snapshot: &Snapshot,
    request: &Collected,
) -> (Ruling, Clearance) {
    let context = DecisionContext {
        agent: &admission.agent,
        keyring: &gateway.dependencies.keyring,
        now: gateway.dependencies.clock.now(),
    };
    let (ruling, clearance) = decide::decide(snapshot, &request.connector, context, &request.input);
    let carried = clearance
        .injection()
        .and_then(|injection| client_credential::check(request, injection).err());
    match carried {
        None => (ruling, clearance),
        Some(refusal) => (ruling, Clearance::Refused(refusal)),
    }
}
