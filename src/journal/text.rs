//! Texts that agents and upstreams control: short ones are recorded as they are, long ones as their length and SHA-256.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::hex::hex;

/// A text as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text<'a> {
    /// The text in full.
    Whole(Cow<'a, str>),
    /// Only what tells it apart.
    Abridged(Abridged),
}

/// Length and SHA-256 of what was too long to be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abridged {
    /// Length of the text in bytes.
    pub bytes: u64,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
}

impl<'a> Text<'a> {
    /// Returns the text, or its length and hash where it has more than `limit` bytes.
    #[must_use]
    pub fn bounded(text: impl Into<Cow<'a, str>>, limit: usize) -> Self {
        let text = text.into();
        if text.len() <= limit {
            Self::Whole(text)
        } else {
            Self::Abridged(Abridged::of(text.as_bytes()))
        }
    }

    /// Returns whether it is the empty text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Whole(text) if text.is_empty())
    }

    /// Returns the text where it was recorded as it is.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Whole(text) => Some(text),
            Self::Abridged(_) => None,
        }
    }
}

impl Default for Text<'_> {
    fn default() -> Self {
        Self::Whole(Cow::Borrowed(""))
    }
}

/// For people: an abridged text shows its length and the start of its hash.
impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(text) => f.write_str(text),
            Self::Abridged(Abridged { bytes, sha256 }) => {
                let start: String = sha256.chars().take(12).collect();
                write!(f, "({bytes} bytes, sha256 {start})")
            }
        }
    }
}

impl Abridged {
    /// Returns length and hash of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            sha256: hex(&Sha256::digest(bytes)),
        }
    }
}

/// Returns the bytes of hexadecimal text.
#[must_use]
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            let digits = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(digits, 16).ok()
        })
        .collect()
}
