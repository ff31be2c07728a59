//! Seals credentials at rest and opens them by id. Only `Sealer` and `Opener` see the master key.
//!
//! INVARIANT: every column of a credential is authenticated; what does not authenticate gives nothing.

mod cipher;
mod data_key;
mod draft;
mod export;
mod key;
mod key_error;
mod key_file;
mod keyring;
mod origins;
mod own;
mod placeholder;
mod rebinder;
mod reseal;
mod rotated;
mod unlock;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rand::CryptoRng;

use crate::model::credential::{SealedCredential, SecretOrigin};
use crate::model::secret::Secret;
use cipher::Cipher;
use origins::NoValue;

pub use draft::{CredentialDraft, MIN_SECRET, SealError};
pub use export::{ExportError, Imported, import};
pub use key::MasterKey;
pub use key_error::KeyError;
pub use key_file::{next_file, put_in_place};
pub use keyring::{Keyring, binds, reaches};
pub use origins::{Origins, SourceAccess, SourceNetwork};
pub use own::{JOURNAL_KEY, NEXT_JOURNAL_KEY, OwnSecrets};
pub use placeholder::Placeholders;
pub use rebinder::{Pin, RebindError, Rebinder};
pub use rotated::{Replaced, RotatedError, RotatedFields};
pub use unlock::{KeySource, Unlocked, rotate_key, unlock};
pub use value::{FieldRule, ValueError, check_value};

/// Seals credentials. Cannot open any.
#[derive(Clone)]
pub struct Sealer {
    cipher: Arc<Cipher>,
}

/// Opens credentials. Only the pipeline holds one.
#[derive(Clone)]
pub struct Opener {
    cipher: Arc<Cipher>,
    origins: Origins,
}

/// Reasons why a credential cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Wrong master key, or the row was changed: nothing of it can be trusted.
    #[error(
        "credential `{0}` does not authenticate: the master key is another one, or its row was changed"
    )]
    Tampered(String),
    /// A secret lies elsewhere and is being read for the first time.
    #[error("a secret of credential `{0}` lies elsewhere and was not read yet")]
    Unread(String),
    /// A secret lies elsewhere and cannot be read there.
    #[error("credential `{id}` cannot be read from where it lies: {reason}")]
    Unreadable {
        /// Id of the credential.
        id: String,
        /// Where it lies, and what the system says.
        reason: String,
    },
}

// === impl Sealer ===

impl Sealer {
    /// Makes a sealer that uses the master key.
    #[must_use]
    pub fn new(key: &MasterKey) -> Self {
        Self {
            cipher: Arc::new(Cipher::new(key)),
        }
    }

    /// Checks a draft and seals it under a fresh nonce.
    ///
    /// # Errors
    /// Says which field or part of the binding cannot be kept.
    pub fn seal(
        &self,
        draft: CredentialDraft,
        random: &mut dyn CryptoRng,
    ) -> Result<SealedCredential, SealError> {
        let (mut credential, secrets) = draft.checked()?;
        credential.key_version = self.cipher.version();
        credential.sealed = self.cipher.seal(&credential, &secrets, random)?;
        Ok(credential)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

// === impl Opener ===

impl Opener {
    /// Makes an opener that uses the master key.
    #[must_use]
    pub fn new(key: &MasterKey) -> Self {
        Self {
            cipher: Arc::new(Cipher::new(key)),
            origins: Origins::default(),
        }
    }

    /// Returns the secrets that lie elsewhere, as last read.
    #[must_use]
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Opens one credential: all fields, secret and not.
    ///
    /// # Errors
    /// `Tampered` when anything of it is not as it was sealed; `Unread` and `Unreadable` when a secret that lies elsewhere is not there.
    pub fn open(
        &self,
        credential: &SealedCredential,
    ) -> Result<BTreeMap<String, Secret>, OpenError> {
        let tampered = || OpenError::Tampered(credential.id.to_string());
        let mut fields = self.cipher.open(credential).ok_or_else(tampered)?;
        for secret in fields.values_mut() {
            if let Some(origin) = SecretOrigin::of_sealed(secret.expose()) {
                let read = self.origins.value(&origin, &credential.id);
                let id = || credential.id.to_string();
                *secret = read.map_err(|missing| match missing {
                    NoValue::Unread => OpenError::Unread(id()),
                    NoValue::Unreadable(reason) => OpenError::Unreadable { id: id(), reason },
                })?;
            }
        }
        for (name, value) in &credential.public_fields {
            fields.insert(name.clone(), Secret::from(value.clone()));
        }
        Ok(fields)
    }

    /// Returns the fields with every value that they are known to have had: as they are now first, then once for each secret that
    /// lay elsewhere before. Reads nothing, so a secret that was never read is in none of them; none where the row does not open.
    #[must_use]
    pub fn known(&self, credential: &SealedCredential) -> Vec<BTreeMap<String, Secret>> {
        let Some(mut fields) = self.cipher.open(credential) else {
            return Vec::new();
        };
        let mut earlier = Vec::new();
        fields.retain(|name, secret| {
            let Some(origin) = SecretOrigin::of_sealed(secret.expose()) else {
                return true;
            };
            let mut known = self.origins.known(&origin).into_iter();
            let newest = known.next();
            earlier.extend(known.map(|before| (name.clone(), before)));
            newest.map(|newest| *secret = newest).is_some()
        });
        for (name, value) in &credential.public_fields {
            fields.insert(name.clone(), Secret::from(value.clone()));
        }
        let mut all = vec![fields.clone()];
        all.extend(earlier.into_iter().map(|(name, before)| {
            let mut fields = fields.clone();
            fields.insert(name, before);
            fields
        }));
        all
    }

    /// Returns whether two rows of one credential hold and bind the same, although each was sealed by itself. Moments and seals are
    /// not compared.
    #[must_use]
    pub fn holds_same(&self, one: &SealedCredential, other: &SealedCredential) -> bool {
        let with = |sealed: &SealedCredential| SealedCredential {
            sealed: Vec::new(),
            key_version: 0,
            created_at: String::new(),
            ..sealed.clone()
        };
        if with(one) != with(other) {
            return false;
        }
        let (Some(one), Some(other)) = (self.cipher.open(one), self.cipher.open(other)) else {
            return false;
        };
        one.len() == other.len()
            && one.iter().all(|(name, secret)| {
                let other = other.get(name);
                other.is_some_and(|other| other.expose() == secret.expose())
            })
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener")
    }
}
