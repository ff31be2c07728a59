//! Finds the last whole line of a journal that is opened, and moves what is no record behind it into a file of its own.

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

/// What a plain segment ends with.
struct End {
    head: Option<Head>,
    /// Bytes of its whole lines.
    length: u64,
    torn_bytes: u64,
}

/// Finds the last whole line of a directory, and moves what stands behind it into a file of its own. After a power cut, that line may
/// be in an older segment: the newer ones hold nothing.
pub(super) fn tail(directory: &Path, segments: &[Segment]) -> io::Result<Tail> {
    let Some(newest) = segments.last() else {
        return Ok(Tail::fresh(1));
    };
    let mut tail = Tail::fresh(newest.number.saturating_add(1));
    let mut torn_bytes = 0;
    for segment in segments.iter().rev() {
        if segment.form == SegmentForm::Compressed {
            let text = segment.read_what_reads(directory)?;
            tail.head = last_record(&text).map(|(head, _)| head);
        } else {
            let end = end_of(directory, segment)?;
            torn_bytes += end.torn_bytes;
            tail.head = end.head;
            if segment.number == newest.number {
                tail.number = newest.number;
                tail.is_fresh = false;
                tail.length = end.length;
            }
        }
        if tail.head.is_some() {
            break;
        }
    }
    tail.torn_bytes = Some(torn_bytes).filter(|bytes| *bytes > 0);
    if !tail.is_fresh {
        tail.since = first_time(&segment::plain(directory, tail.number))?;
    }
    Ok(tail)
}

impl Tail {
    fn fresh(number: u64) -> Self {
        Self {
            head: None,
            number,
            is_fresh: true,
            length: 0,
            torn_bytes: None,
            since: None,
        }
    }
}

/// Finds the last record of a plain segment. What is behind it was never one, or a power cut has taken it: it is set aside.
fn end_of(directory: &Path, segment: &Segment) -> io::Result<End> {
    let path = segment::plain(directory, segment.number);
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let mut file = segment::open_regular(&path, &options)?;
    let length = file.metadata()?.len();
    let mut wanted = (4 * MAX_LINE as u64).min(length);
    let mut text = read_from(&mut file, length - wanted)?;
    let mut last = last_record(&text);
    if last.is_none() && wanted < length {
        wanted = length;
        text = read_from(&mut file, 0)?;
        last = last_record(&text);
    }
    let whole = last.map_or(0, |(_, end)| end);
    let torn = text.get(whole..).unwrap_or_default();
    let kept = length - wanted + whole as u64;
    if !torn.is_empty() {
        set_aside(&path, torn)?;
        file.set_len(kept)?;
        file.sync_all()?;
        tracing::warn!(
            bytes = torn.len(),
            segment = segment.number,
            "what is no record at the end of the journal is moved into a `.torn` file"
        );
    }
    Ok(End {
        head: last.map(|(head, _)| head),
        length: kept,
        torn_bytes: torn.len() as u64,
    })
}

fn read_from(file: &mut File, start: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}

/// Returns the last line that is a record, and where it ends, behind its LF.
fn last_record(text: &[u8]) -> Option<(Head, usize)> {
    let mut end = memchr::memrchr(b'\n', text)?;
    loop {
        let lines = text.get(..end)?;
        let before = memchr::memrchr(b'\n', lines);
        let line = lines.get(before.map_or(0, |at| at + 1)..)?;
        let is_record = Front::parse(line).is_some();
        if let Some((seq, _)) = link(line).filter(|_| is_record) {
            let hash = hash(line);
            return Some((Head { seq, hash }, end + 1));
        }
        end = before?;
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
fn first_time(path: &Path) -> io::Result<Option<SystemTime>> {
    let file = segment::open_regular(path, &segment::read_only())?;
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
