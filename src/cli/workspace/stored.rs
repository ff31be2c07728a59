//! What the store holds at one revision, and what its errors mean to a command.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::cli::failure::Failure;
use crate::config::diagnostic::Source;
use crate::model::agent::{Agent, AgentName};
use crate::model::credential::SealedCredential;
use crate::model::halt::Halt;
use crate::store::{Store, StoreError, StoredAgent, StoredOperator, StoredPermission};

/// Everything of the store that the gateway decides by.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct StoreView {
    /// Read before all else, so that what is newer is read again.
    pub(in crate::cli) revision: i64,
    pub(in crate::cli) agents: Vec<StoredAgent>,
    pub(in crate::cli) operators: Vec<StoredOperator>,
    pub(in crate::cli) permissions: Vec<StoredPermission>,
    pub(in crate::cli) credentials: Vec<SealedCredential>,
    pub(in crate::cli) halts: Vec<Halt>,
}

impl StoreView {
    /// Reads all of it.
    pub(in crate::cli) async fn read(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            revision: store.revision().await?,
            agents: store.agents().await?,
            operators: store.operators().await?,
            permissions: store.permissions().await?,
            credentials: store.credentials().await?,
            halts: store.halts().await?,
        })
    }

    /// Reads all of it where there is a store.
    pub(in crate::cli) async fn read_if_there(url: &str) -> Result<Option<Self>, Failure> {
        match Store::open(url).await {
            Ok(store) => Self::read(&store).await.map(Some).map_err(Failure::from),
            Err(StoreError::Missing(_)) => Ok(None),
            Err(error) => Err(Failure::from(error)),
        }
    }

    /// The agents whose names are names.
    pub(in crate::cli) fn living_agents(&self) -> impl Iterator<Item = Arc<Agent>> {
        self.agents.iter().filter_map(|agent| {
            let name = AgentName::parse(&agent.name).ok()?;
            Some(Arc::new(Agent {
                name,
                labels: agent.labels.clone(),
            }))
        })
    }

    /// Returns the stored permissions as a policy file, one a line.
    pub(in crate::cli) fn permissions_source(&self) -> Option<Source> {
        if self.permissions.is_empty() {
            return None;
        }
        // JSON in flow style: YAML reads it, and a manifest that somebody broke in the database cannot reach beyond its line.
        let line = |permission: &StoredPermission| {
            let manifest: Json = serde_json::from_str(&permission.manifest).unwrap_or(Json::Null);
            format!("  - {manifest}\n")
        };
        let text = format!(
            "permissions:\n{}",
            self.permissions.iter().map(line).collect::<String>()
        );
        Some(Source {
            name: "store: permissions".into(),
            text: text.into(),
            built_in: false,
        })
    }
}

/// Why the store cannot answer: exit 3 where it is not reached, else 1.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Missing(_) => Self::unreached("no_store", error.to_string())
                .help("only the gateway makes one; start `tollgate serve` first"),
            StoreError::Locked(_) | StoreError::Unreachable { .. } => {
                Self::unreached("store_unreached", error.to_string())
            }
            StoreError::Unsupported(_)
            | StoreError::BadUrl(_)
            | StoreError::Foreign(_)
            | StoreError::Newer { .. }
            | StoreError::Older { .. }
            | StoreError::Corrupt { .. }
            | StoreError::ReadOnly(_)
            | StoreError::Full(_)
            | StoreError::Exists { .. }
            | StoreError::NotFound { .. }
            | StoreError::Unstorable { .. }
            | StoreError::BadRow { .. }
            | StoreError::Failed { .. } => Self::failed("store", error.to_string()),
        }
    }
}

/// Returns an error with its causes on one line.
pub(in crate::cli) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
