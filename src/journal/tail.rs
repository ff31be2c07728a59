//! The end of a journal that is opened: the last whole line is found, and an unfinished one is moved into a file of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::body::MAX_LINE;
use super::chain::{Front, Head, hash, link};
use super::segment::{self, Segment, SegmentForm};

/// Where the lines of a directory end.
pub(super) struct Tail {
    /// The last whole line; `None` where there is none.
    pub(super) head: Option<Head>,
    /// The segment that goes on.
    pub(super) number: u64,
    pub(super) is_fresh: bool,
    /// Bytes of its whole lines.
    pub(super) length: u64,
    pub(super) torn_bytes: Option<u64>,
    pub(super) since: Option<SystemTime>,
}

/// Finds the last whole line of a directory, and moves what stands behind it into a file of its own.
pub(super) fn tail(directory: &Path, segments: &[Segment]) -> io::Result<Tail> {
    let fresh = |number, head| Tail {
        head,
        number,
        is_fresh: true,
        length: 0,
        torn_bytes: None,
        since: None,
    };
    let Some(newest) = segments.last() else {
        return Ok(fresh(1, None));
    };
    let next = newest.number.saturating_add(1);
    if newest.form == SegmentForm::Compressed {
        let text = newest.read(directory)?;
        return Ok(fresh(
            next,
            last_line(&text).map(|line| head_of(&text, line)),
        ));
    }
    let path = segment::plain(directory, newest.number);
    let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
    let length = file.metadata()?.len();
    let end = end_of_text(&mut file, length)?;
    let whole = whole_bytes(&end);
    let torn = end.get(whole..).unwrap_or_default();
    let kept = length.saturating_sub(torn.len() as u64);
    let torn_bytes = (!torn.is_empty()).then_some(torn.len() as u64);
    if torn_bytes.is_some() {
        set_aside(&path, torn)?;
        file.set_len(kept)?;
        file.sync_all()?;
        tracing::warn!(
            bytes = torn.len(),
            segment = newest.number,
            "an unfinished line of the journal is moved into a `.torn` file"
        );
    }
    let text = end.get(..whole).unwrap_or_default();
    let before = segments.iter().rev().nth(1);
    let head = match (last_line(text), before) {
        (Some(line), _) => Some(head_of(&whole_text(&mut file, text, kept)?, line)),
        // Made and never written.
        (None, Some(before)) => {
            let text = before.read(directory)?;
            last_line(&text).map(|line| head_of(&text, line))
        }
        (None, None) => None,
    };
    Ok(Tail {
        head,
        number: newest.number,
        is_fresh: false,
        length: kept,
        torn_bytes,
        since: first_time(&mut file)?,
    })
}

/// Returns the last bytes of a file, enough for two whole lines.
fn end_of_text(file: &mut File, length: u64) -> io::Result<Vec<u8>> {
    let wanted = (4 * MAX_LINE as u64).min(length);
    file.seek(SeekFrom::Start(length - wanted))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    // A line that is longer than any of ours was not written by us.
    if wanted < length && memchr::memchr(b'\n', &end).is_none() {
        file.seek(SeekFrom::Start(0))?;
        end.clear();
        file.read_to_end(&mut end)?;
    }
    Ok(end)
}

/// The text that numbers can be counted in: all of it where its last line does not say its own.
fn whole_text(file: &mut File, end: &[u8], length: u64) -> io::Result<Vec<u8>> {
    if last_line(end).is_some_and(|line| link(line).is_some()) {
        return Ok(end.to_vec());
    }
    file.seek(SeekFrom::Start(0))?;
    let mut text = Vec::new();
    Read::take(&mut *file, length).read_to_end(&mut text)?;
    Ok(text)
}

fn whole_bytes(text: &[u8]) -> usize {
    memchr::memrchr(b'\n', text).map_or(0, |at| at + 1)
}

/// Returns the last line of whole lines, without its LF.
fn last_line(text: &[u8]) -> Option<&[u8]> {
    text.strip_suffix(b"\n")?
        .rsplit(|byte| *byte == b'\n')
        .next()
}

/// Returns the head that a last line is. Where it was damaged its number follows from the lines before; `verify` names it.
fn head_of(text: &[u8], line: &[u8]) -> Head {
    let mut behind = 0;
    let lines = text.strip_suffix(b"\n").unwrap_or(text);
    for line in lines.rsplit(|byte| *byte == b'\n') {
        if let Some((seq, _)) = link(line) {
            behind += seq;
            break;
        }
        behind += 1;
    }
    Head {
        seq: behind,
        hash: hash(line),
    }
}

fn set_aside(path: &Path, torn: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    let mut file = options.open(path.with_extension("torn"))?;
    file.write_all(torn)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Returns when the first record of a segment was made.
fn first_time(file: &mut File) -> io::Result<Option<SystemTime>> {
    file.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    Read::take(file, MAX_LINE as u64 + 1).read_to_end(&mut start)?;
    let line = start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let time =
        Front::parse(line).and_then(|front| OffsetDateTime::parse(front.time, &Rfc3339).ok());
    Ok(time.map(SystemTime::from))
}
