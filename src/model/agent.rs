//! Defines agents: the programs whose requests are judged.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// An agent's name: `[a-z0-9-]+`, at most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AgentName(Arc<str>);

/// A text that is not an agent's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not an agent name: it is `[a-z0-9-]+`, at most 64 long", .0.escape_debug())]
pub struct AgentNameError(pub String);

impl AgentName {
    /// Parses a name.
    ///
    /// # Errors
    ///
    /// If the name does not have the form of one.
    pub fn parse(text: &str) -> Result<Self, AgentNameError> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > 64 || !text.bytes().all(good) {
            return Err(AgentNameError(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AgentName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// An agent with its labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Agent {
    /// Unique among declared and stored agents.
    pub name: AgentName,
    /// Free labels, `team: payments`; a label that an agent lacks reads as the empty string.
    pub labels: BTreeMap<String, String>,
}
