//! Keeps the gateway's own secrets, such as the key that signs the journal. Each is sealed to its name: under another one it does
//! not open.

use std::fmt;
use std::sync::Arc;

use rand::CryptoRng;
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::key::MasterKey;

/// Keeps these seals apart from every credential's.
const OWN: &[u8] = b"tollgate own 1";

/// Rows of the store that hold secrets of the gateway's own, named as they are sealed.
pub(super) const NAMES: [&str; 2] = [JOURNAL_KEY, NEXT_JOURNAL_KEY];

/// The key that signs the journal.
pub const JOURNAL_KEY: &str = "journal.key";

/// The key that the journal goes over to with the next start.
pub const NEXT_JOURNAL_KEY: &str = "journal.next_key";

/// Seals and opens the gateway's own secrets.
#[derive(Clone)]
pub struct OwnSecrets {
    cipher: Arc<Cipher>,
}

impl OwnSecrets {
    /// Makes a sealer that encrypts with the master key.
    #[must_use]
    pub fn new(key: &MasterKey) -> Self {
        Self {
            cipher: Arc::new(Cipher::new(key)),
        }
    }

    /// Returns a secret as it is stored; `None` where it cannot be sealed.
    #[must_use]
    pub fn seal(&self, name: &str, secret: &[u8], random: &mut dyn CryptoRng) -> Option<Vec<u8>> {
        self.cipher.encrypt(secret, &purpose(name), random)
    }

    /// Returns a stored secret; `None` where it was changed, or sealed to another name or key.
    #[must_use]
    pub fn open(&self, name: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.cipher.decrypt(sealed, &purpose(name))
    }
}

impl fmt::Debug for OwnSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnSecrets")
    }
}

pub(super) fn purpose(name: &str) -> Vec<u8> {
    [OWN, b"\0", name.as_bytes()].concat()
}
