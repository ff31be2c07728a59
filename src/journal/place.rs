//! Tells whether the segment that is being written is still in its directory. One that was removed is put back out of the open file.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use super::segment;

/// Bytes that are copied at once.
const PIECE: usize = 256 << 10;

/// Where an open segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentPlace {
    /// Still under its name in the directory.
    There,
    /// Nothing has its name.
    Gone,
}

/// Finds an open segment, of which so many bytes are whole lines.
///
/// # Errors
/// When it was cut, or another file has its name.
pub(super) fn place_of(
    directory: &Path,
    number: u64,
    (file, length): (&File, u64),
) -> io::Result<SegmentPlace> {
    let name = segment::plain_name(number);
    let own = file.metadata()?;
    if own.len() < length {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            format!(
                "`{name}` was cut by somebody else; restart the gateway to go on behind what is left"
            ),
        ));
    }
    match fs::symlink_metadata(segment::plain(directory, number)) {
        Ok(named) if (named.dev(), named.ino()) == (own.dev(), own.ino()) => {
            Ok(SegmentPlace::There)
        }
        Ok(_) => Err(io::Error::new(
            ErrorKind::AlreadyExists,
            format!("`{name}` was replaced by another file; remove that file"),
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(SegmentPlace::Gone),
        Err(error) => Err(error),
    }
}

/// Gives an open segment its name back, with a copy of its lines.
///
/// # Errors
/// When it cannot be copied, or something has its name.
pub(super) fn put_back(
    directory: &Path,
    number: u64,
    (file, length): (&File, u64),
) -> io::Result<File> {
    let unfinished = directory.join(format!("{}.tmp", segment::plain_name(number)));
    let copied = copy(&unfinished, (file, length))
        // Unlike a rename, it replaces nothing.
        .and_then(|()| fs::hard_link(&unfinished, segment::plain(directory, number)));
    let _ = fs::remove_file(&unfinished);
    copied?;
    segment::sync_directory(directory)?;
    segment::open_to_append(directory, number, false)
}

fn copy(to: &Path, (file, length): (&File, u64)) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let copy = segment::open_regular(to, &options)?;
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    while at < length {
        let wanted = usize::try_from(length - at).map_or(PIECE, |left| left.min(PIECE));
        let piece = piece.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(piece, at)?;
        copy.write_all_at(piece, at)?;
        at += wanted as u64;
    }
    copy.sync_all()
}
