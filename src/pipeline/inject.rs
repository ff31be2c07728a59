//! Puts the credential on a permitted request. Repeatable on a fresh copy.
//!
//! INVARIANT: a credential is put on only with a permit that still stands, only over TLS, only where its binding says.

use std::time::Instant;

use super::decide::Injection;
use super::refuse::{Code, RefusedExchange};
use super::{Gateway, Outgoing, Permit, staged};
use crate::auth::{self, ApplyError};
use crate::connector::Unbound;
use crate::model::credential::SealedCredential;
use crate::telemetry::metrics::Stage;
use crate::vault::{self, OpenError};

/// Why a credential is not put on; for the log, never for the agent.
#[derive(Debug, thiserror::Error)]
enum NotInjected {
    #[error("the request does not go over TLS")]
    Plaintext,
    #[error("the credential is not bound to where the request goes")]
    Unbound,
    #[error(transparent)]
    Sealed(#[from] OpenError),
    #[error(transparent)]
    Moved(#[from] Unbound),
    #[error(transparent)]
    Unwritable(#[from] ApplyError),
}

/// Puts the credential on, if the permit carries one and still stands: journal, names and connections may have taken a while.
///
/// # Errors
/// What voids the permit; `credential_unhealthy` when the vault does not open it, or it cannot be written into the request.
pub fn inject(
    gateway: &Gateway,
    permit: &Permit,
    outgoing: &mut Outgoing,
) -> Result<(), RefusedExchange> {
    permit.validity.check(gateway)?;
    let credential = match permit.validity.injection() {
        Injection::Credential(credential) | Injection::AgentOwned(credential) => credential,
        Injection::Bare => return Ok(()),
    };
    let started = Instant::now();
    let applied = apply(gateway, permit, credential, outgoing);
    staged(gateway, Stage::Inject, started);
    applied.map_err(|error| {
        tracing::error!(request.id = permit.request_id(), credential.id = %credential.id, %error, "credential not injected");
        permit.refused(Code::CredentialUnhealthy)
    })
}

fn apply(
    gateway: &Gateway,
    permit: &Permit,
    credential: &SealedCredential,
    outgoing: &mut Outgoing,
) -> Result<(), NotInjected> {
    if !outgoing.tls {
        return Err(NotInjected::Plaintext);
    }
    // The agent may have lost it, or the operator bound it elsewhere, since the decision.
    if !vault::binds(
        credential,
        &outgoing.authority,
        &outgoing.path,
        &permit.agent.name,
    ) {
        return Err(NotInjected::Unbound);
    }
    let fields = gateway.dependencies.opener.open(credential)?;
    // Opening it has shown that its row is as it was sealed, so this is where it was bound to be put.
    let scheme = permit.validity.connector().put_on(credential);
    let Some(scheme) = scheme? else {
        // The agent's own: there is nothing to put on.
        return Ok(());
    };
    let mut place = auth::Outgoing {
        headers: &mut outgoing.headers,
        query: &mut outgoing.query,
    };
    scheme.apply(&fields, &mut place)?;
    Ok(())
}
