//! Defines what a journal asks of its disk. A test puts a disk in that fails or stalls.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// Writes to files and syncs them; tests put failures in between.
pub trait Disk: fmt::Debug + Send {
    /// Writes at most all of `bytes` at the end of a file and returns how many it was.
    ///
    /// # Errors
    /// When nothing was written.
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<usize>;

    /// Returns once everything written is on the disk.
    ///
    /// # Errors
    /// When it cannot be said that it is.
    fn sync(&mut self, file: &mut File) -> io::Result<()>;
}

/// The disk of the operating system.
#[derive(Debug, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        file.sync_data()
    }
}

/// Space that is set aside for records of allowed requests: a file that is removed when the disk is full.
#[derive(Debug)]
pub(super) struct Reserve {
    file: PathBuf,
    bytes: u64,
    is_there: bool,
}

impl Reserve {
    /// Sets the space aside where there is room for it.
    pub(super) fn new(directory: &Path, bytes: u64) -> Self {
        let mut reserve = Self {
            file: directory.join("reserve"),
            bytes,
            is_there: false,
        };
        reserve.restore();
        reserve
    }

    /// Gives the space to the next writer; returns whether there was any.
    pub(super) fn release(&mut self) -> bool {
        self.is_there && {
            self.is_there = false;
            fs::remove_file(&self.file).is_ok()
        }
    }

    /// Sets the space aside again where the disk has twice as much; returns whether it is.
    pub(super) fn restore(&mut self) -> bool {
        if self.is_there || self.bytes == 0 {
            return true;
        }
        let has_room = free(&self.file).is_none_or(|free| free >= self.bytes.saturating_mul(2));
        self.is_there = has_room && self.allocate().is_ok();
        if !self.is_there {
            // Half of one is of no use.
            let _ = fs::remove_file(&self.file);
        }
        self.is_there
    }

    fn allocate(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&self.file)?;
        Ok(fallocate(file, FallocateFlags::empty(), 0, self.bytes)?)
    }
}

/// Returns how many bytes the disk of a path has left for us.
#[must_use]
pub fn free(path: &Path) -> Option<u64> {
    // A file that is not there yet lies where its directory does.
    let disk = statvfs(path)
        .or_else(|error| path.parent().map_or(Err(error), statvfs))
        .ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}
