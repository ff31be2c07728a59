//! Names why the store cannot answer, one fact a variant, so that a command can say what to do. A URL is never shown, because it
//! may hold a password.

/// Reasons why the store cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is none at this place, and only `serve` makes one.
    #[error("there is no store at `{0}`")]
    Missing(String),
    /// A backend that does not exist yet, by scheme.
    #[error("`{0}://` stores are not supported yet: use `sqlite:<path>`")]
    Unsupported(String),
    /// The url does not say where.
    #[error("the store url {0}: it is `sqlite:<path>`")]
    BadUrl(String),
    /// A file that this program did not make.
    #[error("`{0}` is not a tollgate store")]
    Foreign(String),
    /// Made by a later version.
    #[error(
        "the store `{path}` has schema version {found}, this tollgate knows {known}: use a newer tollgate"
    )]
    Newer {
        /// Path of the store's file.
        path: String,
        /// Version of its tables.
        found: i64,
        /// The newest schema version that this build knows.
        known: i64,
    },
    /// Made by an earlier version; `serve` brings it up.
    #[error(
        "the store `{path}` has schema version {found}, this tollgate has {known}: `tollgate serve` brings it up"
    )]
    Older {
        /// Path of the store's file.
        path: String,
        /// Version of its tables.
        found: i64,
        /// The schema version that this build writes.
        known: i64,
    },
    /// SQLite cannot make sense of it.
    #[error("the store `{path}` is damaged ({detail})")]
    Corrupt {
        /// Path of the store's file.
        path: String,
        /// The message of SQLite itself.
        detail: String,
    },
    /// Another process keeps it for longer than we wait.
    #[error("the store `{0}` is locked by another process")]
    Locked(String),
    /// It can be read only.
    #[error("the store `{0}` is read-only")]
    ReadOnly(String),
    /// No room left on the disk.
    #[error("the disk of the store `{0}` is full")]
    Full(String),
    /// The operating system does not let us.
    #[error("the store `{path}` cannot be opened ({detail})")]
    Unreachable {
        /// Path of the store's file.
        path: String,
        /// The system's own message.
        detail: String,
    },
    /// A name is taken.
    #[error("{what} `{name}` exists already")]
    Exists {
        /// `agent`, `token`, `credential`, …
        what: &'static str,
        /// Its name; for a token a few digits of its hash.
        name: String,
    },
    /// There is nothing of that name.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// `agent`, `token`, `credential`, …
        what: &'static str,
        /// Its name; for a token a few digits of its hash.
        name: String,
    },
    /// A value that would not read back.
    #[error("{what} cannot be stored: {reason}")]
    Unstorable {
        /// The value that was to be written.
        what: &'static str,
        /// The reason why it was rejected.
        reason: String,
    },
    /// The database was edited or damaged.
    #[error("row `{key}` of table `{table}` cannot be read: {reason}")]
    BadRow {
        /// Name of the table.
        table: &'static str,
        /// Primary key of the row, escaped.
        key: String,
        /// The column and its problem.
        reason: String,
    },
    /// The backend failed in another way.
    #[error("the store `{path}` failed ({detail})")]
    Failed {
        /// Path of the store's file.
        path: String,
        /// The message of SQLite itself.
        detail: String,
    },
}
