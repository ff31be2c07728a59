//! Says what happens to an answer in which an injected credential is found.

use serde::{Deserialize, Serialize};

/// What the gateway does with an answer that holds a credential, from the mildest on.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum OnReflect {
    /// The credential passes; the record and the metric say so.
    Flag,
    /// The credential is overwritten; the rest of the answer passes.
    #[default]
    Mask,
    /// The answer is refused, or cut off where it has begun.
    Block,
}

impl OnReflect {
    /// Returns the word by which files and records name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Mask => "mask",
            Self::Block => "block",
        }
    }
}
