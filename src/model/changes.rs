//! Counts the changes to live state, and lets a task wait for the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// Counts changes that decisions depend on, and wakes tasks that wait for one. Clones count together.
///
/// Code that changes live state (a snapshot, the roster, the keyring, a halt) must call [`Changes::tell`] afterwards.
#[derive(Debug, Clone, Default)]
pub struct Changes(Arc<Counter>);

#[derive(Debug, Default)]
struct Counter {
    /// Beside the watch, so that a request that only looks takes no lock.
    count: AtomicU64,
    told: watch::Sender<u64>,
}

impl Changes {
    /// Announces that live state has changed.
    pub fn tell(&self) {
        let now = self.0.count.fetch_add(1, Ordering::AcqRel) + 1;
        // Two that tell at once may come here in either order.
        self.0.told.send_modify(|told| *told = now.max(*told));
    }

    /// Returns how many changes there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.count.load(Ordering::Acquire)
    }

    /// Waits until there were more changes than `count`.
    pub async fn after(&self, count: u64) {
        let mut told = self.0.told.subscribe();
        // The sender lives as long as `self`, so the wait ends only with the value.
        let _ = told.wait_for(|told| *told > count).await;
    }
}
