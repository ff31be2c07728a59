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

/// A field of a credential: a secret's source, or the text itself where the connector says that it is not secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FieldSource {
    /// A secret, read from its source.
    Secret(SecretSource),
    /// A public value, written in the file.
    Public(String),
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

impl Written {
    fn source<E: Error>(self) -> Result<SecretSource, E> {
        match (self.file, self.env) {
            (Some(file), None) => Ok(SecretSource::File(file)),
            (None, Some(name)) => Ok(SecretSource::Env(name)),
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
            ShortOr::Long(written) => written.source(),
        }
    }
}

impl<'de> Deserialize<'de> for FieldSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match ShortOr::<Literal, Written>::deserialize(deserializer)? {
            ShortOr::Short(Literal(text)) => Ok(Self::Public(text)),
            ShortOr::Long(written) => written.source().map(Self::Secret),
        }
    }
}

/// Text in the file. Whatever else stands there may be a secret in the wrong place, so it is not shown.
#[derive(Debug)]
struct Literal(String);

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self).map_err(|_| {
            D::Error::custom(format!(
                "{CONFIDENTIAL}a field is text: put it in quotes, or write `{{ file: path }}` or `{{ env: NAME }}`"
            ))
        })
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

impl JsonSchema for FieldSource {
    fn schema_name() -> Cow<'static, str> {
        "FieldSource".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        ShortOr::<String, SecretSource>::json_schema(generator)
    }
}
