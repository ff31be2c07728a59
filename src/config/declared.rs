//! Holds what a configuration declares besides settings: agents, credentials and operators, with their secrets read.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::diagnostic::Place;
use crate::model::agent::Agent;
use crate::model::credential::{Binding, CredentialId, SecretOrigin};
use crate::model::secret::Secret;

/// An agent of the file.
#[derive(Debug, Clone)]
pub struct DeclaredAgent {
    /// Name and labels of the agent.
    pub agent: Agent,
    /// At least 20 visible ASCII characters; `None` too where it could not be read and is not needed now.
    pub token: Option<Secret>,
    /// Whether the file names one.
    pub names_token: bool,
    /// For problems found later.
    pub place: Place,
}

/// A credential of the file.
#[derive(Debug, Clone)]
pub struct DeclaredCredential {
    /// Unique in the file.
    pub id: CredentialId,
    /// Not checked to exist.
    pub connector: String,
    /// `None` for the connector's first.
    pub scheme: Option<String>,
    /// Targets and agents that it is bound to.
    pub binding: Binding,
    /// By name; none where it is the agent's own.
    pub fields: BTreeMap<String, Field>,
    /// The agent has its own credential, which stays on the request.
    pub agent_owned: bool,
    /// For problems found later.
    pub place: Place,
}

/// A part of a credential.
#[derive(Clone)]
pub enum Field {
    /// Read from a file or variable.
    Secret(Secret),
    /// Read by the gateway itself while it runs.
    Origin(SecretOrigin),
    /// Stands in the file: only for fields that the connector declares `secret: false`.
    Public(String),
    /// A secret that could not be read and that is not needed now.
    Unread,
}

/// An operator of the file.
#[derive(Debug, Clone)]
pub struct DeclaredOperator {
    /// `[a-z0-9-]+`, unique in the file.
    pub name: String,
    /// Role that decides what the operator may do.
    pub role: Role,
    /// Groups that approvals may ask for.
    pub groups: BTreeSet<String>,
    /// At least 20 visible ASCII characters.
    pub token: Option<Secret>,
}

/// What an operator may do; each role may do what those before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May read everything and change nothing.
    Viewer,
    /// May also answer approvals and halt.
    Approver,
    /// Change permissions, agents, credentials.
    Editor,
    /// May do everything, operators included.
    Owner,
}

/// A public field may hold a secret until its connector has been asked, so neither is shown.
impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret(..)",
            Self::Origin(_) => "Origin(..)",
            Self::Public(_) => "Public(..)",
            Self::Unread => "Unread",
        })
    }
}
