//! Computes the fingerprint of a request as it would be sent. A request and its retries have the same one.

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::model::hex::Hex;

/// SHA-256 over everything that identifies a request. Two requests with one fingerprint are the same request.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// Takes the parts in; each is marked with its length, so that no two lists of parts are the same bytes.
#[derive(Debug, Default)]
pub struct Fingerprinter(Sha256);

impl Fingerprinter {
    /// Adds a part; the order of parts counts.
    #[must_use]
    pub fn part(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    /// Returns the fingerprint of all parts added so far.
    #[must_use]
    pub fn finish(self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}

impl Fingerprint {
    /// Returns whether a text is this one, as it is shown.
    #[must_use]
    pub fn is_written(&self, text: &str) -> bool {
        self.to_string() == text
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
