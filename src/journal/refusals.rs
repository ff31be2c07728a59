//! Decides whether a refusal is recorded by itself, or in the one summary of its agent for that second.
//!
//! INVARIANT: however often an agent is refused, its refusals take a bounded part of the journal, and every one of them is counted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::record::Summary;

/// Free bytes of the disk below which refusals are not recorded: what is left is for the records of what is allowed.
pub const RESERVE: u64 = 32 << 20;

/// How many refusals of one agent are recorded by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalLimit {
    /// In the long run.
    pub per_minute: u32,
    /// Number of refusals recorded at once before the rate holds.
    pub burst: u32,
}

/// Counts refusals by agent. There are as many agents as operators have named.
#[derive(Debug)]
pub struct Refusals {
    limit: RefusalLimit,
    /// The disk is nearly full.
    scarce: AtomicBool,
    agents: Mutex<HashMap<String, Account>>,
}

#[derive(Debug)]
struct Account {
    /// Refusals that may still be recorded.
    left: f64,
    /// When that was so.
    at: Instant,
    summary: Option<Summary<'static>>,
}

impl Refusals {
    /// Starts counting refusals under a limit.
    #[must_use]
    pub fn new(limit: RefusalLimit) -> Self {
        Self {
            limit,
            scarce: AtomicBool::new(false),
            agents: Mutex::default(),
        }
    }

    /// Returns whether a refusal is recorded by itself; else it is part of the next summary.
    #[must_use]
    pub fn admit(&self, agent: &str, code: &'static str, request_id: &str, now: Instant) -> bool {
        let burst = f64::from(self.limit.burst);
        let mut agents = self.agents.lock();
        if !agents.contains_key(agent) {
            let account = Account {
                left: burst,
                at: now,
                summary: None,
            };
            agents.insert(agent.to_owned(), account);
        }
        let Some(account) = agents.get_mut(agent) else {
            return true;
        };
        let passed = now.saturating_duration_since(account.at).as_secs_f64();
        let rate = f64::from(self.limit.per_minute) / 60.0;
        account.left = passed.mul_add(rate, account.left).min(burst);
        account.at = now;
        if account.left >= 1.0 && !self.scarce.load(Ordering::Relaxed) {
            account.left -= 1.0;
            return true;
        }
        let summary = account.summary.get_or_insert_with(|| Summary {
            what: "refusals.summarized".into(),
            agent: agent.to_owned().into(),
            first: request_id.to_owned().into(),
            ..Summary::default()
        });
        summary.refusals += 1;
        *summary.codes.entry(code.into()).or_default() += 1;
        summary.last = request_id.to_owned().into();
        false
    }

    /// Notes how many bytes of the disk are free. While there are few, refusals are counted and nothing of them is written.
    pub fn note_free(&self, bytes: u64) {
        let scarce = bytes < RESERVE;
        if self.scarce.swap(scarce, Ordering::Relaxed) == scarce {
            return;
        }
        if scarce {
            tracing::warn!(
                bytes,
                "the disk of the journal is nearly full; refusals are counted and not recorded one by one"
            );
        } else {
            tracing::info!(bytes, "the disk of the journal has room again");
        }
    }

    /// Takes out what is to be written now: nothing while the disk is nearly full.
    #[must_use]
    pub fn take(&self) -> Vec<Summary<'static>> {
        if self.scarce.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut agents = self.agents.lock();
        agents
            .values_mut()
            .filter_map(|account| account.summary.take())
            .collect()
    }
}
