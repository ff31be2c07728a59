//! Bounds the silence in an exchange, by its kind and phase.

use std::time::Duration;

use super::Timeouts;
use super::upstream::Carriage;

/// Longest silences of an exchange. Pingora asks again after every event of either side, so a wait here is a silence of both.
#[derive(Debug, Clone, Copy)]
pub(super) struct IdleTimeouts {
    /// Before the answer begins, while the agent owes its body.
    pub(super) body: Duration,
    /// Before the answer begins, when only the upstream owes anything; `None` where Pingora watches the upstream itself.
    pub(super) answer: Option<Duration>,
    /// After it has begun, while the agent may still send.
    pub(super) idle: Duration,
}

impl IdleTimeouts {
    /// Returns how long this kind of exchange may be silent.
    pub(super) fn of(carriage: Carriage, timeouts: Timeouts) -> Self {
        let Timeouts {
            request_head,
            first_byte,
            idle,
            ..
        } = timeouts;
        match carriage {
            Carriage::Any => Self {
                body: request_head,
                answer: None,
                idle,
            },
            // Both sides of a call may listen before they speak.
            Carriage::Grpc => Self {
                body: idle,
                answer: None,
                idle,
            },
            Carriage::WebSocket => Self {
                body: first_byte,
                answer: Some(first_byte),
                idle,
            },
        }
    }
}

/// Waits for a timeout and returns its name; for ever without one.
pub(super) async fn expire(idle_timeouts: Option<(Duration, &'static str)>) -> &'static str {
    match idle_timeouts {
        Some((idle_timeouts, name)) => {
            tokio::time::sleep(idle_timeouts).await;
            name
        }
        None => std::future::pending().await,
    }
}
