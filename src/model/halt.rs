//! Defines halts: what the kill switch stops, since when, and by whom.

use std::fmt;

use serde::Serialize;

/// The scope of a halt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Every request of every agent.
    All,
    /// Every request to a connector, by id.
    Connector(String),
    /// Every request of an agent, by name.
    Agent(String),
}

/// A halt in effect. Serialised as the admin API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Halt {
    /// Everything, one connector or one agent.
    #[serde(flatten, serialize_with = "flat")]
    pub scope: Scope,
    /// Moment in RFC 3339, UTC.
    pub since: String,
    /// Name of the operator.
    pub by: String,
    /// In the operator's words; shown to operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Scope {
    /// Returns the kind: `all`, `connector` or `agent`. A closed set, so it may be a metric's label.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Connector(_) => "connector",
            Self::Agent(_) => "agent",
        }
    }

    /// Returns the connector's id or the agent's name; empty for `all`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::All => "",
            Self::Connector(name) | Self::Agent(name) => name,
        }
    }

    /// Returns the scope of a kind and a name; `None` where they do not fit each other.
    #[must_use]
    pub fn of(kind: &str, name: &str) -> Option<Self> {
        match (kind, name) {
            ("all", "") => Some(Self::All),
            ("connector", name) if !name.is_empty() => Some(Self::Connector(name.to_owned())),
            ("agent", name) if !name.is_empty() => Some(Self::Agent(name.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("everything"),
            Self::Connector(name) => write!(f, "connector `{}`", name.escape_debug()),
            Self::Agent(name) => write!(f, "agent `{}`", name.escape_debug()),
        }
    }
}

fn flat<S: serde::Serializer>(scope: &Scope, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap as _;
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry("scope", scope.kind())?;
    if !matches!(scope, Scope::All) {
        map.serialize_entry("name", scope.name())?;
    }
    map.end()
}
