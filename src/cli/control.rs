//! Finds the running gateway of this user by its state directory, without a readable configuration.

use std::path::PathBuf;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::Context;
use super::failure::Failure;
use super::gateway::Gateway;
use super::state::StateDir;
use super::workspace::{Workspace, args, unusable};
use crate::config::{Secrets, discovery};
use crate::model::hex::hex;
use crate::model::show::escape;
use crate::store::Store;

/// The gateway's state directory, and its configuration if that can be read.
#[derive(Debug)]
pub(super) struct Control {
    state: StateDir,
    /// Its settings; no secret that it names has been read.
    workspace: Result<Workspace, Failure>,
    gateway: Gateway,
}

impl Control {
    /// Finds the state directory: as chosen, as the configuration says, or as it said when a gateway last started on it.
    pub(super) fn find(context: &Context) -> Result<Self, Failure> {
        let known = args(context, context.config.clone(), Secrets::Unread);
        let workspace = Workspace::load_file(context, context.config.clone(), Secrets::Unread);
        let workspace = workspace.map_err(unusable);
        let is_chosen = known.env.contains_key("TOLLGATE_DATA_DIR");
        let remembered = discovery::locate(&known)
            .filter(|_| !is_chosen)
            .and_then(|config| remembered(&known, &config))
            .map(StateDir::new);
        let state = match (&workspace, remembered) {
            // An edited or emptied file may name another place than the gateway that runs was started on.
            (Ok(workspace), Some(remembered))
                if !workspace.state().admin_socket().exists()
                    && remembered.admin_socket().exists() =>
            {
                remembered
            }
            (Ok(workspace), _) => workspace.state().clone(),
            (Err(_), Some(remembered)) => remembered,
            (Err(broken), None) => {
                let state = discovery::chosen_state_dir(&known);
                StateDir::new(state.ok_or_else(|| broken.clone())?)
            }
        };
        Ok(Self {
            gateway: Gateway::new(context, state.clone()),
            state,
            workspace,
        })
    }

    /// Returns a client of the gateway that a command is for: the one of `--server`, else that of the state directory.
    pub(super) fn client(context: &Context) -> Result<Gateway, Failure> {
        match &context.server {
            Some(server) => Gateway::remote(context, server),
            None => Ok(Self::find(context)?.gateway()),
        }
    }

    /// Refuses a gateway that answers on the state directory and runs with another configuration than the command names: what lies
    /// there is that gateway's.
    pub(super) async fn check_named(context: &Context) -> Result<(), Failure> {
        let Ok(control) = Self::find(context) else {
            return Ok(());
        };
        if context.offline || context.server.is_some() || !control.gateway.is_there().await {
            return Ok(());
        }
        match control.gateway.check_named().await {
            Err(failure) if failure.is_unreached() => Ok(()),
            checked => checked,
        }
    }

    /// Returns a client of the running gateway.
    pub(super) fn gateway(&self) -> Gateway {
        self.gateway.clone()
    }

    /// The configuration, or why it cannot be read.
    pub(super) fn workspace(&self) -> Result<&Workspace, Failure> {
        self.workspace.as_ref().map_err(Clone::clone)
    }

    pub(super) fn state(&self) -> &StateDir {
        &self.state
    }

    /// Opens the store of a gateway that does not answer.
    pub(super) async fn open_store(&self) -> Result<Store, Failure> {
        match &self.workspace {
            Ok(workspace) => workspace.open_store().await,
            Err(_) => {
                let file = self.state.path().join("tollgate.db");
                let url = format!("sqlite:{}", file.display());
                Store::open(&url).await.map_err(Failure::from)
            }
        }
    }
}

/// Names the settings that the running gateway has not taken over.
pub(super) async fn tell_what_waits(context: &Context) {
    let Ok(control) = Control::find(context) else {
        return;
    };
    let Ok(status) = control.gateway().get("/api/v1/status").await else {
        return;
    };
    let keys = status
        .pointer("/reload/needs_restart")
        .and_then(Json::as_array);
    let keys: Vec<&str> = keys
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    if !keys.is_empty() {
        let keys = escape(&keys.join(", ")).into_owned();
        context.output.note(&format!(
            "note: the running gateway needs a restart for: {keys}"
        ));
    }
}

/// Remembers where a configuration keeps its state, for when it cannot be read. Without a place to remember it in, nothing is lost
/// but that: `--data-dir` says it too.
pub(super) fn remember(context: &Context, workspace: &Workspace) {
    let Some(config) = &workspace.config().file else {
        return;
    };
    let known = args(context, None, Secrets::Unread);
    if let Some(file) = memory(&known, config) {
        let state = workspace.state().path().display().to_string();
        let folder = file.parent().map(super::state::create_private);
        if matches!(folder, Some(Ok(()))) {
            let _ = super::state::write(&file, state.as_bytes(), super::state::Access::Owner);
        }
    }
}

/// Lets the state directory remember a configuration that was named, for starts and commands that name none.
pub(super) fn record(context: &Context, workspace: &Workspace) {
    let known = args(context, context.config.clone(), Secrets::Unread);
    let named = known.asked().and_then(|file| file.canonicalize().ok());
    let Some(named) = named else { return };
    if discovery::recorded(workspace.state().path()).as_ref() != Some(&named)
        && let Err(error) = workspace.state().record_config(&named)
    {
        let shown = named.display().to_string();
        tracing::warn!(%error, config = %escape(&shown), "the configuration is not remembered");
    }
}

/// Returns where `dashboard` writes the page that signs in; `None` where this user has no place of their own.
pub(super) fn sign_in_file(context: &Context) -> Option<PathBuf> {
    let known = args(context, None, Secrets::Unread);
    Some(discovery::state_dir(&known.env)?.join("sign-in.html"))
}

fn remembered(args: &crate::config::Args, config: &std::path::Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(memory(args, config)?).ok()?;
    Some(PathBuf::from(text)).filter(|path| path.is_absolute())
}

fn memory(args: &crate::config::Args, config: &std::path::Path) -> Option<PathBuf> {
    let real = config.canonicalize().ok()?;
    let hash = Sha256::digest(real.as_os_str().as_encoded_bytes());
    let (name, _) = hash.split_at(16);
    let name = hex(name);
    Some(discovery::state_dir(&args.env)?.join("gateways").join(name))
}
