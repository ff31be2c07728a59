//! Seals a credential for another placement, and authenticates the placement that a declared credential was first put into.
//!
//! INVARIANT: only sealed credentials leave this file; no opened secret does.

use std::fmt;
use std::sync::Arc;

use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use super::cipher::Cipher;
use super::export::{ExportError, export};
use super::key::MasterKey;
use super::rotated::Replaced;
use crate::model::credential::{AGENT_OWNED, CredentialId, SealedCredential};
use crate::model::secret::Secret;

/// Keeps a pin's seal apart from every credential's.
const PIN: &[u8] = b"tollgate pin 1";

/// Opens and seals in one step.
#[derive(Clone)]
pub struct Rebinder {
    cipher: Arc<Cipher>,
}

/// The scheme that a declared credential had when it was first seen. The configuration names a scheme; its content is in a
/// connector file, which may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Id of the connector, as declared.
    pub connector: String,
    /// As declared; `None` for the connector's first.
    pub declared: Option<String>,
    /// The scheme that it was.
    pub scheme: String,
    /// Placement of that scheme.
    pub placement: String,
}

/// Reasons why a credential cannot be rebound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RebindError {
    /// Wrong master key, or the row was changed.
    #[error(
        "credential `{0}` does not authenticate: the master key is another one, or its row was changed"
    )]
    Tampered(CredentialId),
    /// It was made for other fields.
    #[error("the scheme needs field `{field}`, which credential `{id}` does not have")]
    MissingField {
        /// Id of the credential that lacks the field.
        id: CredentialId,
        /// Name of the field.
        field: String,
    },
    /// The cipher or the serialiser refused.
    #[error("credential `{0}` cannot be sealed")]
    Unsealable(CredentialId),
}

impl Rebinder {
    /// Makes a rebinder that uses the master key.
    #[must_use]
    pub fn new(key: &MasterKey) -> Self {
        Self {
            cipher: Arc::new(Cipher::new(key)),
        }
    }

    /// Seals a credential for another scheme and placement, under a fresh nonce; all else stays. A row of the form before, which
    /// had no placement, is opened by that form. The scheme's fields must all be there.
    ///
    /// # Errors
    /// Says why it cannot be done; nothing has changed then.
    pub fn rebind<'a>(
        &self,
        credential: &SealedCredential,
        (scheme, placement): (&str, &str),
        fields: impl IntoIterator<Item = &'a str>,
        random: &mut dyn CryptoRng,
    ) -> Result<SealedCredential, RebindError> {
        let id = &credential.id;
        let secrets = self
            .cipher
            .open_to_reseal(credential)
            .ok_or_else(|| RebindError::Tampered(id.clone()))?;
        let known =
            |name: &str| secrets.contains_key(name) || credential.public_fields.contains_key(name);
        if let Some(field) = fields.into_iter().find(|name| !known(name)) {
            return Err(RebindError::MissingField {
                id: id.clone(),
                field: field.to_owned(),
            });
        }
        let mut rebound = SealedCredential {
            scheme: scheme.to_owned(),
            placement: if credential.agent_owned {
                AGENT_OWNED.to_owned()
            } else {
                placement.to_owned()
            },
            key_version: self.cipher.version(),
            sealed: Vec::new(),
            ..credential.clone()
        };
        rebound.sealed = self
            .cipher
            .seal(&rebound, &secrets, random)
            .map_err(|_| RebindError::Unsealable(id.clone()))?;
        Ok(rebound)
    }

    /// Seals a credential for other URLs that its bytes go to for a token, under a fresh nonce; all else stays.
    ///
    /// # Errors
    /// Says why it cannot be done; nothing has changed then.
    pub fn with_urls(
        &self,
        credential: &SealedCredential,
        urls: Vec<String>,
        random: &mut dyn CryptoRng,
    ) -> Result<SealedCredential, RebindError> {
        let id = &credential.id;
        let secrets = self
            .cipher
            .open_to_reseal(credential)
            .ok_or_else(|| RebindError::Tampered(id.clone()))?;
        let mut bound = credential.clone();
        bound.binding.urls = urls;
        bound.key_version = self.cipher.version();
        bound.sealed = self
            .cipher
            .seal(&bound, &secrets, random)
            .map_err(|_| RebindError::Unsealable(id.clone()))?;
        Ok(bound)
    }

    /// Seals credentials, each with what its token endpoint has put in place of fields, in a text that a passphrase opens.
    ///
    /// # Errors
    /// When a credential does not authenticate, or the passphrase gives no key.
    pub fn export(
        &self,
        credentials: Vec<(SealedCredential, Option<Replaced>)>,
        passphrase: &Secret,
        random: &mut dyn CryptoRng,
    ) -> Result<String, ExportError> {
        export(&self.cipher, credentials, passphrase, random)
    }

    /// Returns a pin as it is stored; `None` where it cannot be sealed.
    #[must_use]
    pub fn seal_pin(
        &self,
        id: &CredentialId,
        pin: &Pin,
        random: &mut dyn CryptoRng,
    ) -> Option<Vec<u8>> {
        let text = serde_json::to_vec(pin).ok()?;
        self.cipher.encrypt(&text, &purpose(id), random)
    }

    /// Returns a stored pin; `None` where it was changed, or is another credential's.
    #[must_use]
    pub fn open_pin(&self, id: &CredentialId, sealed: &[u8]) -> Option<Pin> {
        let text = self.cipher.decrypt(sealed, &purpose(id))?;
        serde_json::from_slice(&text).ok()
    }
}

/// An id holds no byte of the separator.
pub(super) fn purpose(id: &CredentialId) -> Vec<u8> {
    [PIN, b"\0", id.as_str().as_bytes()].concat()
}

impl fmt::Debug for Rebinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rebinder")
    }
}
