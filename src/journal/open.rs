//! Opens a journal: continues behind its last whole line, notices a loss, and records the start.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::time::SystemTime;

use parking_lot::{Condvar, Mutex};
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::chain::Head;
use super::disk::{Disk, Reserve, SystemDisk};
use super::error::JournalError;
use super::first::First;
use super::known::forks;
use super::progress::Progress;
use super::queue::Queue;
use super::recent::Recent;
use super::record::{Changed, Identity, Lost, Started};
use super::rotate::Rotation;
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
    /// Lines that were seen, and by whom: the store, an anchor, a sink.
    pub lines: Vec<(String, Head)>,
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
    /// The key that signs from this start on, where it is rotated; the signer is the one before.
    pub next_signer: Option<Signer>,
    /// What others know of it.
    pub known: Known,
    /// A new journal begins above this number.
    pub numbered_above: u64,
    /// ULID of this start.
    pub boot: String,
    /// How far its sinks are.
    pub sinks: Vec<Arc<Progress>>,
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
            next_signer: None,
            known: Known::default(),
            numbered_above: 0,
            boot: ulid::Ulid::from_datetime(clock.now()).to_string(),
            sinks: Vec::new(),
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
        let forks = self.forks(&tail).map_err(unusable)?;
        let now = self.clock.now();
        let mut first = First::new(head, now);
        first.push(&self.started(&tail, lost)?)?;
        if let (Some(old), Some(new)) = (&self.signer, &self.next_signer) {
            first.push(&Rotation::between(old, new, &first.head()).record())?;
        }
        for fork in &forks {
            first.push(fork)?;
        }
        let signer = self.next_signer.or(self.signer);
        let signed = first.sign(signer.as_ref())?;
        let key_pem = signer.as_ref().map(Signer::public_pem);
        let (sealed, unsealed) = mpsc::channel();
        let place = (head, &tail, now);
        let (directory, settings) = (&self.directory, &self.settings);
        let writer =
            open_writer(directory, self.disk, settings, place, sealed).map_err(unusable)?;
        let inline = self.settings.durability == Durability::Strict;
        let shared = Arc::new(Shared {
            directory: self.directory,
            settings: self.settings,
            clock: self.clock,
            queue: Mutex::new(Queue::new(writer, inline)),
            work: Condvar::new(),
            recent: Recent::default(),
            sinks: self.sinks.into(),
            forked: AtomicBool::new(!forks.is_empty()),
        });
        let (told, checkpoints) = watch::channel(None);
        let checkpoint = Checkpoints {
            signer,
            told: told.clone(),
        };
        // From here on the threads end with it.
        let handle = Arc::new(Handle(Arc::clone(&shared)));
        let writing_ended = write_on(&shared, checkpoint).map_err(unusable)?;
        first.write(&shared)?;
        if let Some(pem) = key_pem {
            segment::write_whole(&shared.directory, "key.pub", pem.as_bytes()).map_err(unusable)?;
        }
        // After the start is recorded, so that nothing that is removed stands before it.
        let sealing_ended = seal_on(&shared, unsealed).map_err(unusable)?;
        told.send_replace(signed);
        Ok(Journal {
            _handle: handle,
            shared,
            ended: [writing_ended, sealing_ended],
            checkpoints,
        })
    }

    /// Returns the record of this start.
    fn started(&self, tail: &Tail, lost: Option<Lost>) -> Result<Started<'static>, JournalError> {
        let signer = self.next_signer.as_ref().or(self.signer.as_ref());
        let key = signer.map(Signer::public_key);
        let identity = RawValue::from_string(self.identity.to_text());
        let identity = identity.map_err(|error| JournalError::Unwritable(error.to_string()))?;
        let above = Some(self.numbered_above);
        Ok(Started {
            boot: self.boot.clone().into(),
            previous: self.known.boot.clone(),
            identity: Cow::Owned(identity),
            key: key.filter(|key| *key != self.identity.public_key),
            version: env!("CARGO_PKG_VERSION").into(),
            lost,
            numbered_above: above.filter(|above| tail.head.is_none() && *above > 0),
            torn_bytes: tail.torn_bytes,
        })
    }

    /// Returns a record for each line that others know and the files have not.
    fn forks(&self, tail: &Tail) -> io::Result<Vec<Changed<'static>>> {
        let last = tail.head.map_or(0, |head| head.seq);
        let mut keys = vec![self.identity.public_key.clone()];
        keys.extend(self.signer.as_ref().map(Signer::public_key));
        forks(
            &self.directory,
            (self.known.lines.as_slice(), last),
            (&self.identity, &keys),
        )
    }

    /// Makes the directory and finds the end of what is in it.
    fn prepare(&self) -> io::Result<Tail> {
        segment::make_directory(&self.directory)?;
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
        let lines = self.known.lines.iter().map(|(_, head)| head.seq);
        let known = lines.fold(self.known.seq, u64::max);
        if known <= found.seq {
            return (found, None);
        }
        let lost = Lost {
            from: found.seq.saturating_add(1),
            to: known,
        };
        tracing::warn!(
            from = lost.from,
            to = lost.to,
            "records of the journal are lost: its files end before what was written"
        );
        let head = Head {
            seq: known,
            ..found
        };
        (head, Some(lost))
    }
}

fn open_writer(
    directory: &Path,
    disk: Box<dyn Disk>,
    settings: &Settings,
    (head, tail, now): (Head, &Tail, SystemTime),
    sealed: mpsc::Sender<u64>,
) -> io::Result<Writer> {
    Ok(Writer {
        directory: directory.to_owned(),
        limits: settings.segment,
        disk,
        reserve: Reserve::new(directory, settings.reserve),
        head,
        sealed,
        segment: Active {
            number: tail.number,
            file: segment::open_to_append(directory, tail.number, tail.is_fresh)?,
            length: tail.length,
            since: tail.since.unwrap_or(now),
            is_dirty: false,
        },
        seen: None,
        lines: Vec::new(),
    })
}

/// Starts the thread that writes; returns what tells that it has ended.
fn write_on(shared: &Arc<Shared>, checkpoints: Checkpoints) -> io::Result<watch::Receiver<bool>> {
    let shared = Arc::clone(shared);
    spawn("tollgate-journal", move || shared.run(&checkpoints))
}

/// Starts the thread that seals; returns what tells that it has ended.
fn seal_on(
    shared: &Arc<Shared>,
    unsealed: mpsc::Receiver<u64>,
) -> io::Result<watch::Receiver<bool>> {
    let shared = Arc::downgrade(shared);
    spawn("tollgate-seal", move || seal::run(&shared, &unsealed))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<watch::Receiver<bool>> {
    let (end, ended) = watch::channel(false);
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(move || {
        work();
        end.send_replace(true);
    })?;
    Ok(ended)
}
