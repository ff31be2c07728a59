//! Keeps the fields that a token endpoint has replaced, such as a refresh token that is good for one use.
//!
//! INVARIANT: what is kept is sealed to the credential's id and to the secrets that it was added with. It counts only for them: an
//! operator who gives another refresh token is obeyed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::key::MasterKey;
use crate::model::credential::{CredentialId, SealedCredential};
use crate::model::secret::Secret;
use crate::store::{Store, StoreError};

/// Keeps these seals apart from all others.
const ROTATED: &[u8] = b"tollgate rotated 1";

type Fields = BTreeMap<String, Secret>;

/// Seals, stores and opens replaced fields.
#[derive(Clone)]
pub struct RotatedFields {
    cipher: Arc<Cipher>,
    store: Store,
}

/// Reasons why replaced fields cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum RotatedError {
    /// The store cannot be read or written.
    #[error("replaced refresh tokens cannot be read or stored: {0}")]
    Store(#[from] StoreError),
    /// The cipher or the serialiser refused.
    #[error("a replaced refresh token cannot be sealed")]
    Unsealable,
}

impl RotatedFields {
    /// Makes a keeper that uses the master key and the store.
    #[must_use]
    pub fn new(key: &MasterKey, store: Store) -> Self {
        let cipher = Arc::new(Cipher::new(key));
        Self { cipher, store }
    }

    /// Returns what has replaced fields of a credential, given its opened fields as they were added; empty where nothing did.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn read(
        &self,
        credential: &SealedCredential,
        opened: &Fields,
    ) -> Result<Fields, RotatedError> {
        let Some(sealed) = self.store.meta(&key(&credential.id)).await? else {
            return Ok(Fields::new());
        };
        let open = || -> Option<Fields> {
            let sealed = STANDARD.decode(sealed).ok()?;
            let plain = self.cipher.decrypt(&sealed, &purpose(credential, opened))?;
            let fields: BTreeMap<String, String> = serde_json::from_slice(&plain).ok()?;
            let fields = fields.into_iter();
            Some(
                fields
                    .map(|(name, value)| (name, Secret::from(value)))
                    .collect(),
            )
        };
        Ok(open().unwrap_or_default())
    }

    /// Stores what has replaced fields, in place of what did before. Once it returns, the replaced fields are not needed any more.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn keep(
        &self,
        credential: &SealedCredential,
        opened: &Fields,
        rotated: &Fields,
    ) -> Result<(), RotatedError> {
        let mut plain = BTreeMap::new();
        for (name, value) in rotated {
            let text = std::str::from_utf8(value.expose());
            plain.insert(name, text.map_err(|_| RotatedError::Unsealable)?);
        }
        let length: usize = plain
            .iter()
            .map(|(name, value)| 6 * (name.len() + value.len()) + 8)
            .sum();
        let mut text = Zeroizing::new(Vec::with_capacity(length + 2));
        serde_json::to_writer(&mut *text, &plain).map_err(|_| RotatedError::Unsealable)?;
        let sealed = self
            .cipher
            .encrypt(&text, &purpose(credential, opened), &mut rand::rng())
            .ok_or(RotatedError::Unsealable)?;
        self.store
            .put_meta(&key(&credential.id), &STANDARD.encode(sealed))
            .await?;
        Ok(())
    }
}

impl fmt::Debug for RotatedFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotatedFields")
    }
}

fn key(id: &CredentialId) -> String {
    format!("rotated.{id}")
}

fn purpose(credential: &SealedCredential, opened: &Fields) -> Vec<u8> {
    let mut added = Sha256::new();
    for (name, value) in opened {
        for part in [name.as_bytes(), value.expose()] {
            added.update((part.len() as u64).to_be_bytes());
            added.update(part);
        }
    }
    let id = credential.id.as_str().as_bytes();
    [ROTATED, b"\0", id, b"\0", added.finalize().as_slice()].concat()
}
