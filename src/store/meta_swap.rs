//! Replaces free-standing values of the store, only if they are still what was read.

use super::{Store, StoreError};

/// A value that takes the place of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaSwap {
    /// Key of the value.
    pub key: &'static str,
    /// What must be there; `None` for nothing.
    pub expected: Option<String>,
    /// What is there afterwards; `None` for nothing.
    pub value: Option<String>,
}

impl MetaSwap {
    /// Replaces what is expected under a key by a value.
    #[must_use]
    pub fn of(key: &'static str, expected: Option<String>, value: Option<String>) -> Self {
        Self {
            key,
            expected,
            value,
        }
    }
}

impl Store {
    /// Replaces free-standing values, all or none: each only if it is still what was expected. Returns whether they were.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn swap_meta(&self, swaps: &[MetaSwap]) -> Result<bool, StoreError> {
        self.database.swap_meta(swaps).await
    }

    /// Waits until everything that was written outlives a loss of power, as far as other readers let it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn sync(&self) -> Result<(), StoreError> {
        self.database.sync().await
    }
}
