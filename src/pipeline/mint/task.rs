//! Mints one token: sends what the scheme asks for, and seals what comes in place of fields before it is spent.
//!
//! INVARIANT: the credential's bytes go only to URLs that it is bound to.

use std::sync::Arc;

use super::not_minted::NotMinted;
use crate::auth::{Fields, MintInput, MintStep, Minted, TokenAnswer, TokenRequest};
use crate::connector::Connector;
use crate::model::credential::{
    Binding, Flight, MintFailure, MintedToken, ReplacedFields, SealedCredential,
};
use crate::outbound::OutboundRequest;
use crate::pipeline::Gateway;
use crate::telemetry::metrics::Health;

/// Most requests that one token takes: GitHub's installations need three.
const MAX_STEPS: usize = 4;

/// A flight with what it needs.
pub(super) struct MintTask {
    pub(super) gateway: Arc<Gateway>,
    pub(super) credential: Arc<SealedCredential>,
    pub(super) connector: Arc<Connector>,
}

impl MintTask {
    pub(super) async fn fly(self, flight: Flight) {
        let dependencies = &self.gateway.dependencies;
        let id = &self.credential.id;
        let minted = self.mint(&flight).await;
        let health = match &minted {
            Ok(_) => {
                tracing::info!(credential.id = %id, "token minted");
                Some(Health::Healthy)
            }
            Err(error) => {
                tracing::error!(credential.id = %id, %error, "token not minted");
                // Agents choose the slot, so what only concerns it says nothing of the credential.
                (!error.is_of_slot(flight.slot())).then_some(Health::Unhealthy)
            }
        };
        if let Some(health) = health {
            dependencies.metrics.credential(id.as_str(), health);
        }
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
        let replaced = self.replaced(&added).await?;
        let mut fields = added.clone();
        fields.extend(replaced.clone());
        let scheme = connector.put_on(credential)?.ok_or(NotMinted::Nothing)?;
        let nonce = rand::random();
        let input = || MintInput {
            fields: &fields,
            slot: flight.slot(),
            now: dependencies.clock.now(),
            nonce,
        };
        let mut step = scheme.mint(input())?.ok_or(NotMinted::Nothing)?;
        for _ in 0..=MAX_STEPS {
            step = match step {
                MintStep::Ask(request, stage) => {
                    let answer = self.ask(request).await?;
                    scheme.mint_next(input(), &stage, &answer)?
                }
                MintStep::Minted(Minted { token, rotated }) => {
                    if !rotated.is_empty() {
                        let mut fields = replaced;
                        fields.extend(rotated);
                        self.seal(&added, fields).await?;
                    }
                    return Ok(token);
                }
            };
        }
        Err(NotMinted::TooManySteps)
    }

    /// Returns the fields that the token endpoint has replaced. Those that could not be sealed when they came are sealed now, before
    /// they are spent: once they are, only the sealed ones would be left after a restart.
    async fn replaced(&self, added: &Fields) -> Result<Fields, NotMinted> {
        let minted = &self.credential.minted;
        match minted.replaced() {
            Some(replaced) if replaced.is_sealed => Ok(replaced.fields),
            Some(replaced) => {
                self.seal(added, replaced.fields.clone()).await?;
                Ok(replaced.fields)
            }
            None => {
                let rotated = &self.gateway.dependencies.rotated;
                let fields = rotated.read(&self.credential, added).await?;
                minted.note_replaced(ReplacedFields {
                    fields: fields.clone(),
                    is_sealed: true,
                });
                Ok(fields)
            }
        }
    }

    /// Seals replaced fields. They are kept in memory first: those before are used up, whatever the store says.
    async fn seal(&self, added: &Fields, fields: Fields) -> Result<(), NotMinted> {
        let minted = &self.credential.minted;
        let note = |is_sealed| {
            minted.note_replaced(ReplacedFields {
                fields: fields.clone(),
                is_sealed,
            });
        };
        note(false);
        let rotated = &self.gateway.dependencies.rotated;
        rotated.keep(&self.credential, added, &fields).await?;
        note(true);
        Ok(())
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
