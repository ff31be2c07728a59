//! Leases a token for one child: renewed while the child lives, removed when it ends, expired a minute after `run` was killed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::cli::Context;
use crate::cli::agent::unknown;
use crate::cli::change::{Note, recorded};
use crate::cli::failure::Failure;
use crate::cli::workspace::Workspace;
use crate::model::agent::AgentName;
use crate::model::clock::Clock;
use crate::roster::{Token, TokenHash, TokenKind};
use crate::store::{Store, StoreError, StoredAgent, StoredToken};

/// How long a token outlives its last renewal, in seconds.
const TERM: i64 = 60;

/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(20);

/// A token in the store that ends with its holder.
#[derive(Debug)]
pub(super) struct Lease {
    store: Store,
    /// The same store, where the token's beginning and its end are recorded.
    adding: Store,
    ending: Store,
    hash: [u8; 32],
    agent: String,
    clock: Clock,
}

impl Lease {
    /// Adds a token to an agent; the token's text comes beside the lease.
    pub(super) async fn take(
        context: &Context,
        workspace: &Workspace,
        store: &Store,
        agent: &AgentName,
    ) -> Result<(Self, Token), Failure> {
        let clock = &context.process.clock;
        let token = Token::generate(TokenKind::Agent, &mut rand::rng());
        let TokenHash(hash) = token.hash();
        let stored = StoredToken {
            hash,
            expires_at: Some(end(clock.now())),
            created_at: Some(context.process.clock.stamp()),
            ..StoredToken::default()
        };
        let name = format!("{agent} {}", stored.id());
        let note = |what| {
            let note = Note {
                what,
                subject: &name,
                agent: agent.as_str(),
                via: "run",
            };
            recorded(context, store, note)
        };
        let adding = note("agent.token.add");
        give(&adding, workspace, (agent, &stored), context).await?;
        let lease = Self {
            store: store.clone(),
            adding,
            ending: note("agent.token.revoke"),
            hash,
            agent: agent.to_string(),
            clock: clock.clone(),
        };
        Ok((lease, token))
    }

    /// Renews for ever. A token that is gone was removed by an operator, or expired while the machine slept. Only an
    /// expired one is added again, and only while the agent exists.
    pub(super) fn keep(&self) -> impl Future<Output = ()> + use<> {
        let (store, adding, hash, agent, clock) = (
            self.store.clone(),
            self.adding.clone(),
            self.hash,
            self.agent.clone(),
            self.clock.clone(),
        );
        async move {
            let mut expires = end(clock.now());
            loop {
                tokio::time::sleep(RENEWAL).await;
                let now = clock.now();
                let slept = seconds(now) >= expires;
                let renewed = store.renew_token(&hash, end(now), now).await;
                match renewed {
                    Ok(()) => expires = end(now),
                    Err(StoreError::NotFound { .. }) if slept => {
                        let token = StoredToken {
                            hash,
                            expires_at: Some(end(now)),
                            ..StoredToken::default()
                        };
                        if adding.add_token(&agent, &token, now).await.is_ok() {
                            expires = end(now);
                        }
                    }
                    // Busy or gone for now: two more tries fit into the term.
                    Err(_) => {}
                }
            }
        }
    }

    /// Removes the token; one that cannot be removed ends by itself.
    pub(super) async fn end(self) {
        let _ = self.ending.remove_token(&self.hash).await;
    }
}

/// Adds the token to its agent. One that the configuration declares gets a row in the store for it; its labels stay those declared.
async fn give(
    adding: &Store,
    workspace: &Workspace,
    (name, token): (&AgentName, &StoredToken),
    context: &Context,
) -> Result<(), Failure> {
    let now = context.process.clock.now();
    let mut added = adding.add_token(name.as_str(), token, now).await;
    let mut declared = workspace.declared_agents();
    let declared = declared.find(|agent| agent.name == *name);
    if let (Err(StoreError::NotFound { .. }), Some(declared)) = (&added, declared) {
        let row = StoredAgent {
            name: name.to_string(),
            labels: declared.labels.clone(),
            tokens: vec![token.clone()],
            created_at: context.process.clock.stamp(),
        };
        added = match adding.add_agent(&row).await {
            // Another `run` was faster.
            Err(StoreError::Exists { .. }) => adding.add_token(name.as_str(), token, now).await,
            done => done,
        };
    }
    added.map_err(|error| match error {
        StoreError::NotFound { .. } => unknown(name),
        other => Failure::from(other),
    })
}

fn end(now: SystemTime) -> i64 {
    seconds(now).saturating_add(TERM)
}

fn seconds(now: SystemTime) -> i64 {
    now.duration_since(UNIX_EPOCH).map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
