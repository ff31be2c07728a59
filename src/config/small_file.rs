//! Reads files that operators name and that are small: regular files up to a limit, so that a pipe, a device or a huge file neither
//! blocks the reader nor fills its memory.

use std::fs::File;
use std::io::{Error, Read as _, Result};
use std::path::Path;

use zeroize::Zeroizing;

/// Returns the bytes of a regular file; what a link leads to counts.
///
/// # Errors
/// What the system says; or that it is another kind of file, or longer than `limit` bytes.
pub fn read(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>> {
    // Looked at before it is opened: opening a pipe waits for its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(Error::other("it is not a regular file"));
    }
    let mut file = File::open(path)?;
    let too_long = || Error::other(format!("it has more than {limit} bytes"));
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length > limit {
        return Err(too_long());
    }
    // Never grown, since that would leave copies behind. Files of the kernel say that they have no length.
    let room = if length == 0 { limit } else { length };
    let mut bytes = Zeroizing::new(vec![0; room.saturating_add(1)]);
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            count => filled += count,
        }
    }
    if filled > limit {
        return Err(too_long());
    }
    if filled > room {
        return Err(Error::other("it has grown while it was read"));
    }
    bytes.truncate(filled);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn only_regular_files_up_to_the_limit_are_read() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        std::fs::write(&path, b"12345678").unwrap();
        assert_eq!(read(&path, 8).unwrap().as_slice(), b"12345678");
        assert!(read(&path, 7).unwrap_err().to_string().contains("7 bytes"));
        for other in [place.path(), std::path::Path::new("/dev/zero")] {
            let error = read(other, 8).unwrap_err().to_string();
            assert_eq!(error, "it is not a regular file");
        }
        assert!(read(&place.path().join("none"), 8).is_err());
    }
}
