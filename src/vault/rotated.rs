//! Keeps the fields that a token endpoint has replaced, such as a refresh token that is good for one use.
//!
//! INVARIANT: what is kept is sealed to the credential's id and to the fields that it replaces, as they were added. It counts only
//! for them: an operator who gives another refresh token is obeyed, and other fields may change.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::key::MasterKey;
use crate::model::credential::{CredentialId, SealedCredential};
use crate::model::secret::{Secret, SecretText};
use crate::store::{Store, StoreError};

/// Keeps these seals apart from all others.
const ROTATED: &[u8] = b"tollgate rotated 2";

/// Begins a row of this form. Rows of the form before counted for all fields together, and are not read any more.
const FORM: &str = "2:";

type Fields = BTreeMap<String, Secret>;

/// Seals, stores and opens replaced fields.
#[derive(Clone)]
pub struct RotatedFields {
    cipher: Arc<Cipher>,
    store: Store,
}

/// Replaced fields as they are sealed: with what tells which fields they replace.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replaced {
    /// Hash of the replaced fields as they were added, in base64.
    added: String,
    fields: BTreeMap<String, SecretText>,
}

/// Reasons why replaced fields cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum RotatedError {
    /// The store cannot be read or written.
    #[error("replaced refresh tokens cannot be read or stored: {0}")]
    Store(#[from] StoreError),
    /// The cipher or the serialiser refused.
    #[error("a replaced refresh token cannot be sealed")]
    Unsealable,
    /// The row was changed, or the master key is another one. The fields as they were added are used up.
    #[error(
        "the replaced fields of credential `{0}` do not authenticate: the master key is another one, or their row was changed"
    )]
    Tampered(CredentialId),
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
    /// When the store cannot be read, or the row does not authenticate.
    pub async fn read(
        &self,
        credential: &SealedCredential,
        opened: &Fields,
    ) -> Result<Fields, RotatedError> {
        let Some(replaced) = self.take_out(&credential.id).await? else {
            return Ok(Fields::new());
        };
        let is_for = hash(opened, replaced.fields.keys()) == replaced.added;
        let fields = replaced.fields.into_iter();
        let fields = fields.map(|(name, SecretText(value))| (name, value));
        Ok(fields.filter(|_| is_for).collect())
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
        let fields = rotated.iter();
        let replaced = Replaced {
            added: hash(opened, rotated.keys()),
            fields: fields
                .map(|(name, value)| (name.clone(), SecretText(value.clone())))
                .collect(),
        };
        let sealed = self.sealed(&credential.id, &replaced)?;
        self.store.put_meta(&key(&credential.id), &sealed).await?;
        Ok(())
    }

    /// Returns the replaced fields of a credential, whatever they count for; `None` where there are none.
    ///
    /// # Errors
    /// When the store cannot be read, or the row does not authenticate.
    pub async fn take_out(&self, id: &CredentialId) -> Result<Option<Replaced>, RotatedError> {
        let Some(row) = self.store.meta(&key(id)).await? else {
            return Ok(None);
        };
        let Some(sealed) = row.strip_prefix(FORM) else {
            return Ok(None);
        };
        let open = || {
            let sealed = STANDARD.decode(sealed).ok()?;
            let plain = self.cipher.decrypt(&sealed, &purpose(id))?;
            serde_json::from_slice(&plain).ok()
        };
        let replaced = open().ok_or_else(|| RotatedError::Tampered(id.clone()))?;
        Ok(Some(replaced))
    }

    /// Returns replaced fields as the store keeps them.
    ///
    /// # Errors
    /// When they cannot be sealed.
    pub fn sealed(&self, id: &CredentialId, replaced: &Replaced) -> Result<String, RotatedError> {
        let fields = replaced.fields.iter();
        let length = fields.map(|(name, SecretText(value))| 6 * (name.len() + value.len()) + 8);
        let length = length.sum::<usize>() + 96;
        // Never grown, since that would leave copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(length));
        serde_json::to_writer(&mut *text, replaced).map_err(|_| RotatedError::Unsealable)?;
        let sealed = self.cipher.encrypt(&text, &purpose(id), &mut rand::rng());
        let sealed = sealed.ok_or(RotatedError::Unsealable)?;
        Ok(format!("{FORM}{}", STANDARD.encode(sealed)))
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

/// An id holds no byte of the separator.
fn purpose(id: &CredentialId) -> Vec<u8> {
    [ROTATED, b"\0", id.as_str().as_bytes()].concat()
}

/// Returns the hash of these fields as they were added; one that was not counts as empty.
fn hash<'n>(opened: &Fields, names: impl Iterator<Item = &'n String>) -> String {
    let mut added = Sha256::new();
    for name in names {
        let value = opened.get(name).map_or(&[][..], Secret::expose);
        for part in [name.as_bytes(), value] {
            added.update((part.len() as u64).to_be_bytes());
            added.update(part);
        }
    }
    STANDARD.encode(added.finalize())
}
