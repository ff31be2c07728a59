//! Checks what was read where a secret lies, and says why there is none.

use zeroize::Zeroizing;

use crate::model::secret::Secret;
use crate::vault::MIN_SECRET;

/// Longest secret that is read, in bytes.
pub(super) const MAX_SECRET: usize = 64 * 1024;

/// Why there is no secret, without any of it.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) reason: String,
    /// Whether it is known to be there no more. Else what was read before holds until its end.
    pub(super) is_gone: bool,
}

impl Unreadable {
    pub(super) fn gone(reason: &str) -> Self {
        Self {
            is_gone: true,
            ..Self::from(reason)
        }
    }
}

impl From<String> for Unreadable {
    fn from(reason: String) -> Self {
        Self {
            reason,
            is_gone: false,
        }
    }
}

impl From<&str> for Unreadable {
    fn from(reason: &str) -> Self {
        Self::from(reason.to_owned())
    }
}

/// Returns a secret without the line break at its end, where it could be sealed too.
pub(super) fn checked(mut bytes: Zeroizing<Vec<u8>>) -> Result<Secret, &'static str> {
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    let length = bytes.len();
    let secret = Secret::new(bytes.to_vec());
    if length > MAX_SECRET {
        return Err("it is too long for a secret");
    }
    if length < MIN_SECRET {
        return Err("it is too short for a secret");
    }
    let text = std::str::from_utf8(secret.expose()).map_err(|_| "it is not UTF-8")?;
    let is_plain = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t');
    if !text.chars().all(is_plain) || text.trim() != text {
        return Err("it holds control characters, or white space at its ends");
    }
    Ok(secret)
}
