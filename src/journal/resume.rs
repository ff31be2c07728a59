//! Resumes behind what was delivered, also where the files are not what they were: restored from a copy, cut, or written twice.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use super::chain::{Head, hash, link};
use super::follow::{Cursor, Follower};
use super::progress::Delivered;
use super::segment::{self, Segment};
use super::summary::read_summary;

/// What became of the last line that was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// It is where it was, or nothing was delivered yet.
    InPlace,
    /// It is elsewhere or gone; records with higher numbers follow.
    Moved,
    /// Its number now has another hash. The segment with that number is delivered again.
    Forked,
}

/// Returns what reads on behind a line that was delivered.
///
/// # Errors
/// When a segment cannot be read.
pub fn resume(directory: &Path, delivered: &Delivered) -> io::Result<(Follower, Resumed)> {
    let cursor = delivered.cursor;
    let Some(head) = delivered.head() else {
        return Ok((Follower::at(directory, cursor), Resumed::InPlace));
    };
    let segments = list(directory)?;
    let own = segments
        .iter()
        .find(|segment| segment.number == cursor.segment);
    // Retention may have removed it; then the next segment follows.
    let is_gone = own.is_none() && segments.first().is_none_or(|s| s.number > cursor.segment);
    let is_in_place = match own {
        Some(segment) => ends_with(directory, segment, (cursor.offset, head))?,
        None => is_gone && !segments.is_empty(),
    };
    if is_in_place {
        return Ok((Follower::at(directory, cursor), Resumed::InPlace));
    }
    search(directory, &segments, head)
}

/// Segments of the live chain. What was taken over is a chain of its own.
fn list(directory: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = segment::list(directory)?;
    segments.retain(|segment| segment.number != segment::TAKEN_OVER);
    Ok(segments)
}

/// Returns whether the bytes before an offset end with a line of this number and hash.
fn ends_with(directory: &Path, segment: &Segment, (offset, head): (u64, Head)) -> io::Result<bool> {
    let mut text = Vec::new();
    segment
        .open(directory)?
        .take(offset)
        .read_to_end(&mut text)?;
    let line = text
        .strip_suffix(b"\n")
        .filter(|_| text.len() as u64 == offset);
    let line = line.map(|text| {
        text.rsplit(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default()
    });
    Ok(line.is_some_and(|line| {
        link(line).is_some_and(|(seq, _)| seq == head.seq) && hash(line) == head.hash
    }))
}

/// Finds the line by its number, or the first with a higher one, or the end.
fn search(directory: &Path, segments: &[Segment], head: Head) -> io::Result<(Follower, Resumed)> {
    let mut cursor = Cursor {
        seq: head.seq,
        ..Cursor::default()
    };
    for segment in segments {
        cursor.segment = segment.number;
        cursor.offset = 0;
        let summary = read_summary(directory, segment.number);
        if summary.is_some_and(|summary| summary.last_seq < head.seq) {
            continue;
        }
        let mut lines = BufReader::new(segment.open(directory)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            lines.read_until(b'\n', &mut line)?;
            let Some(whole) = line.strip_suffix(b"\n") else {
                break;
            };
            match link(whole) {
                Some((seq, _)) if seq == head.seq && hash(whole) != head.hash => {
                    cursor.offset = 0;
                    return Ok((Follower::at(directory, cursor), Resumed::Forked));
                }
                Some((seq, _)) if seq > head.seq => {
                    return Ok((Follower::at(directory, cursor), Resumed::Moved));
                }
                _ => cursor.offset += line.len() as u64,
            }
        }
    }
    Ok((Follower::at(directory, cursor), Resumed::Moved))
}
