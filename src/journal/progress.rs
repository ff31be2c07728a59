//! Keeps how far a sink has delivered the journal: read by retention and metrics, written by the sink, kept in a file between starts.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::chain::Head;
use super::follow::Cursor;
use super::segment;
use super::text::unhex;
use crate::model::hex::hex;

/// What retention does with records that a sink has not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undelivered {
    /// They are removed in time; what the sink misses is recorded and counted.
    Removed,
    /// They stay until the sink has delivered them.
    Kept,
}

/// How far one sink is.
#[derive(Debug)]
pub struct Progress {
    name: String,
    undelivered: Undelivered,
    segment: AtomicU64,
    seq: AtomicU64,
    missed: AtomicU64,
    forked: AtomicBool,
}

/// The place behind the last line that was delivered, and that line's hash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Where the next line begins.
    pub cursor: Cursor,
    /// SHA-256 of the last line; zeros where none was delivered.
    pub hash: [u8; 32],
}

/// A kept place as it lies in its file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    cursor: Cursor,
    hash: String,
}

// === impl Progress ===

impl Progress {
    /// Begins at what was delivered before.
    #[must_use]
    pub fn new(name: &str, undelivered: Undelivered, delivered: &Delivered) -> Self {
        Self {
            name: name.to_owned(),
            undelivered,
            segment: AtomicU64::new(delivered.cursor.segment),
            seq: AtomicU64::new(delivered.cursor.seq),
            missed: AtomicU64::new(0),
            forked: AtomicBool::new(false),
        }
    }

    /// Returns the name of the sink.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of the newest record that was delivered; 0 for none.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq.load(Ordering::Relaxed)
    }

    /// Returns how many records retention has removed before they were delivered.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// Returns whether the sink has met one number with two hashes.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        self.forked.load(Ordering::Relaxed)
    }

    /// Notes what was delivered.
    pub fn advance(&self, cursor: Cursor) {
        self.segment.store(cursor.segment, Ordering::Relaxed);
        self.seq.store(cursor.seq, Ordering::Relaxed);
    }

    /// Notes that one number has two hashes.
    pub fn note_fork(&self) {
        self.forked.store(true, Ordering::Relaxed);
    }

    /// Returns whether a segment must stay for this sink.
    pub(super) fn keeps(&self, last_seq: u64) -> bool {
        self.undelivered == Undelivered::Kept && self.seq() < last_seq
    }

    /// Notes that a segment goes; returns the numbers that this sink has not delivered.
    pub(super) fn note_removed(&self, first_seq: u64, last_seq: u64) -> Option<(u64, u64)> {
        let from = first_seq.max(self.seq().saturating_add(1));
        let count = last_seq.checked_sub(from)?.saturating_add(1);
        self.missed.fetch_add(count, Ordering::Relaxed);
        Some((from, last_seq))
    }
}

// === impl Delivered ===

impl Delivered {
    /// Returns the last line as others know it; `None` where none was delivered.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        // Numbers of the chain that was taken over are not those of the live one.
        let is_live = self.cursor.seq > 0 && self.cursor.segment != segment::TAKEN_OVER;
        is_live.then_some(Head {
            seq: self.cursor.seq,
            hash: self.hash,
        })
    }

    /// Reads the kept place of a sink. A sink that is new begins before the oldest record.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(directory: &Path, sink: &str) -> io::Result<Self> {
        let text = match fs::read(directory.join(file_name(sink))) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let kept = serde_json::from_slice::<Kept>(&text).ok();
        let kept = kept.and_then(|kept| {
            let hash = unhex(&kept.hash)?.try_into().ok()?;
            let cursor = kept.cursor;
            Some(Self { cursor, hash })
        });
        Ok(kept.unwrap_or_else(|| {
            tracing::warn!(
                sink,
                "the kept place of a sink does not read: it delivers from the oldest record again"
            );
            Self::default()
        }))
    }

    /// Keeps the place of a sink.
    ///
    /// # Errors
    /// When the file cannot be written; the one before stays.
    pub fn keep(&self, directory: &Path, sink: &str) -> io::Result<()> {
        let kept = Kept {
            cursor: self.cursor,
            hash: hex(&self.hash),
        };
        segment::replace(directory, &file_name(sink), &serde_json::to_vec(&kept)?)
    }
}

fn file_name(sink: &str) -> String {
    format!("sink-{sink}.cursor")
}
