//! Counts open exchanges, and lets a stop wait until there are none. New connections get a moment for a first request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// Open exchanges, and whether a stop has begun.
#[derive(Debug)]
pub struct Drain {
    tunnels: AtomicUsize,
    exchanges: AtomicUsize,
    /// Connections that were accepted, and that no request has come through yet.
    fresh: AtomicUsize,
    /// Notified whenever an exchange ends.
    ended: Notify,
    begun: watch::Sender<bool>,
    /// The stop has begun, and those that had just connected have had their moment.
    settled: watch::Sender<bool>,
}

/// Counts one thing while it lives.
#[derive(Debug)]
pub(super) struct Counted {
    drain: Arc<Drain>,
    kind: Kind,
}

/// A connection that no request has come through yet.
#[derive(Debug)]
pub(super) struct Fresh {
    drain: Arc<Drain>,
    over: AtomicBool,
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
            fresh: AtomicUsize::new(0),
            ended: Notify::new(),
            begun: watch::Sender::new(false),
            settled: watch::Sender::new(false),
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
        until(&self.begun).await;
    }

    /// Gives connections that were accepted before the stop a moment to send their first request, because closing them would lose
    /// it. From then on [`Drain::settled`] is true.
    pub(super) async fn settle(&self, moment: Duration) {
        self.quiet(moment, || self.fresh.load(Ordering::SeqCst) == 0)
            .await;
        self.settled.send_replace(true);
    }

    /// Waits until connections without a request may be closed.
    pub(super) async fn settled(&self) {
        until(&self.settled).await;
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<bool> {
        self.begun.subscribe()
    }

    /// Waits until nothing is under way, at most for `deadline`; returns how many exchanges are left.
    pub async fn wait(&self, deadline: Duration) -> usize {
        self.quiet(deadline, || {
            self.exchanges_active() == 0 && self.tunnels_active() == 0
        })
        .await;
        self.exchanges_active()
    }

    async fn quiet(&self, deadline: Duration, is_quiet: impl Fn() -> bool) {
        let quiet = async {
            loop {
                let ended = self.ended.notified();
                tokio::pin!(ended);
                // Registered before the count is read, so no end is missed.
                ended.as_mut().enable();
                if is_quiet() {
                    return;
                }
                ended.await;
            }
        };
        // The caller closes the remaining exchanges.
        let _ = tokio::time::timeout(deadline, quiet).await;
    }

    pub(super) fn fresh(self: &Arc<Self>) -> Fresh {
        self.fresh.fetch_add(1, Ordering::SeqCst);
        Fresh {
            drain: Arc::clone(self),
            over: AtomicBool::new(false),
        }
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

impl Fresh {
    /// Says that a request has come.
    pub(super) fn end(&self) {
        if self.over.load(Ordering::Relaxed) || self.over.swap(true, Ordering::SeqCst) {
            return;
        }
        self.drain.fresh.fetch_sub(1, Ordering::SeqCst);
        self.drain.ended.notify_waiters();
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.end();
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

async fn until(told: &watch::Sender<bool>) {
    let mut watch = told.subscribe();
    // The sender lives as long as what it is borrowed from, so the wait ends only with the value.
    let _ = watch.wait_for(|told| *told).await;
}
