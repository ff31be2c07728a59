//! The event table, written: lines in, kept in one transaction, on the thread that asks.
//!
//! Not through the pool: there a write is handed to a thread and back with a dozen switches between threads, which cost
//! more than the write itself and are paid by every request.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use super::checkpoint::Checkpoints;
use super::{Database, fault};
use crate::store::{Commit, EventLine, StoreError};

const INSERT: &str = "INSERT INTO event (id, kind, time, request_id, agent, action, decision, code, body) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Writes events over a connection of its own, opened on the first write and again after an error.
///
/// It blocks for as long as a write takes, or as another process holds the lock.
#[derive(Debug)]
pub struct EventWriter {
    /// As it is shown.
    path: Arc<str>,
    file: PathBuf,
    busy_timeout: Duration,
    commit: Commit,
    connection: Option<Connection>,
    checkpoints: Checkpoints,
}

impl EventWriter {
    /// Writes lines: all or none.
    ///
    /// # Errors
    /// When the store cannot be written; nothing was kept then.
    pub fn write(&mut self, lines: &[&EventLine]) -> Result<(), StoreError> {
        self.run(|connection| match lines {
            [] => Ok(()),
            [line] => insert(connection, line),
            lines => {
                connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
                for line in lines {
                    insert(connection, line)?;
                }
                connection.prepare_cached("COMMIT")?.execute([])?;
                Ok(())
            }
        })
    }

    /// Commits a write that changes nothing.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn probe(&mut self) -> Result<(), StoreError> {
        self.run(|connection| {
            let probe = "UPDATE meta SET value = value WHERE key = 'revision'";
            connection.prepare_cached(probe)?.execute([]).map(drop)
        })
    }

    /// A connection that failed is dropped, and with it what it had begun.
    fn run(
        &mut self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.open(),
        };
        let connection = connection
            .and_then(|connection| write(&connection).map(|()| connection))
            .map_err(|error| fault::of_writer(&self.path, &error))?;
        self.checkpoints.after_write(&connection, &self.file);
        self.connection = Some(connection);
        Ok(())
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        // Neither made where it is missing, nor guarded against use by two threads at once.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.busy_timeout(self.busy_timeout)?;
        let synchronous = match self.commit {
            Commit::Handed => "NORMAL",
            Commit::Synced => "FULL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        Checkpoints::take_over(&connection);
        Ok(connection)
    }
}

fn insert(connection: &Connection, line: &EventLine) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(INSERT)?;
    let kept = insert.execute(params![
        line.id,
        line.kind.as_str(),
        line.time,
        line.request_id,
        line.agent,
        line.action,
        line.decision,
        line.code,
        line.body,
    ]);
    kept.map(drop)
}

impl Database {
    pub(in crate::store) fn event_writer(&self, commit: Commit) -> EventWriter {
        EventWriter {
            path: Arc::clone(&self.path),
            file: self.file.clone(),
            busy_timeout: self.busy_timeout,
            commit,
            connection: None,
            checkpoints: Checkpoints::default(),
        }
    }
}
