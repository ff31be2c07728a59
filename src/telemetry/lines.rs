//! Writes log lines to standard error on a thread of its own. Lines that the thread cannot take in time are dropped and counted.
//!
//! INVARIANT: logging neither waits nor fails, whatever becomes of standard error: full, closed, or a pipe that is not read.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait at most.
const QUEUE: usize = 1_024;

/// Longest line in bytes; longer ones are cut.
const MAX_LINE: usize = 32 * 1024;

/// The way to the thread that writes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lines {
    queue: SyncSender<Job>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Job {
    Write(Vec<u8>),
    /// Answered once all before it is written.
    Flush(SyncSender<()>),
}

impl Lines {
    /// Starts a thread that writes to standard error.
    ///
    /// # Errors
    /// When standard error is closed, or no thread can be started.
    pub fn to_stderr() -> io::Result<Self> {
        // Not through the handle that others lock: a write can last for ever.
        let file = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        Self::to(file)
    }

    /// Starts a thread that writes to `file`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn to(file: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&dropped);
        let thread = std::thread::Builder::new().name("tollgate-log".to_owned());
        thread.spawn(move || write(file, &jobs, &lost))?;
        Ok(Self { queue, dropped })
    }

    /// Queues a text, or drops it.
    pub fn say(&self, text: &[u8]) {
        let cut = text.get(..MAX_LINE);
        let mut line = cut.unwrap_or(text).to_vec();
        if cut.is_some() && !line.ends_with(b"\n") {
            line.extend_from_slice("…\n".as_bytes());
        }
        if self.queue.try_send(Job::Write(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns how many lines were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything so far is written, at most for so long.
    pub fn flush(&self, limit: Duration) {
        let (done, told) = sync_channel(1);
        // A full queue means that standard error is not being read.
        if self.queue.try_send(Job::Flush(done)).is_ok() {
            let _ = told.recv_timeout(limit);
        }
    }
}

/// Writes until the last sender is dropped.
fn write(mut file: impl Write, jobs: &Receiver<Job>, dropped: &AtomicU64) {
    let mut told = 0;
    for job in jobs {
        match job {
            Job::Flush(done) => {
                let _ = file.flush();
                let _ = done.send(());
            }
            Job::Write(line) => {
                if file.write_all(&line).is_err() {
                    dropped.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let lost = dropped.load(Ordering::Relaxed);
                if lost > told {
                    let notice = format!("tollgate: {} log lines were dropped\n", lost - told);
                    if file.write_all(notice.as_bytes()).is_ok() {
                        told = lost;
                    }
                }
            }
        }
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Line<'w>;

    fn make_writer(&'w self) -> Line<'w> {
        Line(self)
    }
}

/// Takes an event, which is formatted whole before it is written.
#[derive(Debug)]
pub struct Line<'w>(&'w Lines);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.say(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
