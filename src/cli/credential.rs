//! Runs `credential`: seals credentials as they are added, binds them to where they may go, and lists them without their secrets.

mod fields;
mod list;
mod named;
mod oauth;
mod origins;
mod rebind;
mod rotate;
mod test;
mod through;
mod told;

pub(super) use test::{connectors as test_connectors, known as known_health};

use std::collections::BTreeMap;

use serde_json::json;

use super::Context;
use super::api::{Api, segment};
use super::args::{AddCredential, CredentialCommand, ImpliedConnector};
use super::change::{Note, recorded, settled};
use super::failure::{Exit, Failure, Outcome};
use super::offline::{self, Access};
use super::serve::first_start;
use super::workspace::Workspace;
use crate::admin::service::binding::{self, WantedBinding};
use crate::admin::service::connectors::{self, ConnectorView};
use crate::admin::service::removal::Removed;
use crate::auth::{Scheme, SignIn};
use crate::connector::Connector;
use crate::model::credential::{Binding, CredentialId, SealedCredential, SecretOrigin};
use crate::model::show::escape;
use crate::store::{Store, StoreError};
use crate::vault::CredentialDraft;
use fields::Given;
pub(super) use named::find_connector;
use named::find_scheme;
use told::{tell_kept, told};

pub(super) async fn run(context: &Context, command: CredentialCommand) -> Outcome {
    match command {
        CredentialCommand::Add(args) => add(context, args).await,
        CredentialCommand::List => list::run(context).await,
        CredentialCommand::Remove { id, cascade } => remove(context, &id, cascade).await,
        CredentialCommand::Rebind(args) => rebind::run(context, args).await,
        CredentialCommand::Rotate(args) => rotate::run(context, args).await,
        CredentialCommand::Test { id } => test::run(context, &id).await,
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
        id: args.name.as_deref().map(id_of),
        scheme: args.scheme,
        hosts: args.domain,
        path: "/".to_owned(),
        agents: Vec::new(),
        from_file: args.from_file,
        oauth: false,
        agent_owned: false,
        sources: Vec::new(),
        credential: args.credential,
    };
    add(context, args).await
}

/// Returns the id of a name: `jira-cloud` of `Jira Cloud`.
fn id_of(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

async fn add(context: &Context, args: AddCredential) -> Outcome {
    if args.credential.is_some() {
        return Err(secret_in_argument(&args.connector));
    }
    let id = CredentialId::parse(args.id.as_deref().unwrap_or(&args.connector))
        .map_err(|error| Failure::usage(error.to_string()))?;
    // A browser and the sources of secrets are this machine's: no operator elsewhere runs a command here.
    if args.sources.is_empty()
        && !args.oauth
        && let Some(api) = Api::running(context).await?
    {
        return through::run(context, &api, args).await;
    }
    add_here(context, id, args).await
}

/// Adds it to the store of this machine.
async fn add_here(context: &Context, id: CredentialId, args: AddCredential) -> Outcome {
    let workspace = Workspace::load(context)?;
    if workspace.declares_credential(&id) {
        return Err(declared(&id));
    }
    let store = first_start::open_or_make(context, &workspace).await?;
    let _lock = offline::claim(context, &workspace).await?;
    let catalog = workspace.catalog()?;
    let connector = find_connector(&catalog, &args.connector)?;
    let scheme = own_scheme(connector, args.scheme.as_deref())?;
    let wanted = WantedBinding {
        hosts: &args.hosts,
        path: &args.path,
        agents: &args.agents,
    };
    let mut binding = binding::bind(&catalog, connector, wanted).map_err(told)?;
    if !args.agent_owned {
        // As far as it is known before the fields are.
        binding.urls = scheme.mint_urls(&BTreeMap::new()).unwrap_or_default();
    }
    let stored = store.credentials().await?;
    if stored.iter().any(|known| known.id == id) {
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
    let origins = origins::read(scheme, &args.sources)?;
    let fields = given(
        context,
        &workspace,
        (connector, scheme),
        (&args, &origins),
        &mut binding,
    )
    .await?;
    let draft = CredentialDraft {
        id,
        connector: connector.id().to_owned(),
        scheme: scheme.id.clone(),
        placement: scheme.placement().to_owned(),
        public_fields: fields.public,
        secret_fields: fields.secret,
        origins,
        binding,
        agent_owned: args.agent_owned,
        created_at: context.process.clock.stamp(),
    };
    let sealed = sealer
        .seal(draft, &mut rand::rng())
        .map_err(|error| Failure::failed("credential_refused", error.to_string()))?;
    keep(context, &workspace, &store, &sealed).await
}

/// Finds a scheme of a connector of this machine.
fn own_scheme<'c>(connector: &'c Connector, wanted: Option<&str>) -> Result<&'c Scheme, Failure> {
    let schemes = ConnectorView::of(connector).auth;
    let shown = find_scheme(connector.id(), &schemes, wanted)?;
    let mut own = connector.schemes().iter();
    let found = own.find(|scheme| scheme.id == shown.id);
    found.ok_or_else(|| Failure::failed("unknown_scheme", "the connector has no such scheme"))
}

