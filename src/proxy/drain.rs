//! Drain: what is under way is counted, and a stop waits until nothing is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// What is under way, and whether the end has begun.
#[derive(Debug)]
pub struct Drain {
    tunnels: AtomicUsize,
    exchanges: AtomicUsize,
    /// Told whenever something ends.
    ended: Notify,
    begun: watch::Sender<bool>,
}

/// Counts one thing while it lives.
#[derive(Debug)]
pub(super) struct Counted {
    drain: Arc<Drain>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Tunnel,
    Exchange,
}

impl Drain {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            tunnels: AtomicUsize::new(0),
            exchanges: AtomicUsize::new(0),
            ended: Notify::new(),
            begun: watch::Sender::new(false),
        })
    }

    /// Returns how many CONNECT tunnels are open.
    #[must_use]
    pub fn tunnels_active(&self) -> usize {
        self.tunnels.load(Ordering::SeqCst)
    }

    /// Returns how many requests are under way.
    #[must_use]
    pub fn exchanges_active(&self) -> usize {
        self.exchanges.load(Ordering::SeqCst)
    }

    /// Returns whether the stop has begun; then the gateway is not ready.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.begun.borrow()
    }

    /// Begins the stop: nothing new is taken on.
    pub(super) fn begin(&self) {
        self.begun.send_replace(true);
    }

    /// Waits until the stop has begun.
    pub(super) async fn begun(&self) {
        let mut watch = self.begun.subscribe();
        // The sender lives as long as `self`, so the wait ends only with the value.
        let _ = watch.wait_for(|begun| *begun).await;
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<bool> {
        self.begun.subscribe()
    }

    /// Waits until nothing is under way, at most for `deadline`; returns how many exchanges are left.
    pub(super) async fn wait(&self, deadline: Duration) -> usize {
        let quiet = async {
            loop {
                let ended = self.ended.notified();
                tokio::pin!(ended);
                // Registered before the count is read, so no end is missed.
                ended.as_mut().enable();
                if self.exchanges_active() == 0 && self.tunnels_active() == 0 {
                    return;
                }
                ended.await;
            }
        };
        let _ = tokio::time::timeout(deadline, quiet).await;
        self.exchanges_active()
    }

    pub(super) fn tunnel(self: &Arc<Self>) -> Counted {
        self.tunnels.fetch_add(1, Ordering::SeqCst);
        Counted {
            drain: Arc::clone(self),
            kind: Kind::Tunnel,
        }
    }

    pub(super) fn exchange(self: &Arc<Self>) -> Counted {
        self.exchanges.fetch_add(1, Ordering::SeqCst);
        Counted {
            drain: Arc::clone(self),
            kind: Kind::Exchange,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        match self.kind {
            Kind::Tunnel => self.drain.tunnels.fetch_sub(1, Ordering::SeqCst),
            Kind::Exchange => self.drain.exchanges.fetch_sub(1, Ordering::SeqCst),
        };
        self.drain.ended.notify_waiters();
    }
}
