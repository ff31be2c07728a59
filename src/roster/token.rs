//! Makes tokens: the text is shown once, and only its hash is kept.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::CryptoRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// SHA-256 of a token's text. Comparing hashes leaks nothing about tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

/// The kind of a token's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A token of an agent; it begins with `tga_`.
    Agent,
    /// A token of an operator; it begins with `tgo_`.
    Operator,
}

/// A new token's text: `tga_` or `tgo_` and 256 random bits in 43 characters. Never logged: `Debug` hides it.
pub struct Token(Zeroizing<String>);

// === impl TokenHash ===

impl TokenHash {
    /// Hashes a presented token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

// === impl Token ===

impl Token {
    /// Makes a new random token.
    #[must_use]
    pub fn generate(kind: TokenKind, random: &mut dyn CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        random.fill_bytes(bytes.as_mut());
        // Room for all of it, so that no copy is left behind by growing.
        let mut text = Zeroizing::new(String::with_capacity(48));
        text.push_str(match kind {
            TokenKind::Agent => "tga_",
            TokenKind::Operator => "tgo_",
        });
        URL_SAFE_NO_PAD.encode_string(bytes.as_ref(), &mut text);
        Self(text)
    }

    /// Returns the text, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns the hash, which is stored.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
