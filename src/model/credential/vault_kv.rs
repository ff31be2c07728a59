//! Names a field of a secret in HashiCorp Vault, in an engine of kind KV version 2.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::target::Authority;

/// The port of an address that names none, and how it begins.
const HTTPS: (&str, u16) = ("https://", 443);

/// Longest name of a field, in bytes.
const MAX_FIELD: usize = 256;

/// A field of a secret in HashiCorp Vault.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultKv {
    /// URL of the server without a path, `https://host:port`.
    pub address: String,
    /// Where the engine is mounted, such as `secret`.
    pub mount: String,
    /// Path of the secret in the engine.
    pub path: String,
    /// Field of the secret.
    pub field: String,
    /// Sent as `X-Vault-Namespace`, with `/` between its levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Where the token for Vault lies. It is read for each request.
    pub token: VaultToken,
    /// How long what was read holds, in seconds.
    pub ttl: u64,
}

/// Where a token for HashiCorp Vault lies.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum VaultToken {
    /// A file, such as one that Vault's own agent writes.
    File(PathBuf),
    /// A variable of the gateway.
    Env(String),
}

/// Why something names no such field. Holds nothing that was written, since it may be a secret in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultKvError {
    /// Plain HTTP, a path, or not a host.
    #[error("the address of Vault is `https://host` or `https://host:port`, without a path")]
    Address,
    /// A part that is needed is not there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// Something else than the options, or one of them twice.
    #[error(
        "the options are `mount`, `path`, `field`, `token`, `namespace` and `ttl`, each `name=value` and given once"
    )]
    Option,
    /// A part does not go into a URL or a header as it is.
    #[error("`{0}` is names of letters, digits and `-._~@+`, with `/` between them")]
    Segments(&'static str),
    /// No field has such a name.
    #[error("`field` is 1 to {MAX_FIELD} characters, none of them a control character")]
    Field,
    /// Perhaps the token itself.
    #[error("`token` says where the token for Vault lies: `file:/path` or `env:NAME`")]
    Token,
    /// Too short to be read again in time, or too long to be noticed.
    #[error("`ttl` is 10 seconds to a day: write `30s`, `5m` or `1h`")]
    Ttl,
}

impl VaultKv {
    /// How long what was read holds, in seconds, unless said otherwise.
    pub const TTL: u64 = 300;

    /// Shortest and longest time that what was read may hold, in seconds.
    const TTLS: std::ops::RangeInclusive<u64> = 10..=86_400;

    /// Reads `https://host[:port] mount=… path=… field=… token=file:/path|env:NAME [namespace=…] [ttl=5m]`.
    ///
    /// # Errors
    /// Which part is missing or wrong.
    pub fn parse(text: &str) -> Result<Self, VaultKvError> {
        let mut words = text.split_whitespace();
        let address = words.next().ok_or(VaultKvError::Address)?.to_owned();
        let [
            mut mount,
            mut path,
            mut field,
            mut token,
            mut namespace,
            mut ttl,
        ] = [None; 6];
        for word in words {
            let (name, value) = word.split_once('=').ok_or(VaultKvError::Option)?;
            let slot = match name {
                "mount" => &mut mount,
                "path" => &mut path,
                "field" => &mut field,
                "token" => &mut token,
                "namespace" => &mut namespace,
                "ttl" => &mut ttl,
                _ => return Err(VaultKvError::Option),
            };
            if slot.replace(value).is_some() {
                return Err(VaultKvError::Option);
            }
        }
        let needed = |value: Option<&str>, name| {
            let value = value.ok_or(VaultKvError::Missing(name))?;
            Ok::<_, VaultKvError>(value.to_owned())
        };
        let token = token.ok_or(VaultKvError::Missing("token"))?;
        Self {
            address,
            mount: needed(mount, "mount")?,
            path: needed(path, "path")?,
            field: needed(field, "field")?,
            namespace: namespace.map(str::to_owned),
            token: VaultToken::parse(token).ok_or(VaultKvError::Token)?,
            ttl: ttl.map_or(Ok(Self::TTL), seconds)?,
        }
        .checked()
    }

