//! Reads the master key, 32 secret bytes, from a file, bytes or a passphrase.

use std::fmt;
use std::fs::{DirBuilder, File, Metadata};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rand::CryptoRng;
use zeroize::{Zeroize as _, Zeroizing};

use crate::model::secret::Secret;

/// Bytes of an AES-256 key.
const LENGTH: usize = 32;

/// No form of a key is longer; more is another file.
const MAX_FILE: u64 = 1024;

/// Characters of a passphrase that we take.
const MIN_PASSPHRASE: usize = 8;

/// 64 MiB, 3 passes, 4 lanes: RFC 9106 section 4, the second recommended choice.
const ARGON2: (u32, u32, u32) = (64 * 1024, 3, 4);

const PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&alphabet::STANDARD, PADDING),
    GeneralPurpose::new(&alphabet::URL_SAFE, PADDING),
];

/// The key that everything in the vault is sealed under. `Debug` hides it.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; LENGTH]>);

/// Reasons why there is no master key; none holds any of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Only `serve` makes one.
    #[error("there is no master key at `{0}`")]
    Missing(String),
    /// Others than the owner may read it.
    #[error("the master key `{path}` has mode {mode:04o}, others can read it: `chmod 600` it")]
    Exposed {
        /// Path of the key file.
        path: String,
        /// Permission bits of the file.
        mode: u32,
    },
    /// The operating system does not let us, or it is no file.
    #[error("the master key `{path}` cannot be used: {reason}")]
    Unusable {
        /// Path of the key file.
        path: String,
        /// The system's own message.
        reason: String,
    },
    /// Neither of the forms.
    #[error(
        "{place} holds no master key: it is 32 bytes, as they are or in base64 or hexadecimal, and has {length}"
    )]
    BadForm {
        /// Which file, or what else.
        place: String,
        /// Number of bytes that were found.
        length: usize,
    },
    /// Too easy to guess.
    #[error("the passphrase is shorter than {MIN_PASSPHRASE} characters")]
    ShortPassphrase,
    /// Argon2 refused, for want of memory as a rule.
    #[error("no key can be derived from the passphrase: {0}")]
    Underivable(String),
    /// The store was made with another one.
    #[error("the master key is not the one that this store's credentials are sealed under")]
    WrongKey,
    /// The vault's row in the store was edited.
    #[error("the store's `{0}` cannot be read: the row was changed")]
    BadMeta(&'static str),
    /// The store does not answer.
    #[error("the master key cannot be checked: {0}")]
    Store(#[from] crate::store::StoreError),
}

impl MasterKey {
    /// Reads the key file.
    ///
    /// # Errors
    /// `Missing` without one; `Exposed` when group or others have any right to it.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let unusable = |reason: String| KeyError::Unusable {
            path: shown(path),
            reason,
        };
        // Looked at before it is opened, since opening a pipe would wait for its other end.
        let found = std::fs::metadata(path).and_then(|before| {
            if before.is_file() {
                File::open(path).map(Some)
            } else {
                Ok(None)
            }
        });
        let file = match found {
            Ok(Some(file)) => file,
            Ok(None) => return Err(unusable("it is not a file".to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(KeyError::Missing(shown(path)));
            }
            Err(error) => return Err(unusable(error.to_string())),
        };
        let about = file
            .metadata()
            .map_err(|error| unusable(error.to_string()))?;
        check_mode(path, &about)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
        file.take(MAX_FILE)
            .read_to_end(&mut bytes)
            .map_err(|error| unusable(error.to_string()))?;
        decode(&format!("`{}`", shown(path)), &bytes)
    }

    /// Reads the key file, made first (0600, in base64) where it is missing. A creation that is cut off leaves no file.
    ///
    /// # Errors
    /// As [`MasterKey::load`], or when it cannot be made.
    pub fn load_or_create(path: &Path, random: &mut dyn CryptoRng) -> Result<Self, KeyError> {
        match Self::load(path) {
            Err(KeyError::Missing(_)) => {}
            other => return other,
        }
        create(path, random).map_err(|error| KeyError::Unusable {
            path: shown(path),
            reason: error.to_string(),
        })?;
        // Read back: when another process was faster, its key counts.
        Self::load(path)
    }

    /// Reads a key from the value of a variable.
    ///
    /// # Errors
    ///
    /// `BadForm`, with `place` as the origin.
    pub fn from_secret(place: &str, secret: &Secret) -> Result<Self, KeyError> {
        decode(place, secret.expose())
    }

    /// Derives the key from a passphrase with Argon2id. Takes 64 MiB and a good part of a second.
    ///
    /// # Errors
    /// `ShortPassphrase`, or when it cannot be derived.
    pub fn from_passphrase(passphrase: &Secret, salt: &[u8; 16]) -> Result<Self, KeyError> {
        if passphrase.len() < MIN_PASSPHRASE {
            return Err(KeyError::ShortPassphrase);
        }
        let underivable = |error: argon2::Error| KeyError::Underivable(error.to_string());
        let (memory, passes, lanes) = ARGON2;
        let params = Params::new(memory, passes, lanes, Some(LENGTH)).map_err(underivable)?;
        let mut key = Zeroizing::new([0_u8; LENGTH]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose(), salt, key.as_mut())
            .map_err(underivable)?;
        Ok(Self(key))
    }

    /// Returns the version that is stored with each sealed credential.
    pub(super) fn version(&self) -> u32 {
        1
    }

    pub(super) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

fn create(path: &Path, random: &mut dyn CryptoRng) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let mut key = Zeroizing::new([0_u8; LENGTH]);
    random.fill_bytes(key.as_mut());
    let mut text = Zeroizing::new(String::with_capacity(64));
    let [standard, _] = &BASE64;
    standard.encode_string(key.as_ref(), &mut text);
    text.push('\n');
    // Made 0600.
    let mut file = tempfile::Builder::new()
        .prefix(".key-")
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

fn check_mode(path: &Path, about: &Metadata) -> Result<(), KeyError> {
    let mode = about.mode() & 0o7777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(KeyError::Exposed {
            path: shown(path),
            mode,
        })
    }
}

/// Reads 32 bytes as they are, or as text: the lengths tell the forms apart.
fn decode(place: &str, bytes: &[u8]) -> Result<MasterKey, KeyError> {
    let mut key = Zeroizing::new([0_u8; LENGTH]);
    if bytes.len() == LENGTH {
        key.copy_from_slice(bytes);
        return Ok(MasterKey(key));
    }
    let text = bytes.trim_ascii();
    let bad = || KeyError::BadForm {
        place: place.to_owned(),
        length: bytes.len(),
    };
    let decoded =
        hexadecimal(text).or_else(|| BASE64.iter().find_map(|form| form.decode(text).ok()));
    let mut decoded = Zeroizing::new(decoded.ok_or_else(bad)?);
    if decoded.len() != LENGTH {
        decoded.zeroize();
        return Err(bad());
    }
    key.copy_from_slice(&decoded);
    Ok(MasterKey(key))
}

fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() != 2 * LENGTH {
        return None;
    }
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pairs = text.as_chunks::<2>().0;
    pairs
        .iter()
        .map(|[high, low]| Some(digit(high)? << 4 | digit(low)?))
        .collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}
