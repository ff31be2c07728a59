//! Says where a secret is read from that the vault does not keep itself.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

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
}

/// Why a text names no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an origin is `file:/path` or `command:PROGRAM ARGUMENTS…`")]
pub struct SecretOriginError;

impl SecretOrigin {
    /// How long the output of a command holds unless said otherwise.
    pub const TTL: Duration = Duration::from_secs(300);

    /// Reads an origin as an operator writes it: `file:/path`, `command:PROGRAM ARGUMENTS…`, split at blanks.
    ///
    /// # Errors
    /// If it is none, or the path of the file is relative.
    pub fn parse(text: &str) -> Result<Self, SecretOriginError> {
        let (kind, rest) = text.split_once(':').ok_or(SecretOriginError)?;
        let plain = !rest.is_empty() && !rest.contains(char::is_control);
        match kind {
            "file" if plain && rest.starts_with('/') => Ok(Self::File(rest.into())),
            "command" if plain => {
                let argv: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
                let ttl = Self::TTL.as_secs();
                (!argv.is_empty())
                    .then_some(Self::Command { argv, ttl })
                    .ok_or(SecretOriginError)
            }
            _ => Err(SecretOriginError),
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SecretOrigin;

    #[test]
    fn an_origin_is_read_as_written_and_survives_its_seal() {
        for text in ["file:/run/secrets/x", "command:vault read -field=x y"] {
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
        ] {
            assert!(SecretOrigin::parse(text).is_err(), "{text}");
        }
        assert_eq!(SecretOrigin::of_sealed(br#"{"file":"/x"}"#), None);
    }
}
