//! Implements the store on SQLite, with our own settings (WAL, busy timeout, foreign keys).
//!
//! INVARIANT: what changes decisions runs in `Change`, which takes the write lock first and raises `revision` on commit.

mod agents;
mod credentials;
mod fault;
mod halts;
mod meta;
mod old_events;
mod operators;
mod permissions;
mod policies;
mod row;
mod schema;
mod unrecorded;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use sqlx::sqlite::{SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Sqlite, Transaction};

use super::{StoreError, StoreOptions, UnrecordedChange};

/// Connections of one pool: a few readers and at most one writer at a time.
const POOL: u32 = 4;

/// A store in one SQLite file.
#[derive(Debug, Clone)]
pub(super) struct Database {
    /// As it is shown.
    path: Arc<str>,
    pool: SqlitePool,
    /// What each change is recorded as, in its own transaction.
    note: Option<Arc<UnrecordedChange>>,
}

/// A write that changes decisions.
struct Change<'d> {
    database: &'d Database,
    transaction: Transaction<'static, Sqlite>,
}

// === impl Database ===

impl Database {
    /// Opens the file, which must be a store of our version.
    pub(super) async fn open(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let database = Self::at(path, options)?;
        schema::check(&database).await?;
        Ok(database)
    }

    fn at(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let shown = shown(path);
        match std::fs::metadata(path) {
            Ok(found) if found.is_file() => {}
            Ok(_) => {
                return Err(StoreError::Unreachable {
                    path: shown,
                    detail: "it is not a file".to_owned(),
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::Missing(shown));
            }
            Err(error) => {
                return Err(StoreError::Unreachable {
                    path: shown,
                    detail: error.to_string(),
                });
            }
        }
        let settings = settings(path, options);
        let pool = SqlitePoolOptions::new()
            .max_connections(POOL)
            .acquire_timeout(options.busy_timeout.saturating_mul(2) + Duration::from_secs(1))
            .max_lifetime(None)
            .connect_lazy_with(settings);
        Ok(Self {
            path: shown.into(),
            pool,
            note: None,
        })
    }

    /// Opens the file, made first where it is missing and brought up where it is older, and takes the write lock once to see that it can be had.
    pub(super) async fn create(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        if !path.exists() {
            schema::make(path, options).await?;
        }
        let database = Self::at(path, options)?;
        schema::upgrade(&database).await?;
        database
            .begin()
            .await?
            .rollback()
            .await
            .map_err(|error| database.fault(&error))?;
        Ok(database)
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    /// Returns the same database; each change made through it keeps what it is recorded as.
    pub(super) fn recording(&self, change: UnrecordedChange) -> Self {
        Self {
            note: Some(Arc::new(change)),
            ..self.clone()
        }
    }

    fn fault(&self, error: &sqlx::Error) -> StoreError {
        fault::of(&self.path, error)
    }

    /// Takes the write lock at once: a lock that is upgraded later can fail without waiting.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| self.fault(&error))
    }

    async fn change(&self) -> Result<Change<'_>, StoreError> {
        Ok(Change {
            database: self,
            transaction: self.begin().await?,
        })
    }
}

// === impl Change ===

impl Change<'_> {
    fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    fn fault(&self, error: &sqlx::Error) -> StoreError {
        self.database.fault(error)
    }

    /// Runs one statement; a taken unique value becomes `Exists`. Returns how many rows it touched.
    async fn run<'q>(
        &mut self,
        statement: sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>,
        what: &'static str,
        name: &str,
    ) -> Result<u64, StoreError> {
        let done = statement
            .execute(&mut *self.transaction)
            .await
            .map_err(|error| {
                let taken = error
                    .as_database_error()
                    .is_some_and(|fault| fault.is_unique_violation());
                if taken {
                    StoreError::Exists {
                        what,
                        name: name.to_owned(),
                    }
                } else {
                    self.database.fault(&error)
                }
            })?;
        Ok(done.rows_affected())
    }

    /// Commits without raising the revision.
    async fn commit_unnoted(self) -> Result<(), StoreError> {
        let database = self.database;
        self.transaction
            .commit()
            .await
            .map_err(|error| database.fault(&error))
    }

    async fn commit(mut self) -> Result<(), StoreError> {
        meta::raise_revision(self.connection())
            .await
            .map_err(|error| self.fault(&error))?;
        let database = self.database;
        if let Some(note) = &database.note {
            unrecorded::insert(note)
                .execute(self.connection())
                .await
                .map_err(|error| self.fault(&error))?;
        }
        self.transaction
            .commit()
            .await
            .map_err(|error| database.fault(&error))
    }
}

/// Settings of every connection. WAL lets `tollgate agent list` read while the gateway writes; with `NORMAL` a commit is
/// handed to the operating system and synced at checkpoints.
fn settings(path: &Path, options: StoreOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(options.busy_timeout)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .disable_statement_logging()
}

fn shown(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}

fn not_found(what: &'static str, name: &str) -> StoreError {
    StoreError::NotFound {
        what,
        name: name.escape_debug().to_string(),
    }
}

/// Seconds since 1970; a clock before that reads as 0, which voids nothing early.
fn seconds(now: SystemTime) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
