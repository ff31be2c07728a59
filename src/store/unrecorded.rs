//! Defines what becomes a record of the journal: changes that commands note, and events that an older version kept.

use super::{OldEvent, Store, StoreError, UnrecordedChange};

impl Store {
    /// Returns the same store; each change that is made through it is kept as this until the gateway has recorded it, in the same
    /// transaction.
    #[must_use]
    pub fn recording(&self, change: UnrecordedChange) -> Self {
        Self {
            database: self.database.recording(change),
        }
    }

    /// Keeps a change until the gateway has recorded it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note_change(&self, change: &UnrecordedChange) -> Result<(), StoreError> {
        self.database.note_change(change).await
    }

    /// Lists the changes that are not recorded yet, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unrecorded_changes(&self) -> Result<Vec<UnrecordedChange>, StoreError> {
        self.database.unrecorded_changes().await
    }

    /// Removes a change that was recorded.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_change(&self, id: i64) -> Result<(), StoreError> {
        self.database.forget_change(id).await
    }

    /// Returns the highest number of the events that an older version kept here; 0 where there are none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last_old_event(&self) -> Result<u64, StoreError> {
        self.database.last_old_event().await
    }

    /// Lists events of an older version behind a number, at most `limit`.
    ///
    /// # Errors
    /// `BadRow` names a row that does not read.
    pub async fn old_events(&self, after: u64, limit: u32) -> Result<Vec<OldEvent>, StoreError> {
        self.database.old_events(after, limit).await
    }

    /// Removes all events of an older version, and gives their space back.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn drop_old_events(&self) -> Result<(), StoreError> {
        self.database.drop_old_events().await
    }
}
