//! Leases a token for one child: renewed while the child lives, removed when it ends, void a minute after `run` was killed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::cli::Context;
use crate::cli::agent::give_token;
use crate::cli::failure::Failure;
use crate::cli::workspace::Workspace;
use crate::model::agent::AgentName;
use crate::model::clock::Clock;
use crate::roster::{Token, TokenHash, TokenKind};
use crate::store::{Store, StoreError, StoredToken};

/// How long a token outlives its last renewal, in seconds.
const TERM: i64 = 60;

/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(20);

/// A token in the store that ends with its holder.
#[derive(Debug)]
pub(super) struct Lease {
    store: Store,
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
        };
        give_token(context, workspace, store, (agent, &stored)).await?;
        let lease = Self {
            store: store.clone(),
            hash,
            agent: agent.to_string(),
            clock: clock.clone(),
        };
        Ok((lease, token))
    }

    /// Renews for ever. A token that is gone was removed by an operator, or expired while the machine slept: only the second
    /// is mended, by adding it again, and only while the agent exists.
    pub(super) fn keep(&self) -> impl Future<Output = ()> + use<> {
        let (store, hash, agent, clock) = (
            self.store.clone(),
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
                        };
                        if store.add_token(&agent, &token, now).await.is_ok() {
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
        let _ = self.store.remove_token(&self.hash).await;
    }
}

fn end(now: SystemTime) -> i64 {
    seconds(now).saturating_add(TERM)
}

fn seconds(now: SystemTime) -> i64 {
    now.duration_since(UNIX_EPOCH).map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
