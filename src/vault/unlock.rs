//! Unlocks the vault of a store: builds `Sealer` and `Opener` once the key is known to be the store's own.
//!
//! INVARIANT: a wrong master key is found at start, not by the first request that needs a credential.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::CryptoRng;

use super::cipher::Cipher;
use super::data_key::{self, DATA};
use super::key::MasterKey;
use super::key_error::KeyError;
use super::key_file::{next_file, previous_file, put_in_place};
use super::reseal::reseal_older;
use super::{Opener, OwnSecrets, Rebinder, RotatedFields, Sealer};
use crate::model::secret::Secret;
use crate::store::{MetaSwap, Store};

/// A known text that is sealed to recognise the key; worthless to a reader. It says that there is a data key.
const KNOWN: &[u8] = b"tollgate master key 2";

/// The text of builds that sealed everything under the master key itself.
const KNOWN_BEFORE: &[u8] = b"tollgate master key";

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
    let OpenedKey { data, .. } = open(store, source, random).await?;
    Ok(Unlocked {
        sealer: Sealer::new(&data),
        opener: Opener::new(&data),
        rebinder: Rebinder::new(&data),
        own: OwnSecrets::new(&data),
        rotated: RotatedFields::new(&data, store.clone()),
    })
}

/// Gives the vault another master key.
///
/// Everything stays sealed under the data key, which one transaction wraps again, so a gateway that runs goes on. Whenever this is cut off, the vault opens with one of the two keys. `noted` is the store as the change is recorded.
///
/// # Errors
/// The problem of either key; `Changed` where another command was faster. Nothing has changed then.
pub async fn rotate_key(
    (store, noted): (&Store, &Store),
    (from, to): (&KeySource, &KeySource),
    random: &mut dyn CryptoRng,
) -> Result<(), KeyError> {
    let OpenedKey { master, data, rows } = open(store, from, random).await?;
    let fresh = match to {
        KeySource::NewFile(path) => MasterKey::load_or_create(path, random)?,
        to => read(store, to, random).await?,
    };
    if fresh.bytes() == master.bytes() {
        return Err(KeyError::SameKey);
    }
    reseal_older(store, &data, random).await?;
    let wrapped = data_key::wrap(&data, &fresh, random).ok_or(KeyError::Unsealable)?;
    let swaps = [
        rows.check(Some(sealed_known(&fresh, random)?)),
        rows.data(Some(wrapped)),
    ];
    if !noted.swap_meta(&swaps).await? {
        return Err(KeyError::Changed);
    }
    // The key before may be thrown away now, so the row must outlive a loss of power.
    store.sync().await?;
    Ok(())
}

/// The two keys of a store, and the rows that they were checked by.
struct OpenedKey {
    master: MasterKey,
    data: MasterKey,
    rows: KeyRows,
}

/// Rows of the store that belong to its key.
struct KeyRows {
    check: Option<String>,
    data: Option<String>,
}

impl KeyRows {
    async fn read(store: &Store) -> Result<Self, KeyError> {
        Ok(Self {
            check: store.meta(CHECK).await?,
            data: store.meta(DATA).await?,
        })
    }

    fn check(&self, value: Option<String>) -> MetaSwap {
        MetaSwap::of(CHECK, self.check.clone(), value)
    }

    fn data(&self, value: Option<String>) -> MetaSwap {
        MetaSwap::of(DATA, self.data.clone(), value)
    }
}

async fn open(
    store: &Store,
    source: &KeySource,
    random: &mut dyn CryptoRng,
) -> Result<OpenedKey, KeyError> {
    let rows = KeyRows::read(store).await?;
    let is_new = rows.check.is_none() && rows.data.is_none();
    match source {
        // A store that has a key already cannot do anything with a new one.
        KeySource::NewFile(path) if is_new => {
            let master = MasterKey::load_or_create(path, random)?;
            checked(store, master, random).await
        }
        KeySource::File(path) | KeySource::NewFile(path) => {
            let opened = match MasterKey::load(path) {
                Ok(master) => checked(store, master, random).await,
                Err(error) => Err(error),
            };
            match opened {
                Err(error @ (KeyError::WrongKey | KeyError::Missing(_))) => {
                    cut_off(store, path, random).await.ok_or(error)
                }
                opened => opened,
            }
        }
        source => {
            let master = read(store, source, random).await?;
            checked(store, master, random).await
        }
    }
}

