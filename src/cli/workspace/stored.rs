//! Reads the store of a workspace at one revision, and explains the store's errors to a command.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

use rand::rngs::StdRng;

use super::{Workspace, key_source};
use crate::admin::service::manifest::{permission_source, policy_source};
use crate::cli::environment::{self, Changes};
use crate::cli::failure::Failure;
use crate::cli::state::{self, Access};
use crate::config::diagnostic::Source;
use crate::model::agent::{Agent, AgentName};
use crate::model::credential::CredentialId;
use crate::snapshot::Inputs;
use crate::store::{Store, StoreError, StoreView};
use crate::vault::{Pin, Placeholders, Rebinder, Unlocked, unlock};

/// Reads all of a store where there is one.
pub(in crate::cli) async fn read_if_there(url: &str) -> Result<Option<StoreView>, Failure> {
    match Store::open(url).await {
        Ok(store) => StoreView::read(&store)
            .await
            .map(Some)
            .map_err(Failure::from),
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(Failure::from(error)),
    }
}

/// Returns the stored permissions and policies as policy files, one each.
fn rule_sources(view: &StoreView) -> impl Iterator<Item = Source> {
    let permissions = view.permissions.iter().map(permission_source);
    permissions.chain(view.policies.iter().map(policy_source))
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
        // A vault that does not open here leaves placeholders that no credential answers to.
        let made = match (self.unlock(store).await, self.parameter_key()) {
            (Ok(unlocked), Ok(key)) => Some(Placeholders::new(key, unlocked.opener)),
            _ => None,
        };
        Ok(environment::placeholders(
            connectors,
            &credentials,
            (agent, made.as_ref()),
        ))
    }

    /// Reads or makes the key of hashes and placeholders; it lies beside the store, not in it, so that a copy of the journal alone
    /// tells nothing.
    pub(in crate::cli) fn parameter_key(&self) -> Result<[u8; 32], Failure> {
        let file = self.state().path().join("parameters.key");
        let failed =
            |what: String| Failure::failed("state", format!("`{}` {what}", file.display()));
        match std::fs::read(&file) {
            Ok(bytes) => bytes
                .try_into()
                .map_err(|_| failed("is damaged: it does not have 32 bytes".to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key: [u8; 32] = rand::random();
                state::write(&file, &key, Access::Owner)
                    .map_err(|error| failed(format!("cannot be written: {error}")))?;
                Ok(key)
            }
            Err(error) => Err(failed(format!("cannot be read: {error}"))),
        }
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
        inputs.stored.extend(rule_sources(view));
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
