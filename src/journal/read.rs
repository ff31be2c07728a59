//! Reads the lines of a directory, newest first, with or without a gateway that writes them.

use std::io;
use std::path::{Path, PathBuf};

use super::chain::{Front, link};
use super::exchange::{Decided, Finished};
use super::query::{Prepared, Query};
use super::recent::RecentBatch;
use super::record::{Changed, Started, Summary};
use super::segment::{self, Segment};
use super::summary::read_summary;

/// One line of the journal, without its LF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(Vec<u8>);

/// Goes through a journal from its newest line. At most one segment is in memory.
#[derive(Debug)]
pub struct Reader {
    directory: PathBuf,
    query: Prepared,
    /// The newest lines, where they are in memory; oldest first.
    recent: Vec<RecentBatch>,
    /// Lines of files from this number on were in memory.
    below: Option<u64>,
    /// What was not looked at yet, oldest first.
    segments: Vec<Segment>,
    /// The segment that is being read, and where its unread lines end.
    text: Vec<u8>,
    end: usize,
}

impl Line {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// Takes a line that a gateway has sent, without its LF.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }

    /// Returns the bytes as they were written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns its SHA-256, which the next line names.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        super::chain::hash(&self.0)
    }

    /// Returns the fields that every line has.
    #[must_use]
    pub fn front(&self) -> Option<Front<'_>> {
        Front::parse(&self.0)
    }

    /// Returns the record of a start, where that is what it holds.
    #[must_use]
    pub fn started(&self) -> Option<Started<'_>> {
        self.holds(super::Kind::Started)
    }

    /// Returns the record of a judged request, where that is what it holds.
    #[must_use]
    pub fn decided(&self) -> Option<Decided<'_>> {
        self.holds(super::Kind::Decided)
    }

    /// Returns the record of an ended request, where that is what it holds.
    #[must_use]
    pub fn finished(&self) -> Option<Finished<'_>> {
        self.holds(super::Kind::Finished)
    }

    /// Returns the record of a change, where that is what it holds.
    #[must_use]
    pub fn changed(&self) -> Option<Changed<'_>> {
        self.holds(super::Kind::Changed)
    }

    /// Returns the record of many refusals, where that is what it holds.
    #[must_use]
    pub fn summary(&self) -> Option<Summary<'_>> {
        self.holds(super::Kind::Summary)
    }

    fn holds<'a, T: serde::Deserialize<'a>>(&'a self, kind: super::Kind) -> Option<T> {
        let front = self.front()?;
        (front.kind == kind)
            .then(|| serde_json::from_slice(&self.0).ok())
            .flatten()
    }
}

impl Reader {
    /// Begins at the newest line. A directory that is not there has no lines.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn open(directory: &Path, query: Query) -> io::Result<Self> {
        Self::behind(Vec::new(), directory, query)
    }

    /// Begins at the newest line in memory.
    pub(super) fn behind(
        recent: Vec<RecentBatch>,
        directory: &Path,
        query: Query,
    ) -> io::Result<Self> {
        let segments = match segment::list(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            listed => listed?,
        };
        Ok(Self {
            directory: directory.to_owned(),
            query: query.prepare(),
            below: recent.first().map(|batch| batch.first_seq),
            recent,
            segments,
            text: Vec::new(),
            end: 0,
        })
    }

    /// Reads the next lines in memory, or else the next segment, that can hold what is wanted; returns whether there is any.
    fn next_segment(&mut self) -> io::Result<bool> {
        while let Some(batch) = self.recent.pop() {
            if self.query.may_be(&batch.text) {
                self.text = batch.text.to_vec();
                self.end = memchr::memrchr(b'\n', &self.text).unwrap_or(0);
                return Ok(true);
            }
        }
        while let Some(segment) = self.segments.pop() {
            let summary = read_summary(&self.directory, segment.number);
            let below = self.below.unwrap_or(u64::MAX);
            if summary.is_some_and(|summary| {
                summary.first_seq >= below || !self.query.may_be_in(&summary)
            }) {
                continue;
            }
            match segment.read(&self.directory) {
                Ok(text) => self.text = text,
                // Retention was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
            if !self.query.may_be(&self.text) {
                continue;
            }
            // A line that is being written is not one yet.
            self.end = memchr::memrchr(b'\n', &self.text).unwrap_or(0);
            self.skip_recent(below);
            return Ok(true);
        }
        Ok(false)
    }

    /// Leaves out lines at the end that were in memory.
    fn skip_recent(&mut self, below: u64) {
        while self.end > 0 {
            let unread = self.text.get(..self.end).unwrap_or_default();
            let start = memchr::memrchr(b'\n', unread).map_or(0, |at| at + 1);
            let line = unread.get(start..).unwrap_or_default();
            if link(line).is_none_or(|(seq, _)| seq < below) {
                return;
            }
            self.end = start.saturating_sub(1);
        }
    }

    fn next_line(&mut self) -> Option<Line> {
        while self.end > 0 {
            let unread = self.text.get(..self.end)?;
            let start = memchr::memrchr(b'\n', unread).map_or(0, |at| at + 1);
            let line = unread.get(start..)?;
            self.end = start.saturating_sub(1);
            if self.query.matches(line) {
                return Some(Line::new(line));
            }
        }
        None
    }
}

impl Iterator for Reader {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = self.next_line() {
                return Some(Ok(line));
            }
            match self.next_segment() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.segments.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}
