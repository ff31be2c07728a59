//! Seals complete segments: each gets a summary and is compressed. Everything here can be repeated after a crash.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Weak, mpsc};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Shared;
use super::retain;
use super::segment::{self, Segment, SegmentForm};
use super::summary::{summarize, write_summary};

/// How often what is kept is looked at, beside whenever a segment is sealed.
const PAUSE: Duration = Duration::from_secs(3_600);

/// zstd's default: a third of the time of the next better ratio.
const LEVEL: i32 = 3;

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
        if segment.form == SegmentForm::Plain {
            compress(directory, *segment)?;
        }
        if !directory
            .join(segment::summary_name(segment.number))
            .exists()
        {
            let made = summarize(directory, segment)?;
            write_summary(directory, segment.number, &made)?;
        }
    }
    Ok(())
}

/// Compresses a segment; the plain file goes once the compressed one is synced and reads the same.
fn compress(directory: &Path, plain: Segment) -> io::Result<()> {
    let source = directory.join(plain.name());
    let compressed = Segment {
        form: SegmentForm::Compressed,
        ..plain
    };
    let target = directory.join(compressed.name());
    let unfinished = target.with_extension("zst.tmp");
    let mut from = File::open(&source)?;
    from.sync_all()?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut to = options.open(&unfinished)?;
    zstd::stream::copy_encode(&mut from, &mut to, LEVEL)?;
    to.sync_all()?;
    let written = zstd::stream::read::Decoder::new(File::open(&unfinished)?)?;
    if digest(written)? != digest(File::open(&source)?)? {
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
    fs::remove_file(&source)
}

fn digest(mut from: impl io::Read) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(piece.get(..read).unwrap_or_default()),
        }
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
