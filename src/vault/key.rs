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

use super::key_error::{KeyError, MIN_PASSPHRASE};
use crate::model::secret::Secret;

/// Bytes of an AES-256 key.
const LENGTH: usize = 32;

/// No form of a key is longer; more is another file.
const MAX_FILE: u64 = 1024;

/// 64 MiB, 3 passes, 4 lanes: RFC 9106 section 4, the second recommended choice.
const ARGON2: (u32, u32, u32) = (64 * 1024, 3, 4);

const PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&alphabet::STANDARD, PADDING),
    GeneralPurpose::new(&alphabet::URL_SAFE, PADDING),
];

/// A key that seals: the operator's, or the data key that is wrapped in it. `Debug` hides it.
#[derive(Clone)]
pub struct MasterKey {
    bytes: Zeroizing<[u8; LENGTH]>,
    version: u32,
    /// Of a data key: the master key, under which rows of older builds are sealed.
    older: Option<Box<Self>>,
}

/// The version of what is sealed under the master key itself, as builds before the data key did.
pub(super) const UNDER_MASTER: u32 = 1;

/// The version of what is sealed under the data key.
pub(super) const UNDER_DATA: u32 = 2;

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
        Ok(Self::new(key))
    }

    fn new(bytes: Zeroizing<[u8; LENGTH]>) -> Self {
        Self {
            bytes,
            version: UNDER_MASTER,
            older: None,
        }
    }

    /// Makes a data key of what a master key has wrapped.
    pub(super) fn of_data(bytes: Zeroizing<[u8; LENGTH]>, master: &Self) -> Self {
        Self {
            bytes,
            version: UNDER_DATA,
            older: Some(Box::new(master.clone())),
        }
    }

    /// Returns the version that is stored with each sealed credential.
    pub(super) fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn bytes(&self) -> &[u8; LENGTH] {
        &self.bytes
    }

    /// Returns the key under which rows of older builds are sealed.
    pub(super) fn older(&self) -> Option<&Self> {
        self.older.as_deref()
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
        return Ok(MasterKey::new(key));
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
    Ok(MasterKey::new(key))
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
