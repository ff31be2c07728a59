//! Seals complete segments: each gets a summary and is compressed. Everything here can be repeated after a crash.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Weak, mpsc};
use std::time::Duration;

use super::Shared;
use super::retain;
use super::segment::{self, Segment, SegmentForm};
use super::summary::{Maker, SegmentSummary, summarize, write_summary};

/// How often what is kept is looked at, beside whenever a segment is sealed.
const PAUSE: Duration = Duration::from_secs(3_600);

/// zstd's default: a third of the time of the next better ratio.
const LEVEL: i32 = 3;

/// Read at once of a segment.
const PIECE: usize = 256 << 10;

/// Seals what is complete until the journal ends: what was left by the last run at once, the rest as it comes.
pub(super) fn run(shared: &Weak<Shared>, sealed: &mpsc::Receiver<u64>) {
    loop {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if let Err(error) = seal_all(&shared.directory) {
            tracing::warn!(%error, "a segment of the journal cannot be sealed; it stays as it is");
        }
        retain::enforce(&shared);
        drop(shared);
        if matches!(
            sealed.recv_timeout(PAUSE),
            Err(mpsc::RecvTimeoutError::Disconnected)
        ) {
            return;
        }
    }
}

/// Seals all segments but the newest.
fn seal_all(directory: &Path) -> io::Result<()> {
    remove_unfinished(directory)?;
    let segments = segment::list(directory)?;
    let complete = segments.split_last().map_or(&[][..], |(_, rest)| rest);
    for segment in complete {
        let made = match segment.form {
            SegmentForm::Plain => Some(compress(directory, *segment)?),
            SegmentForm::Compressed => None,
        };
        if !directory
            .join(segment::summary_name(segment.number))
            .exists()
        {
            let made = made.map_or_else(|| summarize(directory, segment), Ok)?;
            write_summary(directory, segment.number, &made)?;
        }
    }
    Ok(())
}

/// Compresses a segment, and summarises it on the way; the plain file goes once the compressed one is synced and reads the same.
fn compress(directory: &Path, plain: Segment) -> io::Result<SegmentSummary> {
    let source = directory.join(plain.name());
    let compressed = Segment {
        form: SegmentForm::Compressed,
        ..plain
    };
    let target = directory.join(compressed.name());
    let unfinished = target.with_extension("zst.tmp");
    let from = File::open(&source)?;
    from.sync_all()?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut to = zstd::stream::write::Encoder::new(options.open(&unfinished)?, LEVEL)?;
    let mut maker = Maker::default();
    let mut lines = BufReader::with_capacity(PIECE, from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        maker.add(line.strip_suffix(b"\n").unwrap_or(&line));
        line.clear();
    }
    to.finish()?.sync_all()?;
    let written = zstd::stream::read::Decoder::new(File::open(&unfinished)?)?;
    let written = BufReader::with_capacity(PIECE, written);
    if !are_same(
        written,
        BufReader::with_capacity(PIECE, File::open(&source)?),
    )? {
        fs::remove_file(&unfinished)?;
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            format!(
                "`{}` does not read as what was compressed",
                compressed.name()
            ),
        ));
    }
    fs::rename(&unfinished, &target)?;
    segment::sync_directory(directory)?;
    fs::remove_file(&source)?;
    Ok(maker.finish())
}

/// Returns whether two texts are the same to their ends.
fn are_same(mut one: impl BufRead, mut other: impl BufRead) -> io::Result<bool> {
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let both = left.len().min(right.len());
        if both == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        if left.get(..both) != right.get(..both) {
            return Ok(false);
        }
        one.consume(both);
        other.consume(both);
    }
}

/// Removes what a crash has left half done.
fn remove_unfinished(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".zst.tmp") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_only_to_their_ends() {
        let compare = |one: &[u8], other: &[u8]| {
            let one = BufReader::with_capacity(3, one);
            let other = BufReader::with_capacity(7, other);
            are_same(one, other).unwrap()
        };
        let text: Vec<u8> = (0..50).collect();
        assert!(compare(b"", b"") && compare(&text, &text));
        for length in 0..text.len() {
            assert!(!compare(&text[..length], &text) && !compare(&text, &text[..length]));
            let mut other = text.clone();
            other[length] ^= 1;
            assert!(!compare(&text, &other));
        }
    }
}
