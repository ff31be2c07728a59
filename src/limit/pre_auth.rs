//! Bounds the connections that have not shown a token. When the queue is full, the oldest connection is closed.
//!
//! INVARIANT: an unauthenticated connection takes no slot from agents. A connection that shows its token at once is never the
//! oldest of many.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// All that are open.
#[derive(Debug)]
pub struct PreAuthQueue {
    capacity: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Slots by age: the first key is the oldest.
    slots: BTreeMap<u64, oneshot::Sender<()>>,
    next: u64,
}

/// A place among them, until it is dropped.
#[derive(Debug)]
pub struct PreAuthSlot {
    queue: Arc<PreAuthQueue>,
    number: u64,
}

/// Resolves when the place is taken away, and never once it has been given up.
#[derive(Debug)]
pub struct Evicted(oneshot::Receiver<()>);

impl PreAuthQueue {
    /// Makes one with so many places. An agent that means it needs one for a moment only.
    #[must_use]
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            waiting: Mutex::default(),
        })
    }

    /// Takes a place; if there is none, that of the connection that has been waiting longest.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> (PreAuthSlot, Evicted) {
        let (evict, evicted) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if waiting.slots.len() >= self.capacity
            && let Some((_, oldest)) = waiting.slots.pop_first()
        {
            // It may have ended by itself.
            let _ = oldest.send(());
        }
        let number = waiting.next;
        waiting.next += 1;
        waiting.slots.insert(number, evict);
        let slot = PreAuthSlot {
            queue: Arc::clone(self),
            number,
        };
        (slot, Evicted(evicted))
    }

    /// Returns how many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.lock().slots.len()
    }

    /// Returns whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Evicted {
    /// Resolves once the connection must be closed.
    pub async fn wait(self) {
        if self.0.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for PreAuthSlot {
    fn drop(&mut self) {
        self.queue.waiting.lock().slots.remove(&self.number);
    }
}
