//! Stores credentials: sealed rows, and sealed pins of those that the configuration declares.

use std::collections::BTreeMap;

use super::{Cascade, Store, StoreError, UnrecordedChange};
use crate::model::credential::SealedCredential;

/// A credential that comes from another store.
#[derive(Debug, Clone)]
pub struct ImportedCredential {
    /// The row that is added.
    pub credential: SealedCredential,
    /// What its token endpoint has put in place of fields, sealed.
    pub replaced: Option<String>,
    /// What is recorded of it.
    pub note: UnrecordedChange,
}

impl Store {
    /// Lists credentials by id, still sealed.
    ///
    /// # Errors
    /// `BadRow` names a row that does not read.
    pub async fn credentials(&self) -> Result<Vec<SealedCredential>, StoreError> {
        self.database.credentials().await
    }

    /// Adds a credential; never replaces one.
    ///
    /// # Errors
    /// `Exists` when the id is taken.
    pub async fn put_credential(&self, credential: &SealedCredential) -> Result<(), StoreError> {
        self.database.put_credential(credential).await
    }

    /// Adds credentials of another store, all or none; never replaces one.
    ///
    /// # Errors
    /// `Exists` when an id is taken; then nothing is added.
    pub async fn import_credentials(
        &self,
        imported: &[ImportedCredential],
    ) -> Result<(), StoreError> {
        self.database.import_credentials(imported).await
    }

    /// Replaces what a credential holds and where it goes, if the row is still as it was read; returns whether it was.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn replace_credential(
        &self,
        old: &SealedCredential,
        new: &SealedCredential,
    ) -> Result<bool, StoreError> {
        self.database.replace_credential(old, new).await
    }

    /// Returns the sealed pins of credentials that the configuration declares, by the credential's id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn pins(&self) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        self.database.pins().await
    }

    /// Keeps a sealed pin, replacing the one of that credential.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn put_pin(&self, credential: &str, sealed: &[u8]) -> Result<(), StoreError> {
        self.database.put_pin(credential, sealed).await
    }

    /// Removes a credential.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn remove_credential(&self, id: &str) -> Result<(), StoreError> {
        self.remove_credential_with(id, &Cascade::default()).await
    }

    /// Removes a credential and what it is named by.
    ///
    /// # Errors
    /// `NotFound` when there is none; then nothing is changed.
    pub async fn remove_credential_with(
        &self,
        id: &str,
        cascade: &Cascade,
    ) -> Result<(), StoreError> {
        self.database.remove_credential(id, cascade).await
    }
}
