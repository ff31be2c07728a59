//! Defines how the settings of a gateway are shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key of `tollgate.yaml` with its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingView {
    /// Dotted, as in `limits.body`.
    pub key: String,
    /// As files write it; a secret is `(secret)`.
    pub value: serde_json::Value,
    /// `default`, the name of the file, or that of the variable.
    pub source: String,
}

/// The settings that a gateway runs with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConfigView {
    /// The configuration file; null where none was written.
    pub file: Option<String>,
    /// All settings in effect.
    pub settings: Vec<SettingView>,
    /// Keys of the file that have changed and take effect at the next start.
    pub needs_restart: Vec<String>,
}
