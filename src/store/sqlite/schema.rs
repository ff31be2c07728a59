//! Creates the tables, or migrates those of an older store, in one step.
//!
//! INVARIANT: a file at the store's path has all tables of one version. A new one is filled under another name and then linked
//! there; an older one is migrated in one transaction.

use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use sqlx::{ConnectOptions as _, Connection as _};

use super::{Database, fault, settings, shown};
use crate::store::{StoreError, StoreOptions};

/// The steps of the schema; a store of version n has the first n. Steps are only added at the end.
const STEPS: [&str; 5] = [FIRST, HALTS, PLACEMENTS, UNRECORDED, POLICIES];

/// Version of the tables below.
const VERSION: i64 = STEPS.len() as i64;

const FIRST: &str = "
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
    seq INTEGER PRIMARY KEY,
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

const HALTS: &str = "
CREATE TABLE halt (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    since TEXT NOT NULL,
    operator TEXT NOT NULL,
    reason TEXT,
    PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;
";

/// An empty placement is that of a row of an older build: `serve` seals it again.
const PLACEMENTS: &str = "
ALTER TABLE credential ADD COLUMN placement TEXT NOT NULL DEFAULT '';
CREATE TABLE pin (
    credential TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
";

/// What was changed without a gateway that could record it. `event` holds what an older version kept, until it is taken over.
const UNRECORDED: &str = "
CREATE TABLE unrecorded (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    operator TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL
) STRICT;
";

/// Policies of operators, and what is shown of tokens and changes.
const POLICIES: &str = "
CREATE TABLE policy (
    id TEXT PRIMARY KEY,
    manifest TEXT NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE agent_token ADD COLUMN created_at TEXT;
ALTER TABLE agent_token ADD COLUMN used_at INTEGER;
ALTER TABLE unrecorded ADD COLUMN agent TEXT NOT NULL DEFAULT '';
ALTER TABLE unrecorded ADD COLUMN detail TEXT NOT NULL DEFAULT '';
";

/// Checks that a file is a store of our version.
pub(super) async fn check(database: &Database) -> Result<(), StoreError> {
    let found = version(database).await?;
    if found < VERSION {
        return Err(StoreError::Older {
            path: database.path.to_string(),
            found,
            known: VERSION,
        });
    }
    Ok(())
}

/// Brings a store of an older version up to ours.
pub(super) async fn upgrade(database: &Database) -> Result<(), StoreError> {
    if version(database).await? == VERSION {
        return Ok(());
    }
    let mut transaction = database.begin().await?;
    // Another process may have been faster, so what counts is read under the lock.
    let found: String = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'schema_version'")
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| database.fault(&error))?;
    let done = found.parse().unwrap_or(usize::MAX);
    for step in STEPS.iter().skip(done) {
        sqlx::raw_sql(*step)
            .execute(&mut *transaction)
            .await
            .map_err(|error| database.fault(&error))?;
    }
    sqlx::query("UPDATE meta SET value = ? WHERE key = 'schema_version'")
        .bind(VERSION.to_string())
        .execute(&mut *transaction)
        .await
        .map_err(|error| database.fault(&error))?;
    transaction
        .commit()
        .await
        .map_err(|error| database.fault(&error))
}

/// Returns the version of a store's tables, which is not newer than ours.
async fn version(database: &Database) -> Result<i64, StoreError> {
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
    if found < 1 {
        return Err(foreign());
    }
    Ok(found)
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
    for step in STEPS {
        sqlx::raw_sql(step).execute(&mut *transaction).await?;
    }
    sqlx::query("INSERT INTO meta (key, value) VALUES ('schema_version', ?)")
        .bind(VERSION.to_string())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    // The last connection to close moves everything from the `-wal` file, whose name ends with this link, into the file.
    connection.close().await
}