/// Opens a store whose `vault rotate-key` was cut off: with the file that was to take the key file's place, or with the one that had it.
async fn cut_off(store: &Store, path: &Path, random: &mut dyn CryptoRng) -> Option<OpenedKey> {
    let (next, previous) = (next_file(path), previous_file(path));
    if let Ok(master) = MasterKey::load(&next)
        && let Ok(opened) = checked(store, master, random).await
    {
        // Who may only read leaves it to the next start.
        let _ = put_in_place(path);
        return Some(opened);
    }
    let master = MasterKey::load(&previous).ok()?;
    checked(store, master, random).await.ok()
}

async fn read(
    store: &Store,
    source: &KeySource,
    random: &mut dyn CryptoRng,
) -> Result<MasterKey, KeyError> {
    match source {
        KeySource::File(path) | KeySource::NewFile(path) => MasterKey::load(path),
        KeySource::Variable { name, value } => {
            MasterKey::from_secret(&format!("the variable `{name}`"), value)
        }
        KeySource::Passphrase(passphrase) => {
            MasterKey::from_passphrase(passphrase, &salt(store, random).await?)
        }
    }
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

/// Checks that a master key is the store's, and returns it with the data key; the first one becomes the store's.
async fn checked(
    store: &Store,
    master: MasterKey,
    random: &mut dyn CryptoRng,
) -> Result<OpenedKey, KeyError> {
    loop {
        let rows = KeyRows::read(store).await?;
        let has_data = match &rows.check {
            Some(check) => knows(&master, check)?,
            None if rows.data.is_some() => true,
            None => {
                refuse_foreign(store, &master).await?;
                false
            }
        };
        match &rows.data {
            Some(wrapped) => match data_key::unwrap(&master, wrapped) {
                Some(data) => return Ok(OpenedKey { master, data, rows }),
                None if rows.check.is_none() => return Err(KeyError::WrongKey),
                None => return Err(KeyError::BadMeta(DATA)),
            },
            // What is sealed under it would be lost under another one.
            None if has_data => return Err(KeyError::BadMeta(DATA)),
            None => {
                let wrapped = data_key::make(&master, random).ok_or(KeyError::Unsealable)?;
                let swaps = [
                    rows.check(Some(sealed_known(&master, random)?)),
                    rows.data(Some(wrapped)),
                ];
                // Another process may have been faster; its rows count.
                store.swap_meta(&swaps).await?;
            }
        }
    }
}

/// Refuses a master key under which no credential of a store without a check opens.
async fn refuse_foreign(store: &Store, master: &MasterKey) -> Result<(), KeyError> {
    let cipher = Cipher::new(master);
    let credentials = store.credentials().await?;
    let mut opened = credentials
        .iter()
        .filter(|credential| cipher.open_to_reseal(credential).is_some());
    if credentials.is_empty() || opened.next().is_some() {
        Ok(())
    } else {
        Err(KeyError::WrongKey)
    }
}

/// Returns whether a master key's check says that there is a data key.
fn knows(master: &MasterKey, check: &str) -> Result<bool, KeyError> {
    let sealed = STANDARD
        .decode(check)
        .map_err(|_| KeyError::BadMeta(CHECK))?;
    match Cipher::new(master).decrypt(&sealed, PURPOSE) {
        Some(plain) if plain.as_slice() == KNOWN => Ok(true),
        Some(plain) if plain.as_slice() == KNOWN_BEFORE => Ok(false),
        Some(_) | None => Err(KeyError::WrongKey),
    }
}

fn sealed_known(master: &MasterKey, random: &mut dyn CryptoRng) -> Result<String, KeyError> {
    let sealed = Cipher::new(master).encrypt(KNOWN, PURPOSE, random);
    Ok(STANDARD.encode(sealed.ok_or(KeyError::Unsealable)?))
}
