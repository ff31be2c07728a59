//! Makes what agents hold in place of credentials: random text in the shape of the real one, so that SDKs accept its form.
//!
//! INVARIANT: nothing of a secret is in its placeholder but its length, its punctuation and a prefix that every key of its kind has.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Opener;
use crate::model::agent::AgentName;
use crate::model::credential::SealedCredential;

/// Random bits over all fields of a credential, at least.
const MIN_BITS: u32 = 128;

/// What keys of one kind begin with, as their issuers document it.
const PREFIXES: &[&str] = &[
    "AIza",
    "AKIA",
    "ASIA",
    "ATATT3x",
    "Bearer ",
    "EAA",
    "SG.",
    "SK",
    "api-",
    "dapi",
    "dop_v1_",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "gsk_",
    "hf_",
    "key-",
    "lin_api_",
    "npm_",
    "ntn_",
    "pat-",
    "pk_live_",
    "pk_test_",
    "pypi-",
    "r8_",
    "rk_live_",
    "rk_test_",
    "rubygems_",
    "secret_",
    "shpat_",
    "sk-",
    "sk-ant-",
    "sk-ant-api03-",
    "sk-or-v1-",
    "sk-proj-",
    "sk_live_",
    "sk_test_",
    "whsec_",
    "xapp-",
    "xoxb-",
    "xoxp-",
    "xoxe-",
];

const DIGITS: &[u8] = b"0123456789";
const LOWER_HEX: &[u8] = b"0123456789abcdef";
const UPPER_HEX: &[u8] = b"0123456789ABCDEF";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// More dashes and underlines than this are letters of an alphabet, which say something of the secret.
const MAX_PUNCTUATION: usize = 6;

/// Makes placeholders. The same agent and credential always get the same one.
#[derive(Clone)]
pub struct Placeholders {
    key: [u8; 32],
    opener: Opener,
}

/// A stream of random bytes that one key and one name always give.
struct Stream {
    mac: Hmac<Sha256>,
    block: Vec<u8>,
    count: u64,
}

impl Placeholders {
    /// Makes placeholders by a key that stays with the state directory.
    #[must_use]
    pub fn new(key: [u8; 32], opener: Opener) -> Self {
        Self { key, opener }
    }

    /// Returns the placeholders of a credential's secret fields for an agent, by field; `None` where it does not open.
    #[must_use]
    pub fn of(
        &self,
        agent: &AgentName,
        credential: &SealedCredential,
    ) -> Option<BTreeMap<String, String>> {
        let mut fields = self.opener.open(credential).ok()?;
        fields.retain(|name, _| !credential.public_fields.contains_key(name));
        let mut made = BTreeMap::new();
        let mut bits = 0;
        for (name, secret) in &fields {
            let text = std::str::from_utf8(secret.expose()).ok()?;
            let stream = Stream::new(&self.key, [agent.as_str(), credential.id.as_str(), name])?;
            let (placeholder, own) = shaped(text, stream);
            bits += own;
            made.insert(name.clone(), placeholder);
        }
        // A short secret has a longer placeholder: a form is worth less than that nobody guesses it.
        if let (true, Some((name, last))) = (bits < MIN_BITS, made.iter_mut().next_back()) {
            let names = [
                agent.as_str(),
                credential.id.as_str(),
                &format!("{name}.rest"),
            ];
            let mut stream = Stream::new(&self.key, names)?;
            while bits < MIN_BITS {
                last.push(stream.letter(MIXED));
                bits += bits_of(MIXED);
            }
        }
        Some(made)
    }
}

impl fmt::Debug for Placeholders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Placeholders")
    }
}

/// Returns a text in the shape of another one, and how many bits of it are random.
fn shaped(secret: &str, mut stream: Stream) -> (String, u32) {
    let prefix = PREFIXES
        .iter()
        .filter(|prefix| secret.starts_with(**prefix))
        .max_by_key(|prefix| prefix.len())
        .map_or("", |prefix| *prefix);
    let rest = secret.strip_prefix(prefix).unwrap_or(secret);
    let alphabet = alphabet(rest);
    let dashes = rest.chars().filter(|letter| "-_+=".contains(*letter));
    let keeps_dashes = dashes.count() <= MAX_PUNCTUATION;
    let mut text = String::with_capacity(secret.len());
    text.push_str(prefix);
    let mut bits = 0;
    for letter in rest.chars() {
        let is_dash = "-_+=".contains(letter);
        if letter.is_ascii_punctuation() && (!is_dash || keeps_dashes) || letter.is_whitespace() {
            text.push(letter);
        } else {
            text.push(stream.letter(alphabet));
            bits += bits_of(alphabet);
        }
    }
    (text, bits)
}

