//! The tables: an empty place in, a store of the current version out, in one step.
//!
//! INVARIANT: a file at the store's path has all tables, since it is filled under another name and then linked there.

use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use sqlx::{ConnectOptions as _, Connection as _};

use super::{Database, fault, settings, shown};
use crate::store::{StoreError, StoreOptions};

/// Version of the tables below.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE agent (
    name TEXT PRIMARY KEY,
    labels TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE agent_token (
    hash BLOB PRIMARY KEY,
    agent TEXT NOT NULL REFERENCES agent (name) ON DELETE CASCADE,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_token_agent ON agent_token (agent);
CREATE TABLE operator (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    groups TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;
CREATE TABLE permission (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    manifest TEXT NOT NULL
) STRICT;
CREATE TABLE credential (
    id TEXT PRIMARY KEY,
    connector TEXT NOT NULL,
    scheme TEXT NOT NULL,
    public_fields TEXT NOT NULL,
    binding TEXT NOT NULL,
    key_version INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    agent_owned INTEGER NOT NULL,
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    time TEXT NOT NULL,
    request_id TEXT NOT NULL,
    agent TEXT NOT NULL,
    action TEXT NOT NULL,
    decision TEXT NOT NULL,
    code TEXT NOT NULL,
    body TEXT NOT NULL,
    prev_hash BLOB,
    hash BLOB
) STRICT;
CREATE INDEX event_request ON event (request_id);
CREATE INDEX event_time ON event (time);
INSERT INTO meta (key, value) VALUES ('revision', '0');
";

/// Checks that a file is a store and that we know its version.
pub(super) async fn check(database: &Database) -> Result<(), StoreError> {
    let foreign = || StoreError::Foreign(database.path.to_string());
    let tables: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'meta'",
    )
    .fetch_one(&database.pool)
    .await
    .map_err(|error| database.fault(&error))?;
    if tables == 0 {
        return Err(foreign());
    }
    let version = database.meta("schema_version").await?.ok_or_else(foreign)?;
    let found: i64 = version.parse().map_err(|_| foreign())?;
    if found > VERSION {
        return Err(StoreError::Newer {
            path: database.path.to_string(),
            found,
            known: VERSION,
        });
    }
    if found < VERSION {
        return Err(foreign());
    }
    Ok(())
}

/// Makes a store where there is nothing; when another process is faster, its store stays.
pub(super) async fn make(path: &Path, options: StoreOptions) -> Result<(), StoreError> {
    let unreachable = |error: &std::io::Error| StoreError::Unreachable {
        path: shown(path),
        detail: error.to_string(),
    };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| unreachable(&error))?;
    // Made 0600; SQLite gives `-wal` and `-shm` the same mode.
    let file = tempfile::Builder::new()
        .prefix(".store-")
        .tempfile_in(directory)
        .map_err(|error| unreachable(&error))?;
    fill(file.path(), options)
        .await
        .map_err(|error| fault::of(&shown(path), &error))?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(unreachable(&error.error)),
    }
}

async fn fill(path: &Path, options: StoreOptions) -> Result<(), sqlx::Error> {
    let mut connection = settings(path, options).connect().await?;
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(TABLES).execute(&mut *transaction).await?;
    sqlx::query("INSERT INTO meta (key, value) VALUES ('schema_version', ?)")
        .bind(VERSION.to_string())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    // The last connection to close moves everything from the `-wal` file, whose name ends with this link, into the file.
    connection.close().await
}
