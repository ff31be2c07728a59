//! Provides the token that a permitted request carries, where its credential mints one: minted once for all that wait, renewed
//! ahead of its end, and again when the upstream refuses it.
//!
//! INVARIANT: the credential's bytes go only to URLs that it is bound to, and a replaced refresh token is sealed before the new
//! token is used.

mod not_minted;
mod task;
mod under_way;

use std::sync::Arc;

use super::decide::Injection;
use super::record::OpenExchange;
use super::refuse::{Code, RefusedExchange};
use super::{BodyReader, Gateway, Permit};
use crate::connector::Connector;
use crate::model::credential::{MintResult, MintedToken, Refused, SealedCredential, Taken};
use crate::model::value::Value;
use task::MintTask;
pub(super) use under_way::Minting;

/// A token that a permit's request carries, and what it was minted for.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) token: Arc<MintedToken>,
    slot: Box<str>,
}

/// How far the upstream's refusal of a token has led.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Renewal {
    /// It has refused none.
    #[default]
    Unneeded,
    /// The request waits for another token.
    Wanted,
    /// The request goes with another token.
    Done,
}

/// Gives the permit a token where its credential mints one. Everything else passes for one comparison.
///
/// `agent` shows when the agent leaves; `None` where nothing can.
///
/// # Errors
/// `credential_unhealthy` when no token can be minted; what revokes the permit meanwhile, or that the agent has left.
pub(super) async fn provide(
    gateway: &Arc<Gateway>,
    permit: &mut Permit,
    agent: Option<&mut dyn BodyReader>,
) -> Result<(), RefusedExchange> {
    let Injection::Credential(credential) = permit.validity.injection() else {
        return Ok(());
    };
    if !credential.mints() {
        return Ok(());
    }
    let credential = Arc::clone(credential);
    let validity = Arc::clone(&permit.validity);
    // On the heap, as all that few requests need. The flight goes on whatever ends the wait.
    Box::pin(async {
        tokio::select! {
            biased;
            provided = obtain(gateway, permit, credential) => provided,
            refusal = validity.revoked(gateway) => Err(refusal),
            () = left(agent) => Err(validity.refused(Code::AgentLeft)),
        }
    })
    .await
}

/// Returns once the agent has left; never, where nothing shows it.
async fn left(agent: Option<&mut dyn BodyReader>) {
    match agent {
        Some(agent) => agent.left().await,
        None => std::future::pending().await,
    }
}

/// Notes that the upstream refuses the permit's token; returns whether the request goes again with another one. The token is not
/// used again either way.
pub fn note_refused(permit: &mut Permit, open: &OpenExchange, can_repeat: bool) -> bool {
    let (Some(carried), Injection::Credential(credential)) =
        (&permit.carried, permit.validity.injection())
    else {
        return false;
    };
    let now = open.gateway().dependencies.clock.now();
    if permit.renewal != Renewal::Unneeded {
        credential.minted.note_useless(&carried.slot, now);
        return false;
    }
    let then = if can_repeat {
        Refused::Repeats
    } else {
        Refused::Passes
    };
    let (slot, token) = (&carried.slot, &carried.token);
    let refused = credential.minted.refuse(slot, (token, then), now);
    if refused && can_repeat {
        permit.renewal = Renewal::Wanted;
    }
    refused && can_repeat
}

/// Gives the permit another token, where the upstream has refused the one it had. The answer is searched for both.
///
/// # Errors
/// `credential_unhealthy` when no token can be minted.
pub async fn renew(permit: &mut Permit, open: &mut OpenExchange) -> Result<(), RefusedExchange> {
    if permit.renewal != Renewal::Wanted {
        return Ok(());
    }
    permit.renewal = Renewal::Done;
    let gateway = Arc::clone(open.gateway());
    provide(&gateway, permit, None).await?;
    match (open.mask(), &permit.patterns) {
        (Some(mask), Some(patterns)) => mask.search_for(Arc::clone(patterns)),
        (_, patterns) => open.search(patterns.clone()),
    }
    Ok(())
}

async fn obtain(
    gateway: &Arc<Gateway>,
    permit: &mut Permit,
    credential: Arc<SealedCredential>,
) -> Result<(), RefusedExchange> {
    let unhealthy = |permit: &Permit| permit.refused(Code::CredentialUnhealthy);
    let credential = newest(gateway, credential);
    let connector = Arc::clone(&permit.validity.connector);
    let Some(slot) = slot(permit, &connector, &credential) else {
        tracing::error!(request.id = permit.request_id(), credential.id = %credential.id, "no token: the request names several owners");
        return Err(unhealthy(permit));
    };
    match token(gateway, &connector, &credential, &slot).await {
        Ok(token) => {
            permit.carried = Some(Carried { token, slot });
            permit.patterns = gateway.patterns(&permit.outgoing.authority);
            Ok(())
        }
        Err(failure) => {
            tracing::error!(request.id = permit.request_id(), credential.id = %credential.id, %failure, "no token");
            Err(unhealthy(permit))
        }
    }
}

/// Returns the credential as the keyring has it, where secrets that lie elsewhere were read again since the decision. Another row is
/// another credential.
fn newest(gateway: &Gateway, credential: Arc<SealedCredential>) -> Arc<SealedCredential> {
    let now = gateway.dependencies.keyring.get(&credential.id);
    now.filter(|now| **now == *credential).unwrap_or(credential)
}

/// Returns the token of a slot, minted now where there is none that holds.
///
/// # Errors
/// Why none can be minted.
pub(super) async fn token(
    gateway: &Arc<Gateway>,
    connector: &Arc<Connector>,
    credential: &Arc<SealedCredential>,
    slot: &str,
) -> MintResult {
    let start = |flight| {
        let task = MintTask {
            gateway: Arc::clone(gateway),
            credential: Arc::clone(credential),
            connector: Arc::clone(connector),
        };
        // It goes on when the agent leaves: a refresh token may be used up by now.
        let under_way = gateway.minting.begin();
        tokio::spawn(async move {
            task.fly(flight).await;
            drop(under_way);
        });
    };
    loop {
        let now = gateway.dependencies.clock.now();
        match credential.minted.take(slot, now) {
            Taken::Ready(token) => return Ok(token),
            Taken::Due(token, flight) => {
                start(flight);
                return Ok(token);
            }
            Taken::Missing(flight, waiting) => {
                start(flight);
                return waiting.finished().await;
            }
            Taken::Flying(waiting) => return waiting.finished().await,
            // Its token is of the secrets before.
            Taken::Outdated(waiting) => drop(waiting.finished().await),
            Taken::Failed(failure) => return Err(failure),
        }
    }
}

/// Returns what the request names, where tokens differ by it; `None` where its actions do not all name the same. GitHub's names
/// ignore case.
fn slot(permit: &Permit, connector: &Connector, credential: &SealedCredential) -> Option<Box<str>> {
    let scheme = connector.put_on(credential).ok().flatten();
    let Some(parameter) = scheme.and_then(crate::auth::Scheme::mint_slot) else {
        return Some("".into());
    };
    let actions = permit.validity.input.actions.iter();
    let mut named = actions.map(|action| match action.params.get(parameter) {
        Some(Value::Text(text)) => Some(text.to_ascii_lowercase()),
        // An empty text would be the name of none.
        Some(_) => None,
        None => Some(String::new()),
    });
    let first = named.next().unwrap_or_else(|| Some(String::new()))?;
    named
        .all(|other| other.as_ref() == Some(&first))
        .then(|| first.into())
}
