//! Reads a secret from a file or a variable, never from the configuration itself.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::yaml::{CONFIDENTIAL, ShortOr};

/// `{ file: path }` or `{ env: NAME }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SecretSource {
    /// A file; one newline at its end is not part of the secret.
    File(String),
    /// Name of an environment variable.
    Env(String),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Path of a file, relative to this one.
    #[serde(default)]
    file: Option<String>,
    /// Name of a variable.
    #[serde(default)]
    env: Option<String>,
}

impl SecretSource {
    /// Returns the one source of what is written.
    pub(super) fn of<E: Error>(file: Option<String>, env: Option<String>) -> Result<Self, E> {
        match (file, env) {
            (Some(file), None) => Ok(Self::File(file)),
            (None, Some(name)) => Ok(Self::Env(name)),
            (None, None) | (Some(_), Some(_)) => {
                Err(E::custom("a secret has one source: `file` or `env`"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match ShortOr::<IgnoredAny, Written>::deserialize(deserializer)? {
            ShortOr::Short(_) => Err(D::Error::custom(format!(
                "{CONFIDENTIAL}secrets are not allowed in this file: write `{{ file: path }}` or `{{ env: NAME }}`"
            ))),
            ShortOr::Long(Written { file, env }) => Self::of(file, env),
        }
    }
}

impl JsonSchema for SecretSource {
    fn schema_name() -> Cow<'static, str> {
        "SecretSource".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}
