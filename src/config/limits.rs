//! Bounds of the gateway and of its waits, with the defaults of what a file leaves out.

use std::time::Duration;

/// Limits of requests and connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest body that is read for judging, in bytes after decoding.
    pub body: usize,
    /// All bodies held at once, in bytes.
    pub body_total: usize,
    /// Bodies of one agent held at once, in bytes.
    pub body_per_agent: usize,
    /// Values of one JSON body.
    pub json_nodes: usize,
    /// Actions of one request.
    pub actions_per_request: usize,
    /// Until a request's head is read.
    pub request_head: Duration,
    /// Until an upstream is connected.
    pub connect: Duration,
    /// Until an upstream's answer begins.
    pub first_byte: Duration,
    /// Without a byte either way.
    pub idle: Duration,
    /// Until exchanges are cut at shutdown.
    pub drain: Duration,
    /// Connections at once that have not shown a token.
    pub unauthenticated: usize,
    /// Connections of agents at once.
    pub tunnels: usize,
    /// Connections of one agent at once.
    pub tunnels_per_agent: usize,
    /// Requests under way at once.
    pub streams: usize,
    /// Requests of one agent under way at once.
    pub streams_per_agent: usize,
    /// Requests that wait for an operator at once.
    pub pending_approvals: usize,
    /// Requests of one agent that wait for an operator at once.
    pub pending_approvals_per_agent: usize,
}

/// Requests that wait for an operator's yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// How long one waits.
    pub timeout: Duration,
    /// How long a question can be answered.
    pub expires: Duration,
}

/// How many refusals of one agent are recorded one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusals {
    /// In the long run.
    pub per_minute: u32,
    /// Refusals recorded at once, before `rate` applies.
    pub burst: u32,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            per_minute: 3_000,
            burst: 500,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            body_total: 256 << 20,
            body_per_agent: 64 << 20,
            json_nodes: 50_000,
            actions_per_request: 50,
            request_head: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(600),
            idle: Duration::from_secs(600),
            drain: Duration::from_secs(30),
            unauthenticated: 1024,
            tunnels: 4096,
            tunnels_per_agent: 1024,
            streams: 4096,
            streams_per_agent: 1024,
            pending_approvals: 1000,
            pending_approvals_per_agent: 100,
        }
    }
}

impl Default for Approval {
    fn default() -> Self {
        Self {
            // Below the minute after which many clients give up, so that they still read where to look for the answer.
            timeout: Duration::from_secs(55),
            expires: Duration::from_secs(24 * 60 * 60),
        }
    }
}
