//! Keeps the journal: segments of JSON lines that are only appended to, chained by SHA-256, with signed checkpoints.
//!
//! INVARIANT: a record whose `append` returned `Ok` is in the file, on the disk, or in memory, as `durability` says. INVARIANT: while
//! nothing can be written every `append` with a waiting caller fails.

mod append;
mod batch;
mod body;
mod chain;
mod commit;
mod conclude;
mod disk;
mod error;
mod exchange;
mod explain;
mod export;
mod fault;
mod first;
mod follow;
mod json;
mod keys;
mod known;
mod open;
mod place;
mod progress;
mod query;
mod queue;
mod read;
mod recent;
mod record;
mod refusals;
mod report;
mod resume;
mod retain;
mod rotate;
mod seal;
mod segment;
mod sign;
mod summary;
mod tail;
mod take_over;
mod text;
mod thread;
mod verify;
mod vouch;
mod walk;
mod write;

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use crate::model::clock::Clock;
use queue::Queue;
use recent::Recent;

pub use crate::model::durability::Durability;

pub use body::MAX_LINE;
pub use chain::{Front, Head};
pub use disk::{Disk, SystemDisk, free};
pub use error::JournalError;
pub use exchange::{Decided, Finished, RecordedAction, RecordedApproval, StageTimes};
pub use export::{Format, export};
pub use follow::{Cursor, Follower};
pub use open::{Known, OpenError, Opening};
pub use progress::{Delivered, Progress, Undelivered};
pub use query::{Prepared, Query};
pub use read::{Line, Reader};
pub use record::{
    Changed, Checkpoint, Covers, Cut, Identity, Kind, Lost, Record, Started, Summary,
};
pub use refusals::{RESERVE, RefusalLimit, Refusals};
pub use report::{Anchor, Claim, Finding, Numbers, Report, STORED_HEAD, Trust};
pub use resume::{Resumed, resume};
pub use retain::Retention;
pub use segment::{Segment, SegmentForm, list};
pub use sign::{SignError, Signer, fingerprint};
pub use take_over::{OldRecord, TakeOver, TakenOver};
pub use text::{Abridged, Text};
pub use verify::verify;
pub use write::SegmentLimits;

/// Longest parameter that is recorded as it is, in bytes; a longer one is recorded as length and hash.
pub const MAX_PARAM: usize = 1024;

/// When checkpoints are written; whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointLimits {
    /// After so many records.
    pub records: u64,
    /// After so long, where there is anything new.
    pub every: Duration,
}

impl Default for CheckpointLimits {
    fn default() -> Self {
        Self {
            records: 1_000,
            every: Duration::from_secs(10),
        }
    }
}

/// What can be set about a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// When an append counts as done.
    pub durability: Durability,
    /// When a segment is sealed.
    pub segment: SegmentLimits,
    /// When checkpoints are written.
    pub checkpoint: CheckpointLimits,
    /// Which sealed segments stay, by age and size.
    pub retention: Retention,
    /// Bytes of the disk that are set aside for records of allowed requests.
    pub reserve: u64,
    /// How long an append waits for a disk that does not answer.
    pub stall_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            segment: SegmentLimits::default(),
            checkpoint: CheckpointLimits::default(),
            retention: Retention::default(),
            reserve: RESERVE,
            stall_timeout: Duration::from_secs(5),
        }
    }
}

/// A journal that is being written. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Journal {
    shared: Arc<Shared>,
    /// Of the thread that writes, and of the one that seals.
    ended: [watch::Receiver<bool>; 2],
    checkpoints: watch::Receiver<Option<Signed>>,
    _handle: Arc<Handle>,
}

/// The last of these ends the thread.
#[derive(Debug)]
struct Handle(Arc<Shared>);

/// A checkpoint that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Last line that the signature covers.
    pub head: Head,
    /// Ed25519 over it, in hexadecimal; empty where the journal is not signed.
    pub signature: String,
}

/// What callers and the journal's thread share.
#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    settings: Settings,
    clock: Clock,
    queue: Mutex<Queue>,
    /// Wakes the thread that writes while the disk is slow.
    work: Condvar,
    recent: Recent,
    /// How far the sinks are.
    sinks: Box<[Arc<Progress>]>,
    /// Where a number was found to have two hashes.
    forked: AtomicBool,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

thread_local! {
    /// Where this thread's records are serialised, outside the lock.
    static BODY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Journal {
    /// Returns whether the last write succeeded and none has been under way for too long.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let queue = self.shared.queue.lock();
        let stall_timeout = self.shared.settings.stall_timeout;
        let stalls = |since: Instant| since.elapsed() >= stall_timeout;
        queue.failure.is_none() && !queue.busy_since.is_some_and(stalls)
    }

    /// Returns whether the disk is full and the reserve in use: then only records of allowed requests are written.
    #[must_use]
    pub fn is_scarce(&self) -> bool {
        self.shared.queue.lock().is_scarce
    }

    /// Returns whether somebody knows another hash of a number than the files have: the journal was written twice from one place.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        let sinks = self.sinks();
        self.shared.forked.load(Ordering::Relaxed) || sinks.iter().any(|sink| sink.is_forked())
    }

    /// Returns how far its sinks are.
    #[must_use]
    pub fn sinks(&self) -> &[Arc<Progress>] {
        &self.shared.sinks
    }

    /// Returns for how long the oldest record has been waiting that is not written yet.
    #[must_use]
    pub fn lag(&self) -> Duration {
        let oldest = self.shared.queue.lock().oldest;
        oldest.map_or(Duration::ZERO, |queued| queued.elapsed())
    }

    /// Returns how many records this process has written.
    #[must_use]
    pub fn records_total(&self) -> u64 {
        self.shared.queue.lock().written
    }

    /// Returns how many records are queued and not written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.queue.lock().batch.len()
    }

    /// Returns the newest line that is written.
    #[must_use]
    pub fn head(&self) -> Head {
        self.shared.queue.lock().head
    }

    /// Returns the last checkpoint that this process has written, and is told of each.
    #[must_use]
    pub fn checkpoints(&self) -> watch::Receiver<Option<Signed>> {
        self.checkpoints.clone()
    }

    /// Reads records, newest first: the newest 10,000, at most 8 MiB, from memory, and older ones from the files.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn read(&self, query: Query) -> io::Result<Reader> {
        let recent = self.shared.recent.batches();
        Reader::behind(recent, self.directory(), query)
    }

    /// Returns where its files are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.shared.directory
    }

    /// Writes what is queued and a last checkpoint, syncs, and ends the threads. Later appends fail.
    pub async fn close(&self) {
        self.shared.close();
        for mut ended in self.ended.clone() {
            let _ = ended.wait_for(|ended| *ended).await;
        }
    }
}
