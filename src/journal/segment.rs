//! Segments: the files of a journal by number. The highest number is being written; all others are sealed and may be compressed.

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

    /// Returns a reader of its lines.
    ///
    /// # Errors
    /// As [`Segment::read`].
    pub fn open(&self, directory: &Path) -> io::Result<Box<dyn io::Read + Send>> {
        let compressed = || -> io::Result<Box<dyn io::Read + Send>> {
            let form = SegmentForm::Compressed;
            let file = File::open(directory.join(Self { form, ..*self }.name()))?;
            Ok(Box::new(zstd::stream::read::Decoder::new(file)?))
        };
        match self.form {
            SegmentForm::Compressed => compressed(),
            SegmentForm::Plain => match File::open(directory.join(self.name())) {
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
    Some(Segment { number, form })
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
    let file = options.open(plain(directory, number))?;
    if fresh {
        sync_directory(directory)?;
    }
    Ok(file)
}

/// Makes what was created, renamed or removed in a directory survive a power cut.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Writes a whole file under another name and renames it, so that it is there whole or not at all.
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
