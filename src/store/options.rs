//! Options of a store besides its place: how long to wait, and when a commit counts.

use std::time::Duration;

/// Options of a store besides its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// How long a write waits for another process before it is `Locked`.
    pub busy_timeout: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(5),
        }
    }
}

/// When a commit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// Given to the operating system: survives `kill -9`.
    Handed,
    /// Synced to the disk: survives a power cut.
    Synced,
}
