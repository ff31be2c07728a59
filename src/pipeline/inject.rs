//! Puts the credential on a permitted request. Repeatable on a fresh copy.
//!
//! INVARIANT: a credential is put on only with a permit that still stands, only over TLS, only where its binding says.

use std::time::Instant;

use super::decide::Injection;
use super::refuse::{Code, Refusal};
use super::{Gateway, Outgoing, Permit, staged};
use crate::auth;
use crate::model::credential::SealedCredential;
use crate::telemetry::metrics::Stage;
use crate::vault;

/// Puts the credential on, if the permit carries one and still stands: journal, names and connections may have taken a while.
///
/// # Errors
/// What voids the permit; `credential_unhealthy` when the vault does not open it, or it cannot be written into the request.
pub fn inject(gateway: &Gateway, permit: &Permit, outgoing: &mut Outgoing) -> Result<(), Refusal> {
    permit.validity.check(gateway)?;
    let credential = match permit.validity.injection() {
        Injection::Credential(credential) | Injection::AgentOwned(credential) => credential,
        Injection::Bare => return Ok(()),
    };
    let started = Instant::now();
    let applied = apply(gateway, permit, credential, outgoing);
    staged(gateway, Stage::Inject, started);
    applied.map_err(|reason| {
        tracing::error!(request.id = permit.request_id(), credential.id = %credential.id, reason, "credential not injected");
        permit.dress(Refusal {
            action: permit.validity.action(),
            ..Refusal::new(Code::CredentialUnhealthy, permit.request_id())
        })
    })
}

fn apply(
    gateway: &Gateway,
    permit: &Permit,
    credential: &SealedCredential,
    outgoing: &mut Outgoing,
) -> Result<(), String> {
    if !outgoing.tls {
        return Err("the request does not go over TLS".to_owned());
    }
    // The agent may have lost it, or the operator bound it elsewhere, since the decision.
    if !vault::binds(
        credential,
        &outgoing.authority,
        &outgoing.path,
        &permit.agent.name,
    ) {
        return Err("the credential is not bound to where the request goes".to_owned());
    }
    let fields = gateway
        .dependencies
        .opener
        .open(credential)
        .map_err(|error| error.to_string())?;
    // Opening it has shown that its row is as it was sealed, so this is where it was bound to be put.
    let scheme = permit.validity.connector().put_on(credential);
    let Some(scheme) = scheme.map_err(|unbound| unbound.to_string())? else {
        // The agent's own: there is nothing to put on.
        return Ok(());
    };
    let mut place = auth::Outgoing {
        headers: &mut outgoing.headers,
        query: &mut outgoing.query,
    };
    scheme
        .apply(&fields, &mut place)
        .map_err(|error| error.to_string())
}
