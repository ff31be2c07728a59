//! Describes one entry of a connector's `auth:` list as written, with places for errors.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::config::yaml::At;

/// One entry of a connector's `auth:` list: fields, and at least one of `bearer`, `basic`, `header`, `query`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemeManifest {
    /// Unique in the connector.
    #[schemars(example = &"token")]
    pub id: At<String>,
    /// Fields of a credential of this scheme.
    #[schemars(example = ["token"])]
    pub fields: Vec<At<FieldManifest>>,
    /// Text after `Bearer ` in `Authorization`.
    #[schemars(example = &"{token}")]
    pub bearer: Option<At<String>>,
    /// User name and password of `Authorization: Basic`.
    pub basic: Option<BasicManifest>,
    /// Header names and what goes into them.
    #[schemars(example = serde_json::json!({ "X-Api-Key": "{token}" }))]
    pub header: Option<BTreeMap<String, At<String>>>,
    /// Query keys and what goes into them.
    #[schemars(example = serde_json::json!({ "key": "{token}" }))]
    pub query: Option<BTreeMap<String, At<String>>>,
    /// Variables that SDKs look for: `{placeholder}` and fields that are not secret may stand in them.
    #[schemars(example = serde_json::json!({ "JIRA_API_TOKEN": "{placeholder}" }))]
    #[serde(default)]
    pub env: BTreeMap<String, At<String>>,
}

/// The two halves of RFC 7617.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicManifest {
    /// User name; it holds no `:`.
    #[schemars(example = &"{email}")]
    pub username: At<String>,
    /// Password; it may be empty.
    #[schemars(example = &"{token}")]
    pub password: At<String>,
}

/// A field: its name alone where it is a secret, else a map.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(untagged)]
pub enum FieldManifest {
    /// A secret field, written as its name.
    Name(String),
    /// Says whether it is one.
    Full(FullFieldManifest),
}

/// The long form of a field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FullFieldManifest {
    /// Name of the field, `[a-z][a-z0-9_]*`.
    #[schemars(example = &"email")]
    pub name: String,
    /// Whether its bytes are a secret.
    #[serde(default = "secret_unless_said")]
    pub secret: bool,
}

impl FieldManifest {
    /// Returns the name and whether it is a secret.
    #[must_use]
    pub fn parts(&self) -> (&str, bool) {
        match self {
            Self::Name(name) => (name, true),
            Self::Full(full) => (&full.name, full.secret),
        }
    }
}

impl<'de> Deserialize<'de> for FieldManifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

fn secret_unless_said() -> bool {
    true
}

/// Written out because `untagged` answers every mistake with "did not match any variant".
struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = FieldManifest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name or `{ name, secret }`")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<FieldManifest, E> {
        Ok(FieldManifest::Name(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FieldManifest, A::Error> {
        FullFieldManifest::deserialize(MapAccessDeserializer::new(map)).map(FieldManifest::Full)
    }
}
