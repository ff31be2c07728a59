//! Says what a record must survive before its request leaves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a record counts as persisted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Given to the operating system: survives `kill -9` of the gateway.
    #[default]
    Strict,
    /// Synced to the disk: survives a power cut.
    Fsync,
    /// Queued: the last moment can be lost.
    Batched,
}
