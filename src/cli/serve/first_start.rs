//! Prepares the state directory. A first start creates a store, master key, CA, agent `default`, operator `local` and a first
//! permission; a later start only opens them.
//!
//! INVARIANT: cut off anywhere, the next start goes on; what exists is never replaced, but for a lost operator token.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;

use rand::rngs::StdRng;
use serde_json::json;

use super::claim::{claim, unwritable};
use super::store_broken;
use crate::cli::failure::Failure;
use crate::cli::state::{self, Access};
use crate::cli::workspace::{Workspace, chain};
use crate::cli::{Context, control};
use crate::config::VaultKey;
use crate::model::show::escape;
use crate::proxy::CertificateAuthority;
use crate::roster::{Token, TokenKind};
use crate::store::{Store, StoreError, StoredAgent, StoredOperator, StoredToken};
use crate::vault::{KeyError, KeySource, Unlocked, unlock};

/// Written last; until then the first start is not over.
const DONE: &str = "first_start.done";

/// The agent and the operator that are made.
const AGENT: &str = "default";
const OPERATOR: &str = "local";

/// Says that the first start is over; until then the next one does it again.
pub(super) async fn finish(context: &Context, store: &Store) -> Result<(), Failure> {
    store
        .claim_meta(DONE, &context.process.clock.stamp())
        .await
        .map(|_| ())
        .map_err(store_broken)
}

/// Results of the first start that later steps use.
#[derive(Debug)]
pub(super) struct Prepared {
    /// While it is open, no other gateway starts on this state.
    pub(super) claim: File,
    pub(super) store: Store,
    pub(super) unlocked: Unlocked,
    pub(super) authority: CertificateAuthority,
    /// Keys the hashes of secret parameters in the journal.
    pub(super) parameter_key: [u8; 32],
    pub(super) is_first: bool,
}

/// Makes or opens everything in the state directory.
pub(super) async fn prepare(context: &Context, workspace: &Workspace) -> Result<Prepared, Failure> {
    let state = workspace.state();
    state
        .create()
        .map_err(|error| unwritable(workspace, &error))?;
    let claim = claim(workspace).await?;
    control::remember(context, workspace);
    control::record(context, workspace);
    let store = Store::create(&workspace.config().store_url)
        .await
        .map_err(store_broken)?;
    let source = key_source(&workspace.config().vault_key)?;
    let unlocked = unlock(&store, &source, &mut rand::make_rng::<StdRng>())
        .await
        .map_err(|error| locked(workspace, &error))?;
    let is_first = store.meta(DONE).await.map_err(store_broken)?.is_none();
    if is_first {
        clear_half_authority(workspace)?;
    }
    let authority = authority(context, workspace)?;
    let parameter_key = workspace.parameter_key()?;
    keep_operator(workspace, &store).await?;
    if is_first {
        make_agent(context, workspace, &store).await?;
    }
    Ok(Prepared {
        claim,
        store,
        unlocked,
        authority,
        parameter_key,
        is_first,
    })
}

/// Opens the store for a command that writes, and makes the state directory where there is none. The first start stays the gateway's.
pub(in crate::cli) async fn open_or_make(
    context: &Context,
    workspace: &Workspace,
) -> Result<Store, Failure> {
    let url = &workspace.config().store_url;
    match Store::open(url).await {
        Err(StoreError::Missing(_)) => {}
        opened => return opened.map_err(Failure::from),
    }
    let prepared = match prepare(context, workspace).await {
        Ok(prepared) => prepared,
        // A gateway, or another command, has made it in this moment.
        Err(failure) => return Store::open(url).await.map_err(|_| failure),
    };
    context.output.note(&format!(
        "made the state directory `{}`; `tollgate serve` starts the gateway on it",
        escape(&workspace.state().path().display().to_string())
    ));
    Ok(prepared.store)
}

fn authority(context: &Context, workspace: &Workspace) -> Result<CertificateAuthority, Failure> {
    let failed = |detail: String| Failure::failed("ca", detail);
    match &workspace.config().ca {
        Some(ca) => {
            let read = |path: &std::path::Path| {
                std::fs::read_to_string(path).map_err(|error| {
                    failed(format!("`{}` cannot be read: {error}", path.display()))
                })
            };
            CertificateAuthority::load(&read(&ca.cert)?, &read(&ca.key)?).map_err(|error| {
                let (cert, key) = (ca.cert.display(), ca.key.display());
                failed(chain(&error)).help(format!("it is `{cert}` with the key `{key}`"))
            })
        }
        None => {
            let directory = workspace.state().path();
            CertificateAuthority::load_or_make(directory, &context.process.clock).map_err(|error| {
                let shown = directory.display();
                failed(chain(&error)).help(format!(
                    "it is `ca.pem` and `ca.key` in `{shown}`; without both, a new one is made, which every agent must trust"
                ))
            })
        }
    }
}

