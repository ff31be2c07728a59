//! Holds secret bytes: zeroised when dropped, never shown, never serialised.

use std::fmt;

use zeroize::Zeroizing;

/// The bytes of a secret. `Debug` prints `Secret(..)`; there is no `Display`, no `Serialize`, no comparison.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns the bytes. Only `auth`, `vault`, `redact` and `roster` may call this (held by the architecture test).
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Returns the length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

/// A secret on its way from a command to the gateway that seals it: the one form of a secret that is written into a document.
#[derive(Debug, Clone)]
pub struct SecretText(pub Secret);

impl SecretText {
    /// Returns the text of a value that turns out to be no secret.
    #[must_use]
    pub fn into_public(self) -> String {
        String::from_utf8_lossy(self.0.expose()).into_owned()
    }
}

impl serde::Serialize for SecretText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = std::str::from_utf8(self.0.expose());
        serializer.serialize_str(text.map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> serde::Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::from(text)))
    }
}

impl Secret {
    /// Returns whether a text holds these bytes.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let own = self.expose();
        !own.is_empty() && text.as_bytes().windows(own.len()).any(|part| part == own)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
