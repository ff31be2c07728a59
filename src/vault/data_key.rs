//! Wraps the key that everything is sealed under in the master key, so that another master key seals nothing again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::key::MasterKey;

/// Row of the store that holds the wrapped key.
pub(super) const DATA: &str = "vault.data_key";

/// Keeps the wrapped key apart from all other seals.
const PURPOSE: &[u8] = b"tollgate data key 1";

/// Makes a data key, wrapped under a master key.
pub(super) fn make(master: &MasterKey, random: &mut dyn CryptoRng) -> Option<String> {
    let mut key = Zeroizing::new([0_u8; 32]);
    random.fill_bytes(key.as_mut());
    let sealed = Cipher::new(master).encrypt(key.as_ref(), PURPOSE, random)?;
    Some(STANDARD.encode(sealed))
}

/// Returns the wrapped key; `None` where it does not authenticate under this master key.
pub(super) fn unwrap(master: &MasterKey, row: &str) -> Option<MasterKey> {
    let sealed = STANDARD.decode(row).ok()?;
    let key = Cipher::new(master).decrypt(&sealed, PURPOSE)?;
    let mut bytes = Zeroizing::new([0_u8; 32]);
    bytes.copy_from_slice(key.get(..32).filter(|_| key.len() == 32)?);
    Some(MasterKey::of_data(bytes, master))
}

/// Wraps a data key under another master key.
pub(super) fn wrap(
    data: &MasterKey,
    master: &MasterKey,
    random: &mut dyn CryptoRng,
) -> Option<String> {
    let sealed = Cipher::new(master).encrypt(data.bytes(), PURPOSE, random)?;
    Some(STANDARD.encode(sealed))
}
