//! Encrypts a credential's secret fields with AES-256-GCM: nonce ‖ ciphertext ‖ tag.
//!
//! INVARIANT: all readable columns are associated data, each with its length in front, so no two rows share one form.

use std::collections::BTreeMap;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::draft::SealError;
use super::key::{MasterKey, UNDER_MASTER};
use crate::model::credential::SealedCredential;
use crate::model::secret::Secret;

/// Bytes of nonce. Random ones are safe for 2^32 seals under one key, NIST SP 800-38D section 8.3.
const NONCE: usize = 12;

/// The cipher under one key, which also opens what is sealed under the key of older builds.
pub(super) struct Cipher {
    aead: Aes256Gcm,
    version: u32,
    older: Option<Aes256Gcm>,
}

impl Cipher {
    pub(super) fn new(key: &MasterKey) -> Self {
        Self {
            aead: Aes256Gcm::new(key.bytes().into()),
            version: key.version(),
            older: key.older().map(|key| Aes256Gcm::new(key.bytes().into())),
        }
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// Seals the secret fields to the other columns.
    pub(super) fn seal(
        &self,
        credential: &SealedCredential,
        secrets: &BTreeMap<String, Zeroizing<String>>,
        random: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, SealError> {
        let plain: BTreeMap<&str, &str> = secrets
            .iter()
            .map(|(name, secret)| (name.as_str(), secret.as_str()))
            .collect();
        // Room for the worst escape, so that no copy is left behind by growing.
        let length: usize = plain
            .iter()
            .map(|(name, secret)| 6 * (name.len() + secret.len()) + 8)
            .sum();
        let mut text = Zeroizing::new(Vec::with_capacity(length + 2));
        serde_json::to_writer(&mut *text, &plain).map_err(|_| SealError::Unsealable)?;
        let data = associated(credential).ok_or(SealError::Unsealable)?;
        self.encrypt(&text, &data, random)
            .ok_or(SealError::Unsealable)
    }

    /// Returns the secret fields when everything is as it was sealed. A row without a placement never opens.
    pub(super) fn open(&self, credential: &SealedCredential) -> Option<BTreeMap<String, Secret>> {
        if credential.placement.is_empty() {
            return None;
        }
        let fields = self.open_as(credential, associated)?;
        let secret = |(name, secret): (String, Zeroizing<String>)| {
            (name, Secret::new(secret.as_bytes().to_vec()))
        };
        Some(fields.into_iter().map(secret).collect())
    }

    /// Returns the secret fields as text, of a row of this form or of the one before, so that it can be sealed again.
    pub(super) fn open_to_reseal(
        &self,
        credential: &SealedCredential,
    ) -> Option<BTreeMap<String, Zeroizing<String>>> {
        if credential.placement.is_empty() {
            self.open_as(credential, associated_unplaced)
        } else {
            self.open_as(credential, associated)
        }
    }

    fn open_as(
        &self,
        credential: &SealedCredential,
        form: impl FnOnce(&SealedCredential) -> Option<Vec<u8>>,
    ) -> Option<BTreeMap<String, Zeroizing<String>>> {
        let data = form(credential)?;
        let text = if credential.key_version == self.version {
            decrypted(&self.aead, &credential.sealed, &data)?
        } else if credential.key_version == UNDER_MASTER {
            decrypted(self.older.as_ref()?, &credential.sealed, &data)?
        } else {
            return None;
        };
        let fields: BTreeMap<String, String> = serde_json::from_slice(&text).ok()?;
        let wiped = |(name, secret)| (name, Zeroizing::new(secret));
        Some(fields.into_iter().map(wiped).collect())
    }

    /// Returns nonce ‖ ciphertext ‖ tag.
    pub(super) fn encrypt(
        &self,
        plain: &[u8],
        data: &[u8],
        random: &mut dyn CryptoRng,
    ) -> Option<Vec<u8>> {
        let mut nonce = [0_u8; NONCE];
        random.fill_bytes(&mut nonce);
        let sealed = self
            .aead
            .encrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: data,
                },
            )
            .ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// Returns the plain bytes when they authenticate.
    pub(super) fn decrypt(&self, sealed: &[u8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let older = || decrypted(self.older.as_ref()?, sealed, data);
        decrypted(&self.aead, sealed, data).or_else(older)
    }

    /// Returns bytes that are sealed under the key of older builds, sealed under this one; `None` where they are not.
    pub(super) fn resealed_from_older(
        &self,
        sealed: &[u8],
        data: &[u8],
        random: &mut dyn CryptoRng,
    ) -> Option<Vec<u8>> {
        let plain = decrypted(self.older.as_ref()?, sealed, data)?;
        self.encrypt(&plain, data, random)
    }
}

fn decrypted(aead: &Aes256Gcm, sealed: &[u8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    let payload = Payload {
        msg: sealed,
        aad: data,
    };
    let plain = aead.decrypt(&Nonce::from(*nonce), payload).ok()?;
    Some(Zeroizing::new(plain))
}

/// Serialises every column but `sealed`. The first part names the form, so that a later form cannot be taken for this one.
fn associated(credential: &SealedCredential) -> Option<Vec<u8>> {
    serialized(
        b"tollgate credential 2",
        credential,
        Some(&credential.placement),
    )
}

/// The form before, which had no placement: opened once, to be sealed again.
fn associated_unplaced(credential: &SealedCredential) -> Option<Vec<u8>> {
    serialized(b"tollgate credential 1", credential, None)
}

fn serialized(
    form: &[u8],
    credential: &SealedCredential,
    placement: Option<&str>,
) -> Option<Vec<u8>> {
    // Named one by one: a column that is added later must be thought of here.
    let SealedCredential {
        id,
        connector,
        scheme,
        public_fields,
        placement: _,
        binding,
        key_version,
        sealed: _,
        agent_owned,
        created_at,
        prepared: _,
        minted: _,
    } = credential;
    let public_fields = serde_json::to_vec(public_fields).ok()?;
    let binding = serde_json::to_vec(binding).ok()?;
    let parts: [&[u8]; 9] = [
        form,
        id.as_str().as_bytes(),
        connector.as_bytes(),
        scheme.as_bytes(),
        &public_fields,
        &binding,
        &key_version.to_be_bytes(),
        &[u8::from(*agent_owned)],
        created_at.as_bytes(),
    ];
    let parts = parts.into_iter().chain(placement.map(str::as_bytes));
    let mut data = Vec::with_capacity(parts.clone().map(|part| part.len() + 8).sum());
    for part in parts {
        data.extend_from_slice(&u64::try_from(part.len()).ok()?.to_be_bytes());
        data.extend_from_slice(part);
    }
    Some(data)
}