/// Reads the fields, lets a person sign in where that was asked for, and binds the credential to where its bytes go for a token.
async fn given(
    context: &Context,
    workspace: &Workspace,
    (connector, scheme): (&Connector, &Scheme),
    (args, origins): (&AddCredential, &BTreeMap<String, SecretOrigin>),
    binding: &mut Binding,
) -> Result<Given, Failure> {
    let sign_in = sign_in(scheme, args)?;
    if args.agent_owned {
        return Ok(Given::default());
    }
    let (from, signed_in) = (args.from_file.as_deref(), sign_in.map(|way| way.field()));
    let elsewhere = origins
        .keys()
        .map(String::as_str)
        .chain(signed_in)
        .collect();
    let shown = connectors::scheme(scheme);
    let mut fields = fields::read(context, (&shown, &elsewhere), from, connector.id())?;
    let urls = scheme.mint_urls(&fields.public);
    binding.urls = urls.map_err(|error| {
        Failure::failed("wrong_fields", error.to_string())
            .help("give the name alone, such as `acme` or `acme.example`")
    })?;
    if let Some(sign_in) = sign_in {
        let with = (sign_in, binding.urls.as_slice(), fields.opened());
        let signing_in = oauth::SigningIn::new(context, workspace, with)?;
        let token = Box::pin(signing_in.refresh_token()).await?;
        fields.secret.insert(sign_in.field().to_owned(), token);
    }
    Ok(fields)
}

/// Returns how a person signs in, where that was asked for.
fn sign_in<'a>(scheme: &'a Scheme, args: &AddCredential) -> Result<Option<SignIn<'a>>, Failure> {
    if !args.oauth {
        return Ok(None);
    }
    let sign_in = scheme.sign_in().ok_or_else(|| {
        Failure::usage(format!("nobody signs in for scheme `{}`", scheme.id))
            .help("leave `--oauth` out and give the fields")
    })?;
    Ok(Some(sign_in))
}

/// Stores a sealed credential and reports its binding.
async fn keep(
    context: &Context,
    workspace: &Workspace,
    store: &Store,
    sealed: &SealedCredential,
) -> Outcome {
    let id = &sealed.id;
    recorded(context, store, note("credential.add", id))
        .put_credential(sealed)
        .await
        .map_err(|error| match error {
            StoreError::Exists { .. } => exists(id),
            other => Failure::from(other),
        })?;
    settled(context, &workspace.gateway(), store).await;
    if context.output.is_json() {
        context.output.document(sealed)?;
    } else {
        let bound = binding::in_words(&sealed.binding);
        let of = (id.as_str(), &*sealed.connector, &*sealed.scheme);
        tell_kept(context, of, sealed.agent_owned, &bound)?;
    }
    Ok(Exit::Done)
}

/// Notes a change of a credential.
fn note<'n>(what: &'n str, id: &'n CredentialId) -> Note<'n> {
    Note {
        what,
        subject: id.as_str(),
        agent: "",
        via: "offline",
    }
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
    let api = Api::find(context, Access::Write).await?;
    let path = format!("/api/v1/credentials/{}?cascade={cascade}", segment(id));
    let removed: Removed = api.delete(path).await?;
    context.output.warn_all(&removed.warnings);
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
