//! Says where a secret is read from that the vault does not keep itself.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::vault_kv::{VaultKv, VaultKvError, is_variable};

/// Begins a sealed field that names an origin. No secret holds a control character but a line break or a tab.
const MARK: char = '\u{1}';

/// The origin of a secret. It is sealed like a secret, since it decides what is sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretOrigin {
    /// A file, read again when it changes.
    File(PathBuf),
    /// A program without a shell; its standard output is the secret.
    Command {
        /// Program and arguments, without a shell.
        argv: Vec<String>,
        /// How long the output holds, in seconds.
        ttl: u64,
    },
    /// A variable of the gateway, as it was when the gateway was started.
    Env(String),
    /// A field of a secret in HashiCorp Vault.
    VaultKv(VaultKv),
}

/// Why a text names no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretOriginError {
    /// None of the kinds.
    #[error(
        "an origin is `file:/path`, `env:NAME`, `command:PROGRAM ARGUMENTS…`, or `vault_kv:https://HOST mount=MOUNT path=PATH field=FIELD token=file:/path`"
    )]
    Form,
    /// A secret in Vault, with a part that is wrong.
    #[error("`vault_kv`: {0}")]
    VaultKv(#[from] VaultKvError),
}

impl SecretOrigin {
    /// How long the output of a command holds unless said otherwise.
    pub const TTL: Duration = Duration::from_secs(300);

    /// Reads an origin as an operator writes it: `file:/path`, `env:NAME`, `command:PROGRAM ARGUMENTS…`, split at blanks, or
    /// `vault_kv:…`, as [`VaultKv::parse`] has it.
    ///
    /// # Errors
    /// If it is none, or the path of the file is relative.
    pub fn parse(text: &str) -> Result<Self, SecretOriginError> {
        let (kind, rest) = text.split_once(':').ok_or(SecretOriginError::Form)?;
        let plain = !rest.is_empty() && !rest.contains(char::is_control);
        match kind {
            "file" if plain && rest.starts_with('/') => Ok(Self::File(rest.into())),
            "command" if plain => {
                let argv: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
                let ttl = Self::TTL.as_secs();
                (!argv.is_empty())
                    .then_some(Self::Command { argv, ttl })
                    .ok_or(SecretOriginError::Form)
            }
            "env" if is_variable(rest) => Ok(Self::Env(rest.to_owned())),
            "vault_kv" if plain => Ok(Self::VaultKv(VaultKv::parse(rest)?)),
            _ => Err(SecretOriginError::Form),
        }
    }

    /// Returns what is read at once: of a secret in HashiCorp Vault all fields, so that each is of the same version.
    #[must_use]
    pub fn document(&self) -> Self {
        match self {
            Self::VaultKv(kv) => Self::VaultKv(VaultKv {
                field: String::new(),
                ..kv.clone()
            }),
            Self::File(_) | Self::Command { .. } | Self::Env(_) => self.clone(),
        }
    }

    /// Returns the field that is taken of what was read; `None` where all of it is the secret.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::VaultKv(kv) => Some(&kv.field),
            Self::File(_) | Self::Command { .. } | Self::Env(_) => None,
        }
    }

    /// Returns the origin as it is sealed in the place of a secret.
    #[must_use]
    pub fn sealed_text(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{MARK}{text}")
    }

    /// Returns the origin that a sealed field names; `None` where the field is the secret itself.
    #[must_use]
    pub fn of_sealed(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.strip_prefix(MARK)?;
        serde_json::from_str(text).ok()
    }
}

/// Names the kind and where it lies; an argument of a command may be a secret and is not shown.
impl fmt::Display for SecretOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file `{}`", path.display()),
            Self::Command { argv, .. } => {
                let program = argv.first().map_or("", String::as_str);
                write!(f, "command `{program}`")
            }
            Self::Env(name) => write!(f, "variable `{name}`"),
            Self::VaultKv(kv) => fmt::Display::fmt(kv, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SecretOrigin;

    #[test]
    fn an_origin_is_read_as_written_and_survives_its_seal() {
        for text in [
            "file:/run/secrets/x",
            "command:vault read -field=x y",
            "env:STRIPE_KEY",
            "vault_kv:https://vault.example mount=kv path=a/b field=c token=env:T namespace=n ttl=1h",
        ] {
            let origin = SecretOrigin::parse(text).unwrap();
            let sealed = origin.sealed_text();
            assert_eq!(SecretOrigin::of_sealed(sealed.as_bytes()), Some(origin));
        }
        for text in [
            "file:",
            "file:relative",
            "command:  ",
            "other:x",
            "plain",
            "file:/a\nb",
            "env:",
            "env:1A",
            "env:A=B",
            "vault_kv:https://vault.example",
        ] {
            assert!(SecretOrigin::parse(text).is_err(), "{text}");
        }
        assert_eq!(SecretOrigin::of_sealed(br#"{"file":"/x"}"#), None);
    }
}
