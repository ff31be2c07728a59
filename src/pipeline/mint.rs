//! Provides the token that a permitted request carries, where its credential mints one: minted once for all that wait, renewed
//! ahead of its end, and again when the upstream refuses it.
//!
//! INVARIANT: the credential's bytes go only to URLs that it is bound to, and a replaced refresh token is sealed before the new
//! token is used.

mod not_minted;

use std::sync::Arc;

use super::decide::Injection;
use super::record::OpenExchange;
use super::refuse::{Code, RefusedExchange};
use super::{Gateway, Permit};
use crate::auth::{MintInput, MintStep, Minted, TokenAnswer, TokenRequest};
use crate::connector::Connector;
use crate::model::credential::{
    Binding, Flight, MintFailure, MintResult, MintedToken, SealedCredential, Taken,
};
use crate::model::value::Value;
use crate::outbound::OutboundRequest;
use crate::telemetry::metrics::Health;
use not_minted::NotMinted;

/// Most requests that one token takes: GitHub's installations need three.
const MAX_STEPS: usize = 4;

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

/// A flight with what it needs.
struct MintTask {
    gateway: Arc<Gateway>,
    credential: Arc<SealedCredential>,
    connector: Arc<Connector>,
}

/// Gives the permit a token where its credential mints one. Everything else passes for one comparison.
///
/// # Errors
/// `credential_unhealthy` when no token can be minted.
pub(super) async fn provide(
    gateway: &Arc<Gateway>,
    permit: &mut Permit,
) -> Result<(), RefusedExchange> {
    let Injection::Credential(credential) = permit.validity.injection() else {
        return Ok(());
    };
    if !credential.mints() {
        return Ok(());
    }
    let credential = Arc::clone(credential);
    Box::pin(obtain(gateway, permit, credential)).await
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
    let refused = credential.minted.refuse(&carried.slot, &carried.token, now);
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
    provide(&gateway, permit).await?;
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
        tokio::spawn(task.fly(flight));
    };
    let now = gateway.dependencies.clock.now();
    match credential.minted.take(slot, now) {
        Taken::Ready(token) => Ok(token),
        Taken::Due(token, flight) => {
            start(flight);
            Ok(token)
        }
        Taken::Missing(flight, waiting) => {
            start(flight);
            waiting.finished().await
        }
        Taken::Flying(waiting) => waiting.finished().await,
        Taken::Failed(failure) => Err(failure),
    }
}

/// Returns what the request names, where tokens differ by it; `None` where it names several. GitHub's names ignore case.
fn slot(permit: &Permit, connector: &Connector, credential: &SealedCredential) -> Option<Box<str>> {
    let scheme = connector.put_on(credential).ok().flatten();
    let Some(parameter) = scheme.and_then(crate::auth::Scheme::mint_slot) else {
        return Some("".into());
    };
    let actions = permit.validity.input.actions.iter();
    let mut named = actions.filter_map(|action| match action.params.get(parameter) {
        Some(Value::Text(text)) => Some(text.to_ascii_lowercase()),
        _ => None,
    });
    let first = named.next().unwrap_or_default();
    named.all(|other| other == first).then(|| first.into())
}

impl MintTask {
    async fn fly(self, flight: Flight) {
        let dependencies = &self.gateway.dependencies;
        let id = &self.credential.id;
        let minted = self.mint(&flight).await;
        let health = match &minted {
            Ok(_) => {
                tracing::info!(credential.id = %id, "token minted");
                Health::Healthy
            }
            Err(error) => {
                tracing::error!(credential.id = %id, %error, "token not minted");
                Health::Unhealthy
            }
        };
        dependencies.metrics.credential(id.as_str(), health);
        let minted = minted.map_err(|error| MintFailure::new(&error.to_string()));
        let now = dependencies.clock.now();
        self.credential.minted.finish(flight, minted, now);
    }

    async fn mint(&self, flight: &Flight) -> Result<MintedToken, NotMinted> {
        let Self {
            gateway,
            credential,
            connector,
        } = self;
        let dependencies = &gateway.dependencies;
        let added = dependencies.opener.open(credential)?;
        let rotated = match credential.minted.rotated() {
            Some(rotated) => rotated,
            None => {
                let rotated = dependencies.rotated.read(credential, &added).await?;
                credential.minted.note_rotated(rotated.clone());
                rotated
            }
        };
        let mut fields = added.clone();
        fields.extend(rotated);
        let scheme = connector.put_on(credential)?.ok_or(NotMinted::Nothing)?;
        let nonce = rand::random();
        let input = || MintInput {
            fields: &fields,
            slot: flight.slot(),
            now: dependencies.clock.now(),
            nonce,
        };
        let mut step = scheme.mint(input())?.ok_or(NotMinted::Nothing)?;
        for _ in 0..MAX_STEPS {
            step = match step {
                MintStep::Ask(request, stage) => {
                    let answer = self.ask(request).await?;
                    scheme.mint_next(input(), &stage, &answer)?
                }
                MintStep::Minted(Minted { token, rotated }) => {
                    if !rotated.is_empty() {
                        // In memory first: the old one may be used up, whatever the store says.
                        credential.minted.note_rotated(rotated.clone());
                        dependencies
                            .rotated
                            .keep(credential, &added, &rotated)
                            .await?;
                    }
                    return Ok(token);
                }
            };
        }
        match step {
            MintStep::Minted(minted) if minted.rotated.is_empty() => Ok(minted.token),
            _ => Err(NotMinted::TooManySteps),
        }
    }

    async fn ask(&self, request: TokenRequest) -> Result<TokenAnswer, NotMinted> {
        let TokenRequest {
            method,
            url,
            headers,
            body,
        } = request;
        if !is_bound(&self.credential.binding, &url) {
            return Err(NotMinted::NotBound(url));
        }
        let request = OutboundRequest {
            method,
            url: url.parse()?,
            headers,
            body,
        };
        let dependencies = &self.gateway.dependencies;
        let answer = dependencies.outbound.send(&dependencies.egress, request);
        let answer = answer.await?;
        Ok(TokenAnswer {
            status: answer.status,
            headers: answer.headers,
            body: answer.body,
        })
    }
}

/// Returns whether a credential's bytes may go to a URL; a bound one that ends in `/` stands for all below it.
fn is_bound(binding: &Binding, url: &str) -> bool {
    let urls = &mut binding.urls.iter();
    urls.any(|bound| url == bound || bound.ends_with('/') && url.starts_with(bound.as_str()))
}
