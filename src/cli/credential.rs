//! Runs `credential`: seals credentials as they are added, binds them to where they may go, and lists them without their secrets.

mod binding;
mod fields;
mod list;
mod placement;
mod rebind;

use serde_json::json;

use super::Context;
use super::args::{AddCredential, CredentialCommand, ImpliedConnector};
use super::change::{note_change, settled};
use super::failure::{Exit, Failure, Outcome};
use super::references::{Named, References};
use super::serve::first_start;
use super::workspace::Workspace;
use crate::auth::Scheme;
use crate::config::suggest;
use crate::connector::{Catalog, Connector};
use crate::model::credential::{CredentialId, SealedCredential};
use crate::model::show::escape;
use crate::store::{Store, StoreError};
use crate::vault::CredentialDraft;

pub(super) async fn run(context: &Context, command: CredentialCommand) -> Outcome {
    match command {
        CredentialCommand::Add(args) => add(context, args).await,
        CredentialCommand::List => list::run(context).await,
        CredentialCommand::Remove { id, cascade } => remove(context, &id, cascade).await,
        CredentialCommand::Rebind(args) => rebind::run(context, args).await,
    }
}

/// `connector add [--type] T --name N --domain D` of the seed product.
pub(super) async fn add_implied(context: &Context, args: ImpliedConnector) -> Outcome {
    let connector = args.connector.or(args.connector_type).ok_or_else(|| {
        Failure::usage(
            "which connector? `tollgate credential add CONNECTOR`, or `--type CONNECTOR`",
        )
    })?;
    let args = AddCredential {
        connector,
        id: args.name,
        scheme: args.scheme,
        hosts: args.domain,
        path: "/".to_owned(),
        agents: Vec::new(),
        from_file: args.from_file,
        agent_owned: false,
        credential: args.credential,
    };
    add(context, args).await
}

async fn add(context: &Context, args: AddCredential) -> Outcome {
    if args.credential.is_some() {
        return Err(secret_in_argument(&args.connector));
    }
    let id = CredentialId::parse(args.id.as_deref().unwrap_or(&args.connector))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let workspace = Workspace::load(context)?;
    if workspace.declares_credential(&id) {
        return Err(declared(&id));
    }
    let store = first_start::open_or_make(context, &workspace).await?;
    let catalog = workspace.catalog()?;
    let connector = find_connector(&catalog, &args.connector)?;
    let scheme = find_scheme(connector, args.scheme.as_deref())?;
    let binding = binding::of(&catalog, connector, &args)?;
    if store
        .credentials()
        .await?
        .iter()
        .any(|known| known.id == id)
    {
        return Err(exists(&id));
    }
    let sealer = workspace.unlock(&store).await?.sealer;
    // Before a person types a secret.
    if !args.agent_owned && args.from_file.is_none() && context.process.stdin_is_terminal {
        context.output.note(&format!(
            "credential `{id}` for {} will go {}",
            connector.id(),
            binding::in_words(&binding)
        ));
    }
    let fields = if args.agent_owned {
        fields::Given::default()
    } else {
        let from = args.from_file.as_deref();
        fields::read(context, scheme, from, connector.id())?
    };
    let draft = CredentialDraft {
        id,
        connector: connector.id().to_owned(),
        scheme: scheme.id.clone(),
        placement: scheme.placement().to_owned(),
        public_fields: fields.public,
        secret_fields: fields.secret,
        binding,
        agent_owned: args.agent_owned,
        created_at: context.process.clock.stamp(),
    };
    let sealed = sealer
        .seal(draft, &mut rand::rng())
        .map_err(|error| Failure::failed("credential_refused", error.to_string()))?;
    keep(context, &workspace, &store, &sealed).await
}

