//! Moves pages of the `-wal` file into the database on a thread of its own, when that file has grown.
//!
//! A checkpoint syncs two files, which takes as long as thousands of writes; a request that waits for the journal would wait for
//! it. SQLite lets other connections write meanwhile, but restarts the `-wal` file only after a pass has moved all of it.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// Pages that the `-wal` file grows by until they are moved: 16 MiB. Most of them are the same few pages over and over, so
/// moving them seldom is what saves.
const PASS: u32 = 4_000;

/// Pages from which writing pauses to move the last few, so that the file starts over: 64 MiB, and what comes during a pass.
/// Under less than a constant load a pass meets a moment without writes long before.
const LIMIT: u32 = 16_000;

thread_local! {
    /// Pages in the `-wal` file after the last commit of this thread: SQLite's hook takes a function and no state.
    static PAGES: Cell<u32> = const { Cell::new(0) };
}

/// When to move pages, for one connection that writes.
#[derive(Debug)]
pub(super) struct Checkpoints {
    pass: u32,
    limit: u32,
    /// Started with the first pass.
    mover: Option<Mover>,
    /// Pages at which the last pass began.
    begun_at: u32,
    /// Whether writing pauses after it.
    finishes: bool,
}

/// The thread that moves them. It ends when dropped.
#[derive(Debug)]
struct Mover {
    begin: Option<SyncSender<()>>,
    /// Whether a pass has ended of which the writer has not heard.
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Leaves checkpoints of this connection to [`Self::after_write`].
    pub(super) fn take_over(connection: &Connection) {
        connection.wal_hook(Some(|_, pages| {
            PAGES.set(u32::try_from(pages).unwrap_or(0));
            Ok(())
        }));
    }

    /// Begins a pass when it is time, on the thread that has just written over this connection.
    pub(super) fn after_write(&mut self, connection: &Connection, file: &Path) {
        let pages = PAGES.get();
        if pages < self.begun_at {
            // The file has started over.
            self.begun_at = 0;
            self.finishes = false;
        }
        if pages < self.pass {
            return;
        }
        let mover = self.mover.get_or_insert_with(|| Mover::start(file));
        if self.finishes && mover.ended.swap(false, Ordering::AcqRel) {
            self.finishes = false;
            report(pass(connection));
        } else if pages >= self.begun_at.saturating_add(self.pass) && mover.begin() {
            self.begun_at = pages;
            self.finishes = pages >= self.limit;
        }
    }
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self {
            pass: PASS,
            limit: LIMIT,
            mover: None,
            begun_at: 0,
            finishes: false,
        }
    }
}

impl Mover {
    fn start(file: &Path) -> Self {
        let (begin, begun) = sync_channel(0);
        let ended = Arc::new(AtomicBool::new(false));
        let thread = {
            let (file, ended) = (file.to_owned(), Arc::clone(&ended));
            let thread = std::thread::Builder::new().name("tollgate-moves".to_owned());
            thread.spawn(move || serve(&file, &begun, &ended))
        };
        if let Err(error) = &thread {
            tracing::warn!(%error, "the store's `-wal` file is not moved");
        }
        Self {
            begin: Some(begin),
            ended,
            thread: thread.ok(),
        }
    }

    /// Begins a pass; returns whether none was under way.
    fn begin(&self) -> bool {
        self.ended.store(false, Ordering::Release);
        self.begin
            .as_ref()
            .is_some_and(|begin| begin.try_send(()).is_ok())
    }
}

impl Drop for Mover {
    fn drop(&mut self) {
        self.begin = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has nothing to tell here.
            let _ = thread.join();
        }
    }
}

fn serve(file: &Path, begun: &Receiver<()>, ended: &AtomicBool) {
    let mut connection = None;
    while let Ok(()) = begun.recv() {
        let outcome = match connection.take() {
            Some(open) => Ok(open),
            None => open(file),
        };
        // One that failed is opened again for the next pass.
        match outcome.and_then(|open| pass(&open).map(|()| open)) {
            Ok(open) => connection = Some(open),
            Err(error) => report(Err(error)),
        }
        ended.store(true, Ordering::Release);
    }
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection)
}

/// Moves pages that can be moved without waiting. If another process is checkpointing, it does nothing.
fn pass(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// Pages that stay in the `-wal` file are safe; the file grows.
fn report(outcome: rusqlite::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "the store's `-wal` file cannot be moved into the database");
    }
}

#[cfg(test)]
mod tests {
    use super::{Checkpoints, PAGES, open};

    #[test]
    fn the_file_starts_over_while_writing_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("s.db");
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .unwrap();
        connection
            .execute("CREATE TABLE t (x BLOB) STRICT", [])
            .unwrap();
        drop(connection);
        let connection = open(&file).unwrap();
        Checkpoints::take_over(&connection);
        let mut checkpoints = Checkpoints {
            pass: 20,
            limit: 100,
            ..Checkpoints::default()
        };
        let (mut longest, mut starts) = (0, 0);
        for _ in 0..20_000 {
            connection
                .execute("INSERT INTO t VALUES (zeroblob(9000))", [])
                .unwrap();
            let pages = PAGES.get();
            starts += usize::from(pages < longest);
            longest = if pages < longest {
                pages
            } else {
                pages.max(longest)
            };
            checkpoints.after_write(&connection, &file);
            if starts == 3 {
                return;
            }
        }
        panic!("the file has {longest} pages and goes on");
    }
}