/// Returns the alphabet that a text is written in.
fn alphabet(text: &str) -> &'static [u8] {
    let letters = || text.bytes().filter(u8::is_ascii_alphanumeric);
    let all_in = |alphabet: &[u8]| letters().all(|letter| alphabet.contains(&letter));
    if all_in(DIGITS) {
        DIGITS
    } else if all_in(LOWER_HEX) {
        LOWER_HEX
    } else if all_in(UPPER_HEX) {
        UPPER_HEX
    } else if letters().all(|letter| !letter.is_ascii_lowercase()) {
        UPPER
    } else if letters().all(|letter| !letter.is_ascii_uppercase()) {
        LOWER
    } else {
        MIXED
    }
}

/// Whole bits of one letter, rounded down.
fn bits_of(alphabet: &[u8]) -> u32 {
    alphabet.len().ilog2()
}

impl Stream {
    /// No name holds a byte of the separator.
    fn new(key: &[u8; 32], names: [&str; 3]) -> Option<Self> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        mac.update(b"tollgate placeholder 1");
        for name in names {
            mac.update(b"\0");
            mac.update(name.as_bytes());
        }
        Some(Self {
            mac,
            block: Vec::new(),
            count: 0,
        })
    }

    fn byte(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.block.pop() {
                return byte;
            }
            let mut mac = self.mac.clone();
            mac.update(b"\0");
            mac.update(&self.count.to_be_bytes());
            self.count += 1;
            self.block = mac.finalize().into_bytes().to_vec();
        }
    }

    /// Returns a letter of an alphabet; each is as likely as the others.
    fn letter(&mut self, alphabet: &[u8]) -> char {
        let whole = 256 / alphabet.len().max(1) * alphabet.len();
        loop {
            let byte = usize::from(self.byte());
            if byte < whole
                && let Some(letter) = alphabet.get(byte % alphabet.len())
            {
                return char::from(*letter);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Stream, shaped};

    fn of(secret: &str, agent: &str) -> (String, u32) {
        let stream = Stream::new(&[7; 32], [agent, "credential", "field"]).unwrap();
        shaped(secret, stream)
    }

    #[test]
    fn the_form_of_a_key_stays_and_nothing_else_of_it() {
        for secret in [
            "ghp_0123456789abcdefABCDEF0123456789abcd",
            "sk-ant-api03-AbC_dEf-GhI0123456789AbCdEfGhI0123456789",
            "AKIAIOSFODNN7EXAMPLE",
            "xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOp",
            "550e8400-e29b-41d4-a716-446655440000",
            "T0REAL00/B0REAL00/AbCdEfGhIjKlMnOpQrStUvWx",
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----",
        ] {
            let (one, bits) = of(secret, "ci");
            assert_eq!(one.len(), secret.len());
            assert_ne!(one, secret);
            assert_eq!(
                of(secret, "ci"),
                (one.clone(), bits),
                "it is the same each time"
            );
            assert_ne!(of(secret, "other").0, one, "each agent has its own");
            let marks = |text: &str| -> Vec<(usize, char)> {
                let all = text.char_indices();
                all.filter(|(_, letter)| "/.:@\n".contains(*letter))
                    .collect()
            };
            assert_eq!(marks(&one), marks(secret));
        }
        assert!(of("ghp_0123456789abcdefABCD", "ci").0.starts_with("ghp_"));
        let (key, _) = of("AKIAIOSFODNN7EXAMPLE", "ci");
        let rest = key.strip_prefix("AKIA").unwrap();
        assert!(
            rest.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        );
        let (id, _) = of("550e8400-e29b-41d4-a716-446655440000", "ci");
        assert!(
            id.bytes().all(|byte| b"0123456789abcdef-".contains(&byte)),
            "{id}"
        );
    }

    #[test]
    fn letters_of_an_alphabet_are_not_punctuation() {
        let secret = "a-b_c-d_e-f_g-h_i-j_k-l_m";
        let (made, _) = of(secret, "ci");
        assert!(!made.contains(['-', '_']), "{made}");
    }
}
