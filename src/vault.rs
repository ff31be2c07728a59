//! Seals credentials at rest and opens them by id. Only `Sealer` and `Opener` see the master key.
//!
//! INVARIANT: every column of a credential is authenticated; what does not authenticate gives nothing.

mod cipher;
mod draft;
mod export;
mod key;
mod keyring;
mod origins;
mod own;
mod placeholder;
mod rebinder;
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

pub use draft::{CredentialDraft, MIN_SECRET, SealError};
pub use export::{ExportError, import};
pub use key::{KeyError, MasterKey};
pub use keyring::{Keyring, binds, reaches};
pub use origins::Origins;
pub use own::OwnSecrets;
pub use placeholder::Placeholders;
pub use rebinder::{Pin, RebindError, Rebinder};
pub use rotated::{RotatedError, RotatedFields};
pub use unlock::{KeySource, Unlocked, unlock};
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
    /// `Tampered` when anything of it is not as it was sealed; `Unreadable` when a secret that lies elsewhere cannot be read.
    pub fn open(
        &self,
        credential: &SealedCredential,
    ) -> Result<BTreeMap<String, Secret>, OpenError> {
        let tampered = || OpenError::Tampered(credential.id.to_string());
        let mut fields = self.cipher.open(credential).ok_or_else(tampered)?;
        for secret in fields.values_mut() {
            if let Some(origin) = SecretOrigin::of_sealed(secret.expose()) {
                let read = self.origins.value(&origin);
                *secret = read.map_err(|reason| OpenError::Unreadable {
                    id: credential.id.to_string(),
                    reason,
                })?;
            }
        }
        for (name, value) in &credential.public_fields {
            fields.insert(name.clone(), Secret::from(value.clone()));
        }
        Ok(fields)
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener")
    }
}
