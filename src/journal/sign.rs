//! Checkpoints are signed with Ed25519, by a key that is handed in: the vault keeps it sealed.

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use super::record::Covers;
use super::text::unhex;
use crate::model::hex::hex;

/// Keeps a checkpoint's signature apart from everything else that a key may ever sign.
const PURPOSE: &str = "tollgate journal checkpoint 1";

/// The same for the rotation of the key.
const ROTATION: &str = "tollgate journal key rotation 1";

/// Bytes of a public key in front of which PEM has a fixed head: RFC 8410 section 4.
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Signs checkpoints with the gateway's Ed25519 key.
pub struct Signer(Ed25519KeyPair);

/// Why there is no signer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The key is not one.
    #[error("the journal's key is not an Ed25519 key")]
    BadKey,
    /// The system has no randomness.
    #[error("no key can be made: the system has no randomness")]
    NoRandomness,
}

impl Signer {
    /// Makes a key; returns it in PKCS#8, to be sealed.
    ///
    /// # Errors
    /// `NoRandomness`.
    pub fn generate() -> Result<zeroize::Zeroizing<Vec<u8>>, SignError> {
        Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map(|key| zeroize::Zeroizing::new(key.as_ref().to_vec()))
            .map_err(|_| SignError::NoRandomness)
    }

    /// Takes a key in PKCS#8.
    ///
    /// # Errors
    /// `BadKey`.
    pub fn new(key: &[u8]) -> Result<Self, SignError> {
        Ed25519KeyPair::from_pkcs8(key)
            .map(Self)
            .map_err(|_| SignError::BadKey)
    }

    /// Returns the public key in hexadecimal.
    #[must_use]
    pub fn public_key(&self) -> String {
        hex(self.0.public_key().as_ref())
    }

    /// Returns the public key as PEM.
    #[must_use]
    pub fn public_pem(&self) -> String {
        use base64::Engine as _;
        let key = [&SPKI, self.0.public_key().as_ref()].concat();
        let text = base64::engine::general_purpose::STANDARD.encode(key);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    pub(super) fn sign_rotation(&self, keys: (&str, &str), covers: &Covers) -> String {
        hex(self.0.sign(rotation(keys, covers).as_bytes()).as_ref())
    }

    pub(super) fn sign(&self, covers: &Covers) -> String {
        hex(self.0.sign(message(covers).as_bytes()).as_ref())
    }
}

/// Shows nothing of the key.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

/// Returns whether a signature of a checkpoint is the key's, both in hexadecimal.
pub(super) fn is_signed(public_key: &str, covers: &Covers, signature: &str) -> bool {
    is_of(public_key, &message(covers), signature)
}

/// Returns whether a signature of a rotation from one key to another is the key's.
pub(super) fn is_rotation_signed(
    public_key: &str,
    keys: (&str, &str),
    (covers, signature): (&Covers, &str),
) -> bool {
    is_of(public_key, &rotation(keys, covers), signature)
}

fn is_of(public_key: &str, message: &str, signature: &str) -> bool {
    let (Some(key), Some(signature)) = (unhex(public_key), unhex(signature)) else {
        return false;
    };
    UnparsedPublicKey::new(&ED25519, key)
        .verify(message.as_bytes(), &signature)
        .is_ok()
}

/// Returns the public key in a PEM file, in hexadecimal.
pub(super) fn key_of_pem(pem: &str) -> Option<String> {
    use base64::Engine as _;
    let text: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .ok()?;
    bytes.strip_prefix(&SPKI).map(hex)
}

/// Returns the fingerprint of a public key that stands in hexadecimal: `sha256:` and the SHA-256 of its bytes.
#[must_use]
pub fn fingerprint(public_key: &str) -> String {
    let hash = Sha256::digest(unhex(public_key).unwrap_or_default());
    format!("sha256:{}", hex(&hash))
}

fn rotation((old, new): (&str, &str), covers: &Covers) -> String {
    format!("{ROTATION}\n{old}\n{new}\n{}\n{}", covers.seq, covers.hash)
}

fn message(covers: &Covers) -> String {
    format!("{PURPOSE}\n{}\n{}", covers.seq, covers.hash)
}
