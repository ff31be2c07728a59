//! Defines the settings of the journal.

use std::path::PathBuf;
use std::time::Duration;

use super::limits::Refusals;
use super::sink::{Sink, Webhook};
use crate::model::durability::Durability;

/// The journal: how durable it is, how it is cut into segments, and what is kept of it.
#[derive(Debug, Clone)]
pub struct Audit {
    /// When a record counts as kept.
    pub durability: Durability,
    /// How many refusals of one agent are recorded one by one.
    pub refusals: Refusals,
    /// Bytes after which a segment is sealed.
    pub segment_bytes: u64,
    /// Age of its first record after which a segment is sealed.
    pub segment_age: Duration,
    /// Records after which a checkpoint is signed.
    pub checkpoint_records: u64,
    /// How often a checkpoint is signed at least, where there is anything new.
    pub checkpoint_every: Duration,
    /// How long records are kept.
    pub retain_age: Duration,
    /// How many bytes of segments are kept.
    pub retain_bytes: u64,
    /// Free bytes of the journal's disk below which the gateway warns.
    pub min_free: u64,
    /// Each checkpoint is appended to this file.
    pub anchor_file: Option<PathBuf>,
    /// Each checkpoint is sent to this receiver.
    pub anchor_webhook: Option<Webhook>,
    /// Each record is taken to these places.
    pub sinks: Vec<Sink>,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            refusals: Refusals::default(),
            segment_bytes: 64 << 20,
            segment_age: Duration::from_secs(24 * 3600),
            checkpoint_records: 1_000,
            checkpoint_every: Duration::from_secs(10),
            retain_age: Duration::from_secs(90 * 24 * 3600),
            retain_bytes: 10 << 30,
            min_free: 256 << 20,
            anchor_file: None,
            anchor_webhook: None,
            sinks: Vec::new(),
        }
    }
}
