//! Tells the metrics what callers know: something that lasts, how a reload ended, whether a credential works.

use prometheus::IntGauge;

/// Counts one more while it lives.
#[derive(Debug)]
pub struct Active(IntGauge);

/// How a reload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// A new snapshot is in use.
    Swapped {
        /// Connectors in the new snapshot.
        connectors: usize,
        /// Routes in the new snapshot.
        routes: usize,
        /// Permissions and policies in the new snapshot.
        policies: usize,
    },
    /// The last snapshot stays.
    Kept,
}

/// Whether a credential can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// The credential opens and can be used.
    Healthy,
    /// It does not authenticate.
    Unhealthy,
}

impl Active {
    pub(super) fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.dec();
    }
}
