//! Unlocks the vault of a store: builds `Sealer` and `Opener` once the key is known to be the store's own.
//!
//! INVARIANT: a wrong master key is found at start, not by the first request that needs a credential.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::CryptoRng;

use super::cipher::Cipher;
use super::key::{KeyError, MasterKey};
use super::{Opener, OwnSecrets, Rebinder, RotatedFields, Sealer};
use crate::model::secret::Secret;
use crate::store::Store;

/// A known text that is sealed to recognise the key; worthless to a reader.
const KNOWN: &[u8] = b"tollgate master key";

/// Bound to the check value, so that no credential's ciphertext can stand in for it.
const PURPOSE: &[u8] = b"tollgate key check 1";

const CHECK: &str = "vault.key_check";
const SALT: &str = "vault.salt";

/// The origin of the master key.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file that exists.
    File(PathBuf),
    /// A file that is made where it is missing.
    NewFile(PathBuf),
    /// The value of a variable; `name` is for messages.
    Variable {
        /// Name of the variable.
        name: String,
        /// Value of the variable.
        value: Secret,
    },
    /// Argon2id with the store's salt.
    Passphrase(Secret),
}

/// Handles of a vault whose key fits the store.
#[derive(Debug, Clone)]
pub struct Unlocked {
    /// For the admin side.
    pub sealer: Sealer,
    /// Opens credentials for requests.
    pub opener: Opener,
    /// Rebinds rows of an older build at start, and credentials whose change an operator has reviewed.
    pub rebinder: Rebinder,
    /// For what the gateway keeps secret of its own.
    pub own: OwnSecrets,
    /// For the fields that token endpoints replace.
    pub rotated: RotatedFields,
}

/// Reads the key and checks that it is the store's; the first key that a store sees becomes its key.
///
/// # Errors
///
/// `WrongKey` if the store's credentials are sealed under another key; else the problem of the source.
pub async fn unlock(
    store: &Store,
    source: &KeySource,
    random: &mut dyn CryptoRng,
) -> Result<Unlocked, KeyError> {
    let known = store.meta(CHECK).await?;
    let key = match source {
        // A store that has a key already cannot do anything with a new one.
        KeySource::NewFile(path) if known.is_none() => MasterKey::load_or_create(path, random)?,
        KeySource::File(path) | KeySource::NewFile(path) => MasterKey::load(path)?,
        KeySource::Variable { name, value } => {
            MasterKey::from_secret(&format!("the variable `{name}`"), value)?
        }
        KeySource::Passphrase(passphrase) => {
            MasterKey::from_passphrase(passphrase, &salt(store, random).await?)?
        }
    };
    let cipher = Cipher::new(&key);
    let known = match known {
        Some(known) => known,
        None => claim(store, &cipher, random).await?,
    };
    check(&cipher, &known)?;
    Ok(Unlocked {
        sealer: Sealer::new(&key),
        opener: Opener::new(&key),
        rebinder: Rebinder::new(&key),
        own: OwnSecrets::new(&key),
        rotated: RotatedFields::new(&key, store.clone()),
    })
}

async fn salt(store: &Store, random: &mut dyn CryptoRng) -> Result<[u8; 16], KeyError> {
    let text = match store.meta(SALT).await? {
        Some(text) => text,
        None => {
            let mut fresh = [0_u8; 16];
            random.fill_bytes(&mut fresh);
            store.claim_meta(SALT, &STANDARD.encode(fresh)).await?
        }
    };
    let bytes = STANDARD.decode(text).map_err(|_| KeyError::BadMeta(SALT))?;
    bytes.try_into().map_err(|_| KeyError::BadMeta(SALT))
}

/// Makes this key the store's, unless the store already has another one.
async fn claim(
    store: &Store,
    cipher: &Cipher,
    random: &mut dyn CryptoRng,
) -> Result<String, KeyError> {
    let credentials = store.credentials().await?;
    if !credentials.is_empty()
        && !credentials
            .iter()
            .any(|credential| cipher.open_to_reseal(credential).is_some())
    {
        return Err(KeyError::WrongKey);
    }
    let fresh = cipher
        .encrypt(KNOWN, PURPOSE, random)
        .ok_or(KeyError::BadMeta(CHECK))?;
    Ok(store.claim_meta(CHECK, &STANDARD.encode(fresh)).await?)
}

fn check(cipher: &Cipher, known: &str) -> Result<(), KeyError> {
    let sealed = STANDARD
        .decode(known)
        .map_err(|_| KeyError::BadMeta(CHECK))?;
    match cipher.decrypt(&sealed, PURPOSE) {
        Some(plain) if plain.as_slice() == KNOWN => Ok(()),
        Some(_) | None => Err(KeyError::WrongKey),
    }
}
