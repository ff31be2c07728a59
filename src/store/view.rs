//! Reads everything that the gateway decides by, at one revision.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Store, StoreError, StoredAgent, StoredOperator, StoredPermission, StoredPolicy};
use crate::model::agent::{Agent, AgentName};
use crate::model::credential::SealedCredential;
use crate::model::halt::Halt;

/// Everything of the store that the gateway decides by.
#[derive(Debug, Clone, Default)]
pub struct StoreView {
    /// Read first, so that later changes are read again.
    pub revision: i64,
    /// In the order of their names.
    pub agents: Vec<StoredAgent>,
    /// In the order of their names.
    pub operators: Vec<StoredOperator>,
    /// In the order of their ids.
    pub permissions: Vec<StoredPermission>,
    /// In the order of their ids.
    pub policies: Vec<StoredPolicy>,
    /// By id, still sealed.
    pub credentials: Vec<SealedCredential>,
    /// Sealed pins, by id of the credential.
    pub pins: BTreeMap<String, Vec<u8>>,
    /// By scope and name.
    pub halts: Vec<Halt>,
}

impl StoreView {
    /// Reads all of it.
    ///
    /// # Errors
    /// `BadRow` names a row that does not read.
    pub async fn read(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            revision: store.revision().await?,
            agents: store.agents().await?,
            operators: store.operators().await?,
            permissions: store.permissions().await?,
            policies: store.policies().await?,
            credentials: store.credentials().await?,
            pins: store.pins().await?,
            halts: store.halts().await?,
        })
    }

    /// Iterates over the agents whose names are names.
    pub fn living_agents(&self) -> impl Iterator<Item = Arc<Agent>> {
        self.agents.iter().filter_map(|agent| {
            let name = AgentName::parse(&agent.name).ok()?;
            Some(Arc::new(Agent {
                name,
                labels: agent.labels.clone(),
            }))
        })
    }
}
