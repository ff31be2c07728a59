//! Patience: how long nothing may pass in an exchange, and the wait for that.

use std::time::Duration;

/// How long nothing may pass. Pingora asks anew after every event of either side, so a wait here is a silence of both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Before the answer begins, while the agent owes its body.
    pub(super) body: Duration,
    /// Before the answer begins, when only the upstream owes anything; `None` where Pingora watches the upstream itself.
    pub(super) answer: Option<Duration>,
    /// After it has begun, while the agent may still send.
    pub(super) idle: Duration,
}

/// Returns what it means that so much time is over.
pub(super) async fn expire(patience: Option<(Duration, &'static str)>) -> &'static str {
    match patience {
        Some((patience, name)) => {
            tokio::time::sleep(patience).await;
            name
        }
        None => std::future::pending().await,
    }
}