/// A start that was cut off between key and certificate leaves an unused key.
fn clear_half_authority(workspace: &Workspace) -> Result<(), Failure> {
    let state = workspace.state();
    if state.ca_certificate().exists() {
        return Ok(());
    }
    match std::fs::remove_file(state.path().join("ca.key")) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unwritable(workspace, &error)),
    }
}

/// Makes sure that the CLI of this user has an operator's token. A lost file is made again: a user who can write it owns the state.
async fn keep_operator(workspace: &Workspace, store: &Store) -> Result<(), Failure> {
    let file = workspace.state().operator_token();
    let operators = store.operators().await.map_err(store_broken)?;
    let known = operators.iter().find(|operator| operator.name == OPERATOR);
    let written = match std::fs::read_to_string(&file) {
        Ok(text) => Some(crate::roster::TokenHash::of(text.trim()).0),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            return Err(Failure::failed(
                "state",
                format!("`{}` cannot be read: {error}", file.display()),
            ));
        }
    };
    if known.is_some_and(|operator| Some(operator.token_hash) == written) {
        return Ok(());
    }
    let token = Token::generate(TokenKind::Operator, &mut rand::rng());
    let operator = StoredOperator {
        name: OPERATOR.to_owned(),
        role: "owner".to_owned(),
        groups: known
            .map(|operator| operator.groups.clone())
            .unwrap_or_default(),
        token_hash: token.hash().0,
    };
    // The file first: a file without its operator is mended by the next start.
    write_secret(workspace, &file, token.reveal())?;
    store.put_operator(&operator).await.map_err(store_broken)
}

async fn make_agent(
    context: &Context,
    workspace: &Workspace,
    store: &Store,
) -> Result<(), Failure> {
    let file = workspace.state().agent_token(AGENT);
    let directory = file.parent().unwrap_or(workspace.state().path());
    state::create_private(directory).map_err(|error| unwritable(workspace, &error))?;
    let token = Token::generate(TokenKind::Agent, &mut rand::rng());
    write_secret(workspace, &file, token.reveal())?;
    let stored = StoredToken {
        hash: token.hash().0,
        expires_at: None,
        created_at: Some(context.process.clock.stamp()),
        ..StoredToken::default()
    };
    let agent = StoredAgent {
        name: AGENT.to_owned(),
        labels: BTreeMap::new(),
        tokens: vec![stored.clone()],
        created_at: context.process.clock.stamp(),
    };
    match store.add_agent(&agent).await {
        // A first start that was cut off made it; its file is the one just written.
        Err(StoreError::Exists { .. }) => store
            .rotate_token(AGENT, &stored)
            .await
            .map_err(store_broken),
        other => other.map_err(store_broken),
    }
}

/// If nothing permits anything, the first agent may read and needs approval for the rest.
///
/// Only the gateway asks: it has read its policies, while a command may run on another configuration, or on none.
pub(super) async fn make_permission(workspace: &Workspace, store: &Store) -> Result<(), Failure> {
    let has_files = !workspace.policy_sources()?.is_empty();
    let has_stored = !store.permissions().await.map_err(store_broken)?.is_empty();
    if has_files || has_stored {
        return Ok(());
    }
    let manifest = json!({ "agents": [AGENT], "connector": "*", "access": "supervised" });
    // The key that `permission set --agent default --connector '*'` has, so that it replaces this one.
    let key = json!({ "agents": [AGENT], "connector": "*" }).to_string();
    store
        .set_permission(&key, &manifest.to_string())
        .await
        .map_err(store_broken)?;
    Ok(())
}

fn write_secret(workspace: &Workspace, file: &std::path::Path, text: &str) -> Result<(), Failure> {
    state::write(file, format!("{text}\n").as_bytes(), Access::Owner)
        .map_err(|error| unwritable(workspace, &error))
}

/// Says where the key comes from that does not fit.
fn locked(workspace: &Workspace, error: &KeyError) -> Failure {
    let place = match &workspace.config().vault_key {
        VaultKey::File(path) => format!("the file `{}`", path.display()),
        VaultKey::Key(_) => "the variable of `vault.key.env`".to_owned(),
        VaultKey::Passphrase(_) => "the variable of `vault.key.passphrase_env`".to_owned(),
        VaultKey::Unread(name) => format!("the variable `{name}`"),
    };
    let failure = Failure::failed(
        "vault",
        format!("the vault does not open: {}", chain(error)),
    );
    match error {
        KeyError::WrongKey | KeyError::Missing(_) => failure.help(format!(
            "the key comes from {place}; bring back the one that was in use: nothing else opens the stored credentials"
        )),
        _ => failure,
    }
}

/// Unlike a command's, this may make the key file.
fn key_source(key: &VaultKey) -> Result<KeySource, Failure> {
    match key {
        VaultKey::File(path) => Ok(KeySource::NewFile(path.clone())),
        VaultKey::Key(_) | VaultKey::Passphrase(_) | VaultKey::Unread(_) => {
            crate::cli::workspace::key_source(key)
        }
    }
}
