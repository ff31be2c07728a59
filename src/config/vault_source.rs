//! Reads where a secret lies in HashiCorp Vault, as `tollgate.yaml` names it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret_source::SecretSource;
use super::units::Period;

/// `{ address: …, mount: …, path: …, field: …, token: { file: path } }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VaultSource {
    /// URL of the server, without a path.
    #[schemars(example = &"https://vault.example:8200")]
    pub(super) address: String,
    /// Where the engine KV version 2 is mounted.
    #[schemars(example = &"secret")]
    pub(super) mount: String,
    /// Path of the secret in the engine.
    pub(super) path: String,
    /// Field of the secret.
    pub(super) field: String,
    /// Token for Vault. A file is read again for each request, so that Vault's agent may renew it.
    pub(super) token: SecretSource,
    /// Namespace of the engine, where Vault has several.
    #[serde(default)]
    pub(super) namespace: Option<String>,
    /// How long what was read is used; it is read again before; default: 5m.
    #[serde(default)]
    pub(super) ttl: Option<Period>,
}
