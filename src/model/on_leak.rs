//! Says what happens to a request that carries a placeholder where its credential does not go.

use serde::Deserialize;

/// What happens to a placeholder in a body, or in a header or query key that takes no credential.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLeak {
    /// The record says so.
    #[default]
    Flag,
    /// The request is refused.
    Refuse,
}

/// What a request must hold where its credential goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Required {
    /// The agent's own placeholder of the credential.
    Placeholder,
}
