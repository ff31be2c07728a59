//! Reads the store of a workspace at one revision, and explains the store's errors to a command.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::StdRng;
use serde_json::Value as Json;

use super::{Workspace, key_source};
use crate::cli::environment::{self, Changes};
use crate::cli::failure::Failure;
use crate::config::diagnostic::Source;
use crate::model::agent::{Agent, AgentName};
use crate::model::credential::{CredentialId, SealedCredential};
use crate::model::halt::Halt;
use crate::snapshot::Inputs;
use crate::store::{Store, StoreError, StoredAgent, StoredOperator, StoredPermission};
use crate::vault::{Pin, Rebinder, Unlocked, unlock};

/// Everything of the store that the gateway decides by.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct StoreView {
    /// Read first, so that later changes are read again.
    pub(in crate::cli) revision: i64,
    pub(in crate::cli) agents: Vec<StoredAgent>,
    pub(in crate::cli) operators: Vec<StoredOperator>,
    pub(in crate::cli) permissions: Vec<StoredPermission>,
    pub(in crate::cli) credentials: Vec<SealedCredential>,
    /// Sealed pins, by id of the credential.
    pub(in crate::cli) pins: BTreeMap<String, Vec<u8>>,
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
            pins: store.pins().await?,
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

    /// Returns the stored permissions as policy files, one each, named by the id under which `permission list` shows it.
    pub(in crate::cli) fn permission_sources(&self) -> impl Iterator<Item = Source> {
        self.permissions.iter().map(permission_source)
    }
}

/// Returns a stored permission as a policy file.
pub(in crate::cli) fn permission_source(permission: &StoredPermission) -> Source {
    // JSON in flow style: YAML reads it, and a manifest that somebody broke in the database stays inside the list.
    let manifest: Json = serde_json::from_str(&permission.manifest).unwrap_or(Json::Null);
    // The store's ids begin at 1.
    let name = match permission.id {
        0 => "this permission".to_owned(),
        id => format!("store:{id}"),
    };
    Source {
        name: name.into(),
        text: format!("permissions: [{manifest}]").into(),
        built_in: false,
    }
}

impl Workspace {
    /// Opens the store; exit 3 where there is none.
    pub(in crate::cli) async fn open_store(&self) -> Result<Store, Failure> {
        Store::open(&self.config.store_url)
            .await
            .map_err(Failure::from)
    }

    /// Returns the variables that stand for an agent's credentials, by the files and the store.
    pub(in crate::cli) async fn placeholders(
        &self,
        store: &Store,
        agent: &AgentName,
    ) -> Result<Changes, Failure> {
        let catalog = self.catalog()?;
        let credentials = self.credentials(&catalog, &store.credentials().await?, &Pins::new())?;
        let connectors = catalog.connectors().map(AsRef::as_ref);
        Ok(environment::placeholders(
            connectors,
            &credentials,
            agent.as_str(),
        ))
    }

    /// Unlocks the vault with the configured key source.
    pub(in crate::cli) async fn unlock(&self, store: &Store) -> Result<Unlocked, Failure> {
        let source = key_source(&self.config.vault_key)?;
        unlock(store, &source, &mut rand::make_rng::<StdRng>())
            .await
            .map_err(|error| Failure::failed("vault", chain(&error)))
    }

    /// Returns all agents, declared and stored.
    pub(in crate::cli) fn agents(&self, view: Option<&StoreView>) -> Vec<Arc<Agent>> {
        let is_declared = |agent: &Arc<Agent>| {
            self.declared_agents()
                .any(|declared| declared.name == agent.name)
        };
        let stored = view.iter().flat_map(|view| view.living_agents());
        self.declared_agents()
            .cloned()
            .map(Arc::new)
            .chain(stored.filter(|agent| !is_declared(agent)))
            .collect()
    }

    /// Adds what the store knows to the files: together they are everything that a snapshot is compiled from.
    pub(in crate::cli) fn with_store(&self, files: Inputs, view: &StoreView) -> Inputs {
        let mut inputs = files;
        let declared = self.config.credentials.iter();
        let credentials = view
            .credentials
            .iter()
            .map(|credential| (credential.id.to_string(), credential.connector.clone()))
            .chain(
                declared
                    .map(|credential| (credential.id.to_string(), credential.connector.clone())),
            );
        inputs.credentials = Some(credentials.collect());
        let stored = view.credentials.iter();
        let stored =
            stored.map(|credential| (credential.id.to_string(), credential.binding.hosts.clone()));
        inputs.bound.extend(stored);
        inputs.stored.extend(view.permission_sources());
        inputs.agents = self.agents(Some(view));
        inputs
    }
}

/// Placements that declared credentials were first seen with, by id; `None` if the pin was changed in the store.
pub(in crate::cli) type Pins = BTreeMap<CredentialId, Option<Pin>>;

/// Opens the stored pins; each must authenticate.
pub(in crate::cli) fn open_pins(rebinder: &Rebinder, sealed: &BTreeMap<String, Vec<u8>>) -> Pins {
    let open = |(id, sealed): (&String, &Vec<u8>)| {
        let id = CredentialId::parse(id).ok()?;
        let pin = rebinder.open_pin(&id, sealed);
        Some((id, pin))
    };
    sealed.iter().filter_map(open).collect()
}

/// Maps the store's errors to exit codes: 3 if it is not reached, else 1.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Missing(_) => Self::unreached("no_store", error.to_string())
                .help("start `tollgate serve`, or add something first: `tollgate agent add NAME`"),
            StoreError::Locked(_) => Self::unreached("store_unreached", error.to_string())
                .help("a gateway, a backup or another command holds it; try again in a moment"),
            StoreError::Unreachable { .. } => {
                Self::unreached("store_unreached", error.to_string())
            }
            StoreError::Corrupt { .. } | StoreError::Foreign(_) => {
                Self::failed("store", error.to_string())
                    .help("restore a copy, or move the file away to start empty, without its agents, credentials and journal")
            }
            StoreError::Full(_) => Self::failed("store", error.to_string())
                .help("free some space; nothing leaves the gateway that it cannot record"),
            StoreError::BadRow {
                table: "credential",
                key,
                ..
            } => Self::failed("store", error.to_string()).help(format!(
                "the row was edited; take the credential out and add it again: `tollgate credential remove {key}`"
            )),
            StoreError::Unsupported(_)
            | StoreError::BadUrl(_)
            | StoreError::Newer { .. }
            | StoreError::Older { .. }
            | StoreError::ReadOnly(_)
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
