//! Reads checked values out of rows. A value that cannot be read names its table, key and column.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, ValueRef as _};

use crate::model::hex::Hex;
use crate::store::StoreError;

/// Reads the columns of one row.
pub(super) struct Reader<'r> {
    row: &'r SqliteRow,
    table: &'static str,
    key: String,
}

impl<'r> Reader<'r> {
    /// Starts with the key, which names the row in errors; one that does not read shows as its bytes would.
    pub(super) fn new(row: &'r SqliteRow, table: &'static str, key: &'static str) -> Self {
        let key = match (
            row.try_get::<String, _>(key),
            row.try_get_unchecked::<Vec<u8>, _>(key),
        ) {
            (Ok(text), _) => text.escape_debug().to_string(),
            (Err(_), Ok(bytes)) => abridged(&bytes),
            (Err(_), Err(_)) => "?".to_owned(),
        };
        Self { row, table, key }
    }

    pub(super) fn bad(&self, reason: impl Into<String>) -> StoreError {
        StoreError::BadRow {
            table: self.table,
            key: self.key.clone(),
            reason: reason.into(),
        }
    }

    pub(super) fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.row
            .try_get(column)
            .map_err(|_| self.bad(format!("`{column}` is not text")))
    }

    pub(super) fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        self.row
            .try_get(column)
            .map_err(|_| self.bad(format!("`{column}` is not bytes")))
    }

    pub(super) fn hash(&self, column: &'static str) -> Result<[u8; 32], StoreError> {
        let bytes = self.bytes(column)?;
        bytes
            .try_into()
            .map_err(|_| self.bad(format!("`{column}` is not 32 bytes long")))
    }

    pub(super) fn integer(&self, column: &'static str) -> Result<i64, StoreError> {
        self.row
            .try_get(column)
            .map_err(|_| self.bad(format!("`{column}` is not a number")))
    }

    pub(super) fn optional_integer(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        self.row
            .try_get(column)
            .map_err(|_| self.bad(format!("`{column}` is not a number")))
    }

    pub(super) fn optional_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.row
            .try_get(column)
            .map_err(|_| self.bad(format!("`{column}` is not text")))
    }

    /// Says whether a column is NULL; one that is not there is not.
    pub(super) fn is_null(&self, column: &'static str) -> bool {
        self.row
            .try_get_raw(column)
            .is_ok_and(|value| value.is_null())
    }

    /// Reads JSON that must be spelled exactly as we would write it: another spelling of the same value is an edit, too.
    pub(super) fn json<T: DeserializeOwned + Serialize>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let text = self.text(column)?;
        let value: T = serde_json::from_str(&text)
            .map_err(|error| self.bad(format!("`{column}`: {error}")))?;
        match serde_json::to_string(&value) {
            Ok(written) if written == text => Ok(value),
            _ => Err(self.bad(format!("`{column}` is not as it was written"))),
        }
    }
}

/// Writes what [`Reader::json`] reads.
pub(super) fn json<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unstorable {
        what,
        reason: error.to_string(),
    })
}

/// Shows the first bytes of a hash: enough to find it, useless to forge it.
pub(super) fn abridged(bytes: &[u8]) -> String {
    format!("{}…", Hex(bytes.get(..4).unwrap_or(bytes)))
}
