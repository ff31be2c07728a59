//! Opening a journal: it goes on behind its last whole line, a loss is noticed, and the start is recorded.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use parking_lot::{Condvar, Mutex};
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::chain::Head;
use super::disk::{Disk, Reserve, SystemDisk};
use super::error::JournalError;
use super::queue::Queue;
use super::record::{Identity, Lost, Started};
use super::seal;
use super::segment::{self, Segment};
use super::sign::Signer;
use super::tail::{Tail, tail};
use super::thread::Checkpoints;
use super::write::{Active, Writer};
use super::{Durability, Handle, Journal, Settings, Shared};
use crate::model::clock::Clock;

/// What others know of this journal.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The highest number that was written.
    pub seq: u64,
    /// Id of the start before this one.
    pub boot: Option<String>,
}

/// What a journal is opened with.
#[derive(Debug)]
pub struct Opening {
    /// Its directory; made where it is missing.
    pub directory: PathBuf,
    /// What can be set.
    pub settings: Settings,
    /// The gateway that writes the journal.
    pub identity: Identity,
    /// Signs checkpoints; without it they are unsigned.
    pub signer: Option<Signer>,
    /// What others know of it.
    pub known: Known,
    /// A new journal begins above this number.
    pub numbered_above: u64,
    /// ULID of this start.
    pub boot: String,
    /// Time of records and age of segments.
    pub clock: Clock,
    /// Writes segments and syncs them.
    pub disk: Box<dyn Disk>,
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file of it cannot be used.
    #[error("the journal `{path}` cannot be opened: {source}")]
    Unusable {
        /// Directory that cannot be used.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The start cannot be recorded.
    #[error(transparent)]
    Unwritable(#[from] JournalError),
}

impl Opening {
    /// Returns what opens a journal on the system's disk, unsigned and unknown to anybody.
    #[must_use]
    pub fn new(directory: &Path, identity: Identity, clock: Clock) -> Self {
        Self {
            directory: directory.to_owned(),
            settings: Settings::default(),
            identity,
            signer: None,
            known: Known::default(),
            numbered_above: 0,
            boot: ulid::Ulid::from_datetime(clock.now()).to_string(),
            clock,
            disk: Box::new(SystemDisk),
        }
    }

    /// Opens the journal, starts its threads and records the start.
    ///
    /// # Errors
    /// Says what cannot be used, or that nothing can be written.
    pub fn open(self) -> Result<Journal, OpenError> {
        let shown = self.directory.display().to_string();
        let unusable = |source| OpenError::Unusable {
            path: shown.clone(),
            source,
        };
        let tail = self.prepare().map_err(unusable)?;
        let (head, lost) = self.head_of(&tail);
        let file = segment::open_to_append(&self.directory, tail.number, tail.is_fresh)
            .map_err(unusable)?;
        let now = self.clock.now();
        let (sealed, unsealed) = mpsc::channel();
        let writer = Writer {
            directory: self.directory.clone(),
            limits: self.settings.segment,
            disk: self.disk,
            reserve: Reserve::new(&self.directory, self.settings.reserve),
            head,
            sealed,
            segment: Active {
                number: tail.number,
                file,
                length: tail.length,
                since: tail.since.unwrap_or(now),
                is_dirty: false,
            },
            lines: Vec::new(),
        };
        let inline = self.settings.durability == Durability::Strict;
        let shared = Arc::new(Shared {
            directory: self.directory,
            settings: self.settings,
            clock: self.clock,
            queue: Mutex::new(Queue::new(writer, inline)),
            work: Condvar::new(),
        });
        let (told, checkpoints) = watch::channel(None);
        let checkpoint = Checkpoints {
            signer: self.signer,
            told,
        };
        let ended = start(&shared, checkpoint, unsealed).map_err(unusable)?;
        let journal = Journal {
            _handle: Arc::new(Handle(Arc::clone(&shared))),
            shared,
            ended,
            checkpoints,
        };
        let identity = RawValue::from_string(self.identity.to_text());
        let started = Started {
            boot: self.boot.into(),
            previous: self.known.boot,
            identity: std::borrow::Cow::Owned(
                identity.map_err(|error| JournalError::Unwritable(error.to_string()))?,
            ),
            version: env!("CARGO_PKG_VERSION").into(),
            lost,
            torn_bytes: tail.torn_bytes,
        };
        journal.append_blocking(&started)?;
        Ok(journal)
    }

    /// Makes the directory and finds the end of what is in it.
    fn prepare(&self) -> io::Result<Tail> {
        segment::make_directory(&self.directory)?;
        if let Some(signer) = &self.signer {
            segment::write_whole(&self.directory, "key.pub", signer.public_pem().as_bytes())?;
        }
        let segments: Vec<Segment> = segment::list(&self.directory)?
            .into_iter()
            .filter(|segment| segment.number != segment::TAKEN_OVER)
            .collect();
        tail(&self.directory, &segments)
    }

    /// Returns the line that the next one follows, and what is missing before it.
    fn head_of(&self, tail: &Tail) -> (Head, Option<Lost>) {
        let before = Head::before_the_first(&self.identity, self.numbered_above);
        let found = tail.head.unwrap_or(before);
        if self.known.seq <= found.seq {
            return (found, None);
        }
        let lost = Lost {
            from: found.seq.saturating_add(1),
            to: self.known.seq,
        };
        tracing::warn!(
            from = lost.from,
            to = lost.to,
            "records of the journal are lost: its files end before what was written"
        );
        let head = Head {
            seq: self.known.seq,
            ..found
        };
        (head, Some(lost))
    }
}

/// Starts the thread that writes and the one that seals; returns what tells that each has ended.
fn start(
    shared: &Arc<Shared>,
    checkpoints: Checkpoints,
    unsealed: mpsc::Receiver<u64>,
) -> io::Result<[watch::Receiver<bool>; 2]> {
    let (end, ended) = watch::channel(false);
    let writing = Arc::clone(shared);
    let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
    named("tollgate-journal").spawn(move || {
        writing.run(&checkpoints);
        end.send_replace(true);
    })?;
    let sealing = Arc::downgrade(shared);
    let (end_sealing, sealing_ended) = watch::channel(false);
    named("tollgate-seal").spawn(move || {
        seal::run(&sealing, &unsealed);
        end_sealing.send_replace(true);
    })?;
    Ok([ended, sealing_ended])
}
