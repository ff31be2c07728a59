//! Chains queued records and gives them to the disk, all of a batch or none of it. There is one writer at a time.
//!
//! INVARIANT: after a failed write nothing of it is in the file, or nothing more is written until that is so.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use super::batch::Batch;
use super::chain::Head;
use super::disk::{Disk, Reserve};
use super::place::{SegmentPlace, place_of, put_back};
use super::segment;

/// Bytes that tell whether there is room: more than what is left in a block.
const PROBE: usize = 64 << 10;

/// How often the file is looked for in its directory.
const LOOK: Duration = Duration::from_secs(1);

/// When a segment is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentLimits {
    /// It has so many bytes.
    pub bytes: u64,
    /// Its first record is so old.
    pub age: Duration,
}

impl Default for SegmentLimits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            age: Duration::from_secs(24 * 3600),
        }
    }
}

/// Holds the open segment. Its holder is the only one that writes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) directory: PathBuf,
    pub(super) limits: SegmentLimits,
    pub(super) disk: Box<dyn Disk>,
    pub(super) reserve: Reserve,
    pub(super) head: Head,
    /// Told the numbers of segments that were sealed.
    pub(super) sealed: mpsc::Sender<u64>,
    pub(super) segment: Active,
    /// When the file was last seen in its directory; `None` where it must be looked for before the next write.
    pub(super) seen: Option<Instant>,
    /// Reused for every batch.
    pub(super) lines: Vec<u8>,
}

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) number: u64,
    pub(super) file: File,
    /// Bytes of whole lines.
    pub(super) length: u64,
    /// When its first record was written.
    pub(super) since: SystemTime,
    /// Whether the file may be longer than that.
    pub(super) is_dirty: bool,
}

impl Writer {
    /// Writes a batch, and syncs it where that is asked for.
    ///
    /// # Errors
    /// When any of it cannot be written; then none of it counts, and the head is the one before.
    pub(super) fn write(&mut self, batch: &Batch, now: SystemTime, sync: bool) -> io::Result<()> {
        self.look()?;
        self.rotate(now);
        self.clean()?;
        self.lines.clear();
        let mut head = self.head;
        for body in batch.bodies() {
            head = head.write_next(body, &mut self.lines);
        }
        let written = self.put(sync);
        if written.is_err() {
            self.segment.is_dirty = true;
            // Tried again before the next write, where it fails now.
            let _ = self.clean();
            return written;
        }
        if self.segment.length == 0 {
            self.segment.since = now;
        }
        self.segment.length = self.segment.length.saturating_add(self.lines.len() as u64);
        self.head = head;
        Ok(())
    }

    /// Finds out whether the disk takes anything. Readers stop at the last LF, so they do not see it.
    ///
    /// # Errors
    /// When it does not.
    pub(super) fn probe(&mut self) -> io::Result<()> {
        self.look()?;
        self.clean()?;
        self.lines.clear();
        self.lines.resize(PROBE, b' ');
        self.segment.is_dirty = true;
        self.put(false)?;
        self.clean()
    }

    /// Looks whether the file is still in its directory, once a second. Lines that are written into a file that was removed are gone.
    ///
    /// # Errors
    /// When it was cut or replaced, or cannot be put back.
    fn look(&mut self) -> io::Result<()> {
        // A write behind a cut would leave a hole, so that is looked for each time.
        let is_cut = self.segment.file.metadata()?.len() < self.segment.length;
        if !is_cut && self.seen.is_some_and(|seen| seen.elapsed() < LOOK) {
            return Ok(());
        }
        self.seen = None;
        let (number, length) = (self.segment.number, self.segment.length);
        match place_of(&self.directory, number, (&self.segment.file, length))? {
            SegmentPlace::There => {}
            SegmentPlace::Gone => {
                self.segment.file =
                    put_back(&self.directory, number, (&self.segment.file, length))?;
                self.segment.is_dirty = false;
                tracing::error!(
                    segment = number,
                    "the segment that is being written was removed; it is put back with all of its lines"
                );
            }
        }
        self.seen = Some(Instant::now());
        Ok(())
    }

    /// Syncs what was written; at the end, when nobody waits any more.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.seen = None;
        self.look()?;
        self.disk.sync(&mut self.segment.file)
    }

    fn put(&mut self, sync: bool) -> io::Result<()> {
        let mut rest = self.lines.as_slice();
        while !rest.is_empty() {
            match self.disk.write(&mut self.segment.file, rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if sync {
            self.disk.sync(&mut self.segment.file)?;
        }
        Ok(())
    }

    /// Takes away what a failed write has left.
    fn clean(&mut self) -> io::Result<()> {
        if self.segment.is_dirty {
            self.segment.file.set_len(self.segment.length)?;
            self.segment.is_dirty = false;
        }
        Ok(())
    }

    /// Begins the next segment where it is time. Where that fails the old one goes on: what counts is that records are written.
    fn rotate(&mut self, now: SystemTime) {
        let age = now.duration_since(self.segment.since).unwrap_or_default();
        let is_due = self.segment.length >= self.limits.bytes || age >= self.limits.age;
        if !is_due || self.segment.length == 0 || self.segment.is_dirty {
            return;
        }
        let number = self.segment.number.saturating_add(1);
        // A power cut must not take the end of a segment that others follow.
        let synced = self.disk.sync(&mut self.segment.file);
        match synced.and_then(|()| segment::open_to_append(&self.directory, number, true)) {
            Ok(file) => {
                let sealed = std::mem::replace(
                    &mut self.segment,
                    Active {
                        number,
                        file,
                        length: 0,
                        since: now,
                        is_dirty: false,
                    },
                );
                // Gone only with the thread that it is for; the next start seals what is left.
                let _ = self.sealed.send(sealed.number);
            }
            Err(error) => {
                tracing::warn!(%error, segment = number, "the next segment of the journal cannot be made; the last one goes on")
            }
        }
    }
}
