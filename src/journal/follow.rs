//! Follows the lines of a directory as they arrive, from a position that is kept.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::read::Line;
use super::segment::{self, Segment};
use super::summary::read_summary;

/// Most bytes that are read at once.
const PIECE: u64 = 1 << 20;

/// A place behind a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Number of the segment.
    pub segment: u64,
    /// Bytes of it that were read.
    pub offset: u64,
    /// Number of the last line that was read; 0 for none.
    pub seq: u64,
}

/// Reads what is behind a cursor.
#[derive(Debug)]
pub struct Follower {
    directory: PathBuf,
    cursor: Cursor,
}

impl Follower {
    /// Goes on at a place.
    #[must_use]
    pub fn at(directory: &Path, cursor: Cursor) -> Self {
        Self {
            directory: directory.to_owned(),
            cursor,
        }
    }

    /// Begins behind the newest line.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn at_the_end(directory: &Path) -> io::Result<Self> {
        let newest = match segment::list(directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            listed => listed?.last().copied(),
        };
        let cursor = match newest {
            None => Cursor::default(),
            Some(newest) => {
                let text = newest.read(directory)?;
                let end = memchr::memrchr(b'\n', &text).map_or(0, |at| at + 1);
                let last = text.get(..end.saturating_sub(1)).unwrap_or_default();
                let last = last
                    .rsplit(|byte| *byte == b'\n')
                    .next()
                    .unwrap_or_default();
                Cursor {
                    segment: newest.number,
                    offset: end as u64,
                    seq: super::chain::link(last).map_or(0, |(seq, _)| seq),
                }
            }
        };
        Ok(Self::at(directory, cursor))
    }

    /// Begins at or before the line behind a number, at most a segment early; lines of an older version are left out. A reader
    /// skips what it knows by its number.
    ///
    /// # Errors
    /// When the directory or a segment cannot be read.
    pub fn behind(directory: &Path, seq: u64) -> io::Result<Self> {
        let segments = match segment::list(directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            listed => listed?,
        };
        let own = |segment: &&Segment| segment.number != segment::TAKEN_OVER;
        let mut start = Cursor {
            segment: segment::TAKEN_OVER + 1,
            ..Cursor::default()
        };
        for segment in segments.iter().filter(own).rev() {
            start.segment = segment.number;
            if first_seq(directory, segment)?.is_some_and(|first| first <= seq.saturating_add(1)) {
                break;
            }
        }
        Ok(Self::at(directory, start))
    }

    /// Returns the place behind the lines that were returned.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Returns the next lines, at most a MiB; none where there is nothing new.
    ///
    /// # Errors
    /// When a segment cannot be read; the place stays.
    pub fn next_lines(&mut self) -> io::Result<Vec<Line>> {
        let segments = match segment::list(&self.directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed?,
        };
        for segment in segments {
            if segment.number < self.cursor.segment {
                continue;
            }
            if segment.number > self.cursor.segment {
                self.cursor.segment = segment.number;
                self.cursor.offset = 0;
            }
            let lines = self.lines_of(&segment)?;
            if !lines.is_empty() {
                return Ok(lines);
            }
        }
        Ok(Vec::new())
    }

    fn lines_of(&mut self, segment: &Segment) -> io::Result<Vec<Line>> {
        let mut piece = Vec::new();
        match File::open(segment::plain(&self.directory, segment.number)) {
            Ok(mut file) => {
                file.seek(SeekFrom::Start(self.cursor.offset))?;
                file.take(PIECE).read_to_end(&mut piece)?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut text = segment.open(&self.directory)?;
                io::copy(&mut text.by_ref().take(self.cursor.offset), &mut io::sink())?;
                text.take(PIECE).read_to_end(&mut piece)?;
            }
            Err(error) => return Err(error),
        }
        let Some(end) = memchr::memrchr(b'\n', &piece) else {
            return Ok(Vec::new());
        };
        let whole = piece.get(..end).unwrap_or_default();
        let lines: Vec<Line> = whole.split(|byte| *byte == b'\n').map(Line::new).collect();
        self.cursor.offset += end as u64 + 1;
        if let Some((seq, _)) = lines
            .last()
            .and_then(|line| super::chain::link(line.as_bytes()))
        {
            self.cursor.seq = seq;
        }
        Ok(lines)
    }
}

/// Returns the number of the first line of a segment; `None` for one without a whole line, or that retention has removed.
fn first_seq(directory: &Path, segment: &Segment) -> io::Result<Option<u64>> {
    if let Some(summary) = read_summary(directory, segment.number) {
        return Ok(Some(summary.first_seq));
    }
    let lines = match segment.open(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut first = Vec::new();
    BufReader::new(lines)
        .take(PIECE)
        .read_until(b'\n', &mut first)?;
    Ok(super::chain::link(&first).map(|(seq, _)| seq))
}
