//! Makes what agents hold in place of credentials: random text in the shape of the real one, so that SDKs accept its form.
//!
//! INVARIANT: nothing of a secret is in its placeholder but its length, and the shape that every key of its kind has.

mod shape;

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Opener;
use crate::model::agent::AgentName;
use crate::model::credential::SealedCredential;
use shape::{MIXED, bits_of, shaped};

/// Random bits over all fields of a credential, at least.
const MIN_BITS: u32 = 128;

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
            let names = [agent.as_str(), credential.id.as_str(), name];
            let mut stream = Stream::new(&self.key, names)?;
            let (placeholder, own) = shaped(text, &mut |alphabet| stream.letter(alphabet));
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
