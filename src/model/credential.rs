//! Defines credentials: what is injected, and where its bytes may go.

mod check;
mod minted;
mod origin;
mod prepared;
mod vault_kv;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use check::{CheckState, CredentialCheck};
pub use minted::{
    Flight, MintFailure, MintResult, MintedToken, MintedTokens, Refused, ReplacedFields, Taken,
    Waiting,
};
pub use origin::{SecretOrigin, SecretOriginError};
pub use prepared::{PreparedHeaders, WrittenHeaders};
pub use vault_kv::{VaultKv, VaultKvError, VaultToken};

/// A credential's id: `[a-z0-9][a-z0-9._-]*`, at most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CredentialId(Arc<str>);

/// A text that is not a credential's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a credential id: it is `[a-z0-9][a-z0-9._-]*`, at most 64 long", .0.escape_debug())]
pub struct CredentialIdError(pub String);

impl CredentialId {
    /// Parses an id.
    ///
    /// # Errors
    ///
    /// If the id does not have the form of one.
    pub fn parse(text: &str) -> Result<Self, CredentialIdError> {
        let good =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        let starts = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !starts || text.len() > 64 || !text.bytes().all(good) {
            return Err(CredentialIdError(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CredentialId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Targets and agents that a credential is bound to. Authenticated with the ciphertext, so it cannot be edited in the store.
///
/// Field order is part of the authenticated form: serialise with `serde_json`, keys in this order, maps sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// Exact `host:port` authorities, lower-case; never a glob. Sorted.
    pub hosts: Vec<String>,
    /// Path prefix under which it may be sent, `/` for all; compared segment by segment with the canonical path.
    pub path: String,
    /// Every other URL its bytes may go to (token, exchange, health). Sorted.
    pub urls: Vec<String>,
    /// Agents that may use it; empty for all.
    pub agents: Vec<String>,
}

/// The placement of an agent's own credential: nothing is put anywhere.
pub const AGENT_OWNED: &str = "1agent_owned";

/// The placement of a credential that no scheme was found for when it was bound. No scheme's text is this one.
pub const NOWHERE: &str = "1nowhere";

/// A credential as it lies in the vault: everything but the secret fields is readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SealedCredential {
    /// Id, unique in the vault.
    pub id: CredentialId,
    /// The connector it is for.
    pub connector: String,
    /// The id of the connector's auth scheme that puts it on.
    pub scheme: String,
    /// Values of fields that the connector declares `secret: false`, such as an e-mail address.
    pub public_fields: BTreeMap<String, String>,
    /// Placement of the scheme, in the form of `auth/placement.rs`. A scheme with another placement cannot use the credential.
    /// Empty in rows of builds that did not bind it.
    #[serde(skip)]
    pub placement: String,
    /// Targets and agents that it is bound to.
    pub binding: Binding,
    /// Which master key version sealed it.
    pub key_version: u32,
    /// 12 bytes of nonce, then AES-256-GCM ciphertext and tag over a JSON map of the secret fields.
    #[serde(skip)]
    pub sealed: Vec<u8>,
    /// The agent's own credential is left in place; policy and record only. Then `sealed` holds an empty map.
    pub agent_owned: bool,
    /// Moment in RFC 3339, UTC.
    pub created_at: String,
    /// What was opened of it for requests; not stored.
    #[serde(skip)]
    pub prepared: PreparedHeaders,
    /// What was minted of it for requests; not stored, but for a refresh token that was replaced.
    #[serde(skip)]
    pub minted: MintedTokens,
}

/// The first byte of the placement of a scheme that mints tokens, as `auth/placement.rs` writes it.
pub const MINTING: char = '2';

impl SealedCredential {
    /// Returns whether requests carry a token that is minted of it, and not its own fields alone.
    #[must_use]
    pub fn mints(&self) -> bool {
        self.placement.starts_with(MINTING)
    }
}
