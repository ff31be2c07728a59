//! Names the files of a journal by number. The highest number is being written; all others are sealed and may be compressed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// How the lines of a segment lie on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentForm {
    /// Lines as written, in a `.jsonl` file.
    Plain,
    /// Lines compressed with zstd, in a `.jsonl.zst` file.
    Compressed,
}

/// One file of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// From 1; 0 is what was taken over from a store of an older version.
    pub number: u64,
    /// How it lies on the disk.
    pub form: SegmentForm,
}

/// The number of what was taken over from a store of an older version.
pub(super) const TAKEN_OVER: u64 = 0;

impl Segment {
    /// Returns the name of the file.
    #[must_use]
    pub fn name(&self) -> String {
        match self.form {
            SegmentForm::Plain => plain_name(self.number),
            SegmentForm::Compressed => format!("{}.zst", plain_name(self.number)),
        }
    }

    /// Returns all its lines. A segment that is compressed meanwhile is found in its new form.
    ///
    /// # Errors
    /// When it cannot be read or decompressed, or is gone.
    pub fn read(&self, directory: &Path) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        match self.open(directory) {
            Ok(mut lines) => lines.read_to_end(&mut text)?,
            Err(error) => return Err(error),
        };
        Ok(text)
    }

    /// Returns its lines up to the first byte that cannot be decompressed.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn read_what_reads(&self, directory: &Path) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        let mut lines = self.open(directory)?;
        match lines.read_to_end(&mut text) {
            Err(error) if self.form == SegmentForm::Plain => Err(error),
            Ok(_) | Err(_) => Ok(text),
        }
    }

    /// Returns a reader of its lines.
    ///
    /// # Errors
    /// As [`Segment::read`].
    pub fn open(&self, directory: &Path) -> io::Result<Box<dyn io::Read + Send>> {
        let compressed = || -> io::Result<Box<dyn io::Read + Send>> {
            let form = SegmentForm::Compressed;
            let file = open_regular(&directory.join(Self { form, ..*self }.name()), &read_only())?;
            Ok(Box::new(zstd::stream::read::Decoder::new(file)?))
        };
        match self.form {
            SegmentForm::Compressed => compressed(),
            SegmentForm::Plain => match open_regular(&directory.join(self.name()), &read_only()) {
                Ok(file) => Ok(Box::new(file)),
                Err(error) if error.kind() == ErrorKind::NotFound => compressed(),
                Err(error) => Err(error),
            },
        }
    }
}

/// Returns the name of a plain segment.
#[must_use]
pub(super) fn plain_name(number: u64) -> String {
    format!("{number:012}.jsonl")
}

/// Returns the name of a segment's summary.
#[must_use]
pub(super) fn summary_name(number: u64) -> String {
    format!("{number:012}.summary.json")
}

/// Returns the path of a plain segment.
#[must_use]
pub(super) fn plain(directory: &Path, number: u64) -> PathBuf {
    directory.join(plain_name(number))
}

/// Lists the segments of a directory by number. Where both forms of one are there, the plain one counts: it goes last.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(directory: &Path) -> io::Result<Vec<Segment>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if let Some(segment) = name.to_str().and_then(parse) {
            let kept = found.entry(segment.number).or_insert(segment);
            if segment.form == SegmentForm::Plain {
                *kept = segment;
            }
        }
    }
    Ok(found.into_values().collect())
}

fn parse(name: &str) -> Option<Segment> {
    let (digits, rest) = name.split_once('.')?;
    let form = match rest {
        "jsonl" => SegmentForm::Plain,
        "jsonl.zst" => SegmentForm::Compressed,
        _ => return None,
    };
    let good = digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| good)?;
    let segment = Segment { number, form };
    // One number has one name.
    (segment.name() == name).then_some(segment)
}

/// Makes the directory of a journal, which only its owner may enter.
pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

/// Opens a plain segment for appending; `fresh` makes it, and fails where it is there.
pub(super) fn open_to_append(directory: &Path, number: u64, fresh: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).read(true).mode(0o600);
    if fresh {
        options.create_new(true);
    }
    let file = open_regular(&plain(directory, number), &options)?;
    if fresh {
        sync_directory(directory)?;
    }
    Ok(file)
}

/// Makes the lines of the segment that is being written survive a power cut.
pub(super) fn sync_newest(directory: &Path) -> io::Result<()> {
    match list(directory)?.last() {
        Some(newest) if newest.form == SegmentForm::Plain => {
            open_regular(&plain(directory, newest.number), &read_only())?.sync_data()
        }
        Some(_) | None => Ok(()),
    }
}

/// Opens a file, and nothing else: a pipe would block its reader, and a device is no journal.
pub(super) fn open_regular(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let named = |error: io::Error| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        io::Error::new(error.kind(), format!("`{name}`: {error}"))
    };
    let mut options = options.clone();
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits();
    options.custom_flags(nonblocking.cast_signed());
    let file = options.open(path).map_err(named)?;
    if file.metadata().map_err(named)?.is_file() {
        return Ok(file);
    }
    Err(named(io::Error::new(
        ErrorKind::InvalidData,
        "it is not a regular file",
    )))
}

/// Opens for reading only.
pub(super) fn read_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    options
}

/// Makes what was created, renamed or removed in a directory survive a power cut.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Writes a whole file under another name and renames it. After a power cut it may be the one before.
pub(super) fn replace(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let unfinished = directory.join(format!("{name}.tmp"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&unfinished)?.write_all(bytes)?;
    fs::rename(&unfinished, directory.join(name))
}

/// The same, and synced, so that it is there whole or not at all.
pub(super) fn write_whole(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let unfinished = directory.join(format!("{name}.tmp"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, directory.join(name))?;
    sync_directory(directory)
}
