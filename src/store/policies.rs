//! Stores policies that operators add, beside those of the files.

use super::{Store, StoreError, StoredPolicy};

impl Store {
    /// Lists policies by id.
    ///
    /// # Errors
    /// `BadRow` names a row that does not read.
    pub async fn policies(&self) -> Result<Vec<StoredPolicy>, StoreError> {
        self.database.policies().await
    }

    /// Sets a policy, replacing the one of its id. The manifest is a JSON object.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn set_policy(&self, policy: &StoredPolicy) -> Result<(), StoreError> {
        self.database.set_policy(policy).await
    }

    /// Removes a policy.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn remove_policy(&self, id: &str) -> Result<(), StoreError> {
        self.database.remove_policy(id).await
    }
}
