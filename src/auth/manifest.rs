//! Describes one entry of a connector's `auth:` list as written, with places for errors.

mod minting;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::hmac::{HashAlgorithm, KeyEncoding, SignatureEncoding};
use super::sigv4::SignaturePlace;
use crate::config::yaml::At;
use crate::model::on_leak::{OnLeak, Required};
use crate::model::on_reflect::OnReflect;

pub use minting::{ExchangeManifest, GithubAppManifest, JwtManifest, OAuth2Manifest, ThenManifest};

/// One entry of a connector's `auth:` list: fields, and at least one way to put them on; or one of `oauth2`, `exchange`, `jwt` and
/// `github_app`, which mint a token and say in `then` how it is put on.
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
    /// Cookie names and what goes into them.
    #[schemars(example = serde_json::json!({ "session": "{token}" }))]
    pub cookie: Option<BTreeMap<String, At<String>>>,
    /// Beginning of the path. What the agent sends in its place has as many segments.
    #[schemars(example = &"/services/{secret}")]
    pub path: Option<At<String>>,
    /// Places in bodies, `$.key` of a JSON object or `form:key`, and what goes into them.
    #[schemars(example = serde_json::json!({ "$.routing_key": "{key}" }))]
    pub body: Option<BTreeMap<String, At<String>>>,
    /// Signs as AWS does, Signature Version 4.
    pub sigv4: Option<Sigv4Manifest>,
    /// Signs with a keyed hash over a text.
    pub hmac: Option<HmacManifest>,
    /// Mints tokens at an OAuth token endpoint.
    pub oauth2: Option<OAuth2Manifest>,
    /// Mints tokens at an endpoint of the API's own.
    pub exchange: Option<ExchangeManifest>,
    /// Signs tokens by a key of the credential.
    pub jwt: Option<JwtManifest>,
    /// Mints tokens of a GitHub App, one for each owner.
    pub github_app: Option<GithubAppManifest>,
    /// Variables that SDKs look for: `{placeholder}` (of the first secret field), `{placeholder.field}` and fields that are not secret
    /// may stand in them.
    #[schemars(example = serde_json::json!({ "JIRA_API_TOKEN": "{placeholder}" }))]
    #[serde(default)]
    pub env: BTreeMap<String, At<String>>,
    /// `placeholder`: a request must hold the agent's placeholder where the credential goes.
    pub require: Option<Required>,
    /// What happens to a request that holds the agent's placeholder anywhere else: `flag` only says so in the record, `refuse`
    /// refuses it. In a place that takes another credential it is always refused.
    #[serde(default)]
    pub leak: OnLeak,
    /// What happens to an answer that holds the credential: `mask` overwrites it, `block` refuses the answer, `flag` only says so
    /// in the record.
    #[serde(default)]
    pub on_reflect: OnReflect,
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

/// Keys of AWS, and what is signed for where the request does not say.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sigv4Manifest {
    /// Id of the access key.
    #[schemars(example = &"{access_key_id}")]
    pub access_key_id: At<String>,
    /// The secret access key.
    #[schemars(example = &"{secret_access_key}")]
    pub secret_access_key: At<String>,
    /// Token of temporary keys; its field is `optional`.
    #[schemars(example = &"{session_token}")]
    pub session_token: Option<At<String>>,
    /// Signing name of the service; default: what the agent's own signature or the host says.
    #[schemars(example = &"s3")]
    pub service: Option<At<String>>,
    /// Region; default: what the agent's own signature or the host says.
    #[schemars(example = &"{region}")]
    pub region: Option<At<String>>,
    /// Where the signature goes.
    #[serde(default, rename = "in")]
    pub place: SignaturePlace,
}

/// A keyed hash: its key, the text that it is over, and where it goes.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HmacManifest {
    /// The hash that is keyed.
    pub alg: HashAlgorithm,
    /// The key of the hash.
    #[schemars(example = &"{secret}")]
    pub key: At<String>,
    /// How the field holds the key's bytes.
    #[serde(default)]
    pub key_encoding: KeyEncoding,
    /// The text that is signed: fields and `{method}`, `{host}`, `{path}`, `{query}`, `{target}` (path and query), `{body}`,
    /// `{body_sha256}` (hexadecimal), `{timestamp}` (seconds), `{timestamp_ms}`, `{iso8601}`, `{nonce}`.
    #[schemars(example = &"{timestamp}{method}{target}{body}")]
    pub over: At<String>,
    /// How the signature is written.
    #[serde(default)]
    pub encoding: SignatureEncoding,
    /// Headers, with `{signature}` and what `over` may name.
    #[schemars(example = serde_json::json!({ "X-Signature": "{signature}", "X-Timestamp": "{timestamp}" }))]
    #[serde(default)]
    pub header: BTreeMap<String, At<String>>,
    /// Query keys. Those without `{signature}` are part of what is signed.
    #[schemars(example = serde_json::json!({ "timestamp": "{timestamp_ms}", "signature": "{signature}" }))]
    #[serde(default)]
    pub query: BTreeMap<String, At<String>>,
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
    /// Whether it may be left empty.
    #[serde(default)]
    pub optional: bool,
}

impl SchemeManifest {
    /// Returns whether it writes elsewhere than into headers and the query, or signs.
    pub(super) fn has_more(&self) -> bool {
        let filled = |map: &Option<BTreeMap<String, At<String>>>| {
            map.as_ref().is_some_and(|map| !map.is_empty())
        };
        filled(&self.cookie)
            || filled(&self.body)
            || self.path.is_some()
            || self.sigv4.is_some()
            || self.hmac.is_some()
    }
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

    /// Returns whether it may be left empty.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        matches!(self, Self::Full(full) if full.optional)
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
        f.write_str("a field name or `{ name, secret, optional }`")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<FieldManifest, E> {
        Ok(FieldManifest::Name(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FieldManifest, A::Error> {
        FullFieldManifest::deserialize(MapAccessDeserializer::new(map)).map(FieldManifest::Full)
    }
}