    /// Returns it in its one spelling, if each part goes into a request as it is written.
    ///
    /// # Errors
    /// Which part does not.
    pub fn checked(self) -> Result<Self, VaultKvError> {
        let (scheme, port) = HTTPS;
        let address = self.address.strip_prefix(scheme);
        let address = address.map(|address| address.strip_suffix('/').unwrap_or(address));
        let address = address.and_then(|address| Authority::parse(address, port).ok());
        let address = address.ok_or(VaultKvError::Address)?;
        let namespace = self.namespace.as_deref().unwrap_or("none");
        for (name, text) in [
            ("mount", self.mount.as_str()),
            ("path", &self.path),
            ("namespace", namespace),
        ] {
            if !text.split('/').all(is_segment) {
                return Err(VaultKvError::Segments(name));
            }
        }
        let is_field = !self.field.is_empty() && self.field.len() <= MAX_FIELD;
        if !is_field || self.field.contains(char::is_control) {
            return Err(VaultKvError::Field);
        }
        let is_token = match &self.token {
            VaultToken::File(path) => path.is_absolute(),
            VaultToken::Env(name) => is_variable(name),
        };
        if !is_token {
            return Err(VaultKvError::Token);
        }
        if !Self::TTLS.contains(&self.ttl) {
            return Err(VaultKvError::Ttl);
        }
        Ok(Self {
            address: format!("{scheme}{address}"),
            ..self
        })
    }
}

impl VaultToken {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("file", path) => Some(Self::File(path.into())),
            ("env", name) => Some(Self::Env(name.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for VaultKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            address,
            mount,
            path,
            ..
        } = self;
        write!(f, "`{mount}/{path}` of Vault at `{address}`")
    }
}

/// Returns whether a text is the name of a variable, as shells have them.
pub(super) fn is_variable(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(good)
        && name
            .bytes()
            .next()
            .is_some_and(|first| !first.is_ascii_digit())
}

/// Returns whether a text stays one segment of a path for every server.
fn is_segment(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@+".contains(&byte);
    !matches!(text, "" | "." | "..") && text.bytes().all(good)
}

fn seconds(text: &str) -> Result<u64, VaultKvError> {
    let units = [('s', 1), ('m', 60), ('h', 3_600)];
    let mut found = units.iter().filter_map(|(unit, factor)| {
        let number = text.strip_suffix(*unit)?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| is_number)?;
        number.checked_mul(*factor)
    });
    found.next().ok_or(VaultKvError::Ttl)
}

#[cfg(test)]
mod tests {
    use super::{VaultKv, VaultKvError, VaultToken};

    const WHOLE: &str =
        "https://Vault.example mount=team/kv path=stripe/live field=key token=file:/run/token";

    #[test]
    fn each_part_is_read_and_the_rest_has_defaults() {
        let read = VaultKv::parse(WHOLE).unwrap();
        assert_eq!(read.address, "https://vault.example:443");
        assert_eq!((&*read.mount, &*read.path), ("team/kv", "stripe/live"));
        assert_eq!((&*read.field, read.ttl, read.namespace), ("key", 300, None));
        assert_eq!(read.token, VaultToken::File("/run/token".into()));
        let more = WHOLE.replace("file:/run/token", "env:VAULT_TOKEN namespace=a/b ttl=2m");
        let read = VaultKv::parse(&more).unwrap();
        assert_eq!(read.token, VaultToken::Env("VAULT_TOKEN".to_owned()));
        assert_eq!((read.ttl, read.namespace.as_deref()), (120, Some("a/b")));
    }

    #[test]
    fn what_is_wrong_is_named_without_what_was_written() {
        for (from, to, error) in [
            ("https", "http", VaultKvError::Address),
            (".example", ".example/v1", VaultKvError::Address),
            ("mount=team/kv", "", VaultKvError::Missing("mount")),
            ("token=file:/run/token", "", VaultKvError::Missing("token")),
            ("team/kv", "../sys", VaultKvError::Segments("mount")),
            ("stripe/live", "a%2fb", VaultKvError::Segments("path")),
            ("stripe/live", "/a", VaultKvError::Segments("path")),
            ("stripe/live", "a?version=1", VaultKvError::Segments("path")),
            ("file:/run/token", "hvs.CAES", VaultKvError::Token),
            ("file:/run/token", "file:run", VaultKvError::Token),
            ("file:/run/token", "env:A-B", VaultKvError::Token),
            ("field=key", "field=", VaultKvError::Field),
            ("field=key", "field=key field=key", VaultKvError::Option),
            ("field=key", "field=key role=x", VaultKvError::Option),
            ("field=key", "field=key ttl=9s", VaultKvError::Ttl),
            ("field=key", "field=key ttl=25h", VaultKvError::Ttl),
            ("field=key", "field=key ttl=5", VaultKvError::Ttl),
        ] {
            let text = WHOLE.replace(from, to);
            let found = VaultKv::parse(&text).unwrap_err();
            assert_eq!(found, error, "{text}");
            assert!(!found.to_string().contains("CAES"), "{found}");
        }
    }
}
