//! Replaces a key file so that wherever it is cut off, one of the files beside it has the key.

use std::path::{Path, PathBuf};

/// Returns the file that a new key is written to before it takes the place of a key file.
#[must_use]
pub fn next_file(path: &Path) -> PathBuf {
    with_end(path, ".next")
}

/// Returns the file that the key before is kept in; copies of the store from before need it.
pub(super) fn previous_file(path: &Path) -> PathBuf {
    with_end(path, ".previous")
}

/// Puts the new key in the place of a key file, whose key is kept beside it.
///
/// # Errors
/// What the system says; the vault opens with the key wherever it was left.
pub fn put_in_place(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        std::fs::rename(path, previous_file(path))?;
    }
    std::fs::rename(next_file(path), path)?;
    let directory = path.parent().unwrap_or(path);
    std::fs::File::open(directory)?.sync_all()
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
