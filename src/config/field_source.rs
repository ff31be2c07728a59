//! Reads the fields of a credential: the text of a public one, or the source of a secret.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::secret_source::SecretSource;
use super::vault_source::VaultSource;
use super::yaml::{CONFIDENTIAL, ShortOr};

/// A field of a credential: a secret's source, or the text itself where the connector says that it is not secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FieldSource {
    /// A secret, read from its source.
    Secret(SecretSource),
    /// A secret that the gateway reads in HashiCorp Vault, again and again.
    VaultKv(Box<VaultSource>),
    /// A public value, written in the file.
    Public(String),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenField {
    /// Path of a file, relative to this one.
    #[serde(default)]
    file: Option<String>,
    /// Name of a variable.
    #[serde(default)]
    env: Option<String>,
    /// Field of a secret in HashiCorp Vault.
    #[serde(default)]
    vault_kv: Option<Box<VaultSource>>,
}

impl<'de> Deserialize<'de> for FieldSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match ShortOr::<Literal, WrittenField>::deserialize(deserializer)? {
            ShortOr::Short(Literal(text)) => Ok(Self::Public(text)),
            ShortOr::Long(WrittenField {
                file,
                env,
                vault_kv,
            }) => match (file, env, vault_kv) {
                (None, None, Some(vault)) => Ok(Self::VaultKv(vault)),
                (file, env, None) => SecretSource::of(file, env).map(Self::Secret),
                (_, _, Some(_)) => Err(D::Error::custom(
                    "a secret has one source: `file`, `env` or `vault_kv`",
                )),
            },
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

impl JsonSchema for FieldSource {
    fn schema_name() -> Cow<'static, str> {
        "FieldSource".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        ShortOr::<String, WrittenField>::json_schema(generator)
    }
}