/// Stores a sealed credential and reports its binding.
async fn keep(
    context: &Context,
    workspace: &Workspace,
    store: &Store,
    sealed: &SealedCredential,
) -> Outcome {
    let id = &sealed.id;
    store
        .put_credential(sealed)
        .await
        .map_err(|error| match error {
            StoreError::Exists { .. } => exists(id),
            other => Failure::from(other),
        })?;
    note_change(context, store, "credential.add", id.as_str()).await;
    settled(context, &workspace.gateway(), store).await;
    if context.output.is_json() {
        context.output.document(sealed)?;
    } else {
        let bound = binding::in_words(&sealed.binding);
        let kept = if sealed.agent_owned {
            "is the agent's own and stays on its requests, which go"
        } else {
            "is kept; it goes"
        };
        context.output.line(&format!(
            "credential `{id}` ({}, {}) {kept} {bound}",
            sealed.connector, sealed.scheme
        ))?;
    }
    Ok(Exit::Done)
}

fn secret_in_argument(connector: &str) -> Failure {
    let shown = escape(connector);
    Failure::usage(
        "a secret in an argument is seen by every process and kept in the shell's history",
    )
    .help(format!(
        "give it on standard input: printf '%s' \"$SECRET\" | tollgate credential add {shown}"
    ))
}

fn exists(id: &CredentialId) -> Failure {
    Failure::failed("exists", format!("there is a credential `{id}` already")).help(format!(
        "choose another with `--id`, or remove it first: `tollgate credential remove {id}`"
    ))
}

async fn remove(context: &Context, id: &str, cascade: bool) -> Outcome {
    let workspace = Workspace::load(context)?;
    if let Ok(id) = CredentialId::parse(id)
        && workspace.declares_credential(&id)
    {
        return Err(declared(&id));
    }
    let store = workspace.open_store().await?;
    let permissions = store.permissions().await?;
    let named = Named::Credential(id);
    let rules = References::find(context, &workspace, &permissions, named);
    let what = format!("credential `{}`", escape(id));
    let with = rules.cascade(&what, named, cascade, &permissions)?;
    store
        .remove_credential_with(id, &with)
        .await
        .map_err(|error| match error {
            StoreError::NotFound { .. } => unknown(id),
            other => Failure::from(other),
        })?;
    note_change(context, &store, "credential.remove", id).await;
    settled(context, &workspace.gateway(), &store).await;
    if context.output.is_json() {
        context
            .output
            .document(&json!({ "id": id, "removed": true }))?;
    } else {
        context
            .output
            .line(&format!("credential `{}` is removed", escape(id)))?;
    }
    Ok(Exit::Done)
}

fn unknown(id: &str) -> Failure {
    Failure::failed(
        "unknown_credential",
        format!("there is no credential `{}`", escape(id)),
    )
    .help("list them: `tollgate credential list`")
}

fn declared(id: &CredentialId) -> Failure {
    Failure::failed(
        "declared",
        format!("credential `{id}` is declared in the configuration; change it there"),
    )
}

/// Finds a connector, or says which one may be meant.
pub(super) fn find_connector<'a>(catalog: &'a Catalog, id: &str) -> Result<&'a Connector, Failure> {
    catalog.get(id).map(AsRef::as_ref).ok_or_else(|| {
        let known: Vec<&str> = catalog
            .connectors()
            .map(|connector| connector.id())
            .collect();
        Failure::failed(
            "unknown_connector",
            format!("there is no connector `{}`", escape(id)),
        )
        .help(suggest::help(id, &known))
    })
}

fn find_scheme<'a>(connector: &'a Connector, wanted: Option<&str>) -> Result<&'a Scheme, Failure> {
    let schemes = connector.schemes();
    let found = match wanted {
        Some(id) => schemes.iter().find(|scheme| scheme.id == id),
        None => schemes.first(),
    };
    found.ok_or_else(|| match (wanted, schemes.is_empty()) {
        (_, true) => Failure::failed(
            "no_scheme",
            format!("connector `{}` takes no credential", connector.id()),
        ),
        (wanted, false) => {
            let known: Vec<&str> = schemes.iter().map(|scheme| scheme.id.as_str()).collect();
            let shown = escape(wanted.unwrap_or_default()).into_owned();
            Failure::failed(
                "unknown_scheme",
                format!("connector `{}` has no scheme `{shown}`", connector.id()),
            )
            .help(suggest::help(wanted.unwrap_or_default(), &known))
        }
    })
}
