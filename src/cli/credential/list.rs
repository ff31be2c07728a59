//! Runs `credential list`: declared and stored credentials, where each may go, and what keeps it from being used. No secret is
//! shown.

use serde_json::{Value as Json, json};

use super::{binding, placement};
use crate::admin::service::checks::CredentialHealth;
use crate::cli::Context;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::serve::note_deleted;
use crate::cli::table::Table;
use crate::cli::workspace::{Pins, Workspace, open_pins};
use crate::connector::Catalog;
use crate::model::credential::SealedCredential;
use crate::model::target::Authority;
use crate::store::Store;

const COLUMNS: [&str; 7] = [
    "ID",
    "CONNECTOR",
    "SCHEME",
    "GOES",
    "STATE",
    "FROM",
    "CREATED",
];

pub(super) async fn run(context: &Context) -> Outcome {
    let workspace = Workspace::load(context)?;
    let catalog = workspace.catalog().ok();
    let credentials = listed(context, &workspace, catalog.as_ref()).await?;
    let known = super::known_health(context).await;
    let problem = |credential| {
        catalog
            .as_ref()
            .and_then(|catalog| problem(credential, catalog))
    };
    let tested = |credential: &SealedCredential| {
        let id = credential.id.as_str();
        known.iter().find(|known| known.id == id)
    };
    if context.output.is_json() {
        let credentials: Vec<Json> = credentials
            .iter()
            .map(|credential| {
                let mut document = document(&workspace, credential, problem(credential));
                if let (Some(fields), Some(tested)) = (document.as_object_mut(), tested(credential))
                {
                    fields.insert("health".to_owned(), json!(tested));
                }
                document
            })
            .collect();
        context
            .output
            .document(&json!({ "credentials": credentials }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(COLUMNS);
    for credential in &credentials {
        let scheme = if credential.agent_owned {
            "the agent's own"
        } else {
            &credential.scheme
        };
        table.row([
            credential.id.as_str(),
            &credential.connector,
            scheme,
            &binding::in_words(&credential.binding),
            &state(problem(credential), tested(credential)),
            from(&workspace, credential),
            &credential.created_at,
        ]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

/// Returns the credentials of store and configuration; of the store alone where the connectors cannot be read.
async fn listed(
    context: &Context,
    workspace: &Workspace,
    catalog: Option<&Catalog>,
) -> Result<Vec<SealedCredential>, Failure> {
    let store = workspace.open_store().await?;
    let stored = store.credentials().await?;
    let pins = pins(context, workspace, &store).await?;
    let Some(catalog) = catalog else {
        context
            .output
            .note("warning: connectors cannot be read, so only stored credentials are listed; `tollgate check` says why");
        return Ok(stored);
    };
    workspace.credentials(catalog, &stored, &pins)
}

/// Returns what declared credentials are bound to, as far as the vault can be opened here.
async fn pins(context: &Context, workspace: &Workspace, store: &Store) -> Result<Pins, Failure> {
    if workspace.config().credentials.is_empty() {
        return Ok(Pins::new());
    }
    match workspace.unlock(store).await {
        Ok(unlocked) => {
            let mut pins = open_pins(&unlocked.rebinder, &store.pins().await?);
            note_deleted(workspace, &workspace.state().journal(), &mut pins);
            Ok(pins)
        }
        Err(_) => {
            context
                .output
                .note("warning: the vault cannot be opened here, so declared credentials are shown as their connectors put them now");
            Ok(Pins::new())
        }
    }
}

/// Returns what keeps a credential from being used, else what its last test has found.
fn state(problem: Option<String>, tested: Option<&CredentialHealth>) -> String {
    let tested = tested.filter(|tested| tested.state != "unchecked");
    problem
        .or_else(|| tested.map(CredentialHealth::in_words))
        .unwrap_or_else(|| "ok".to_owned())
}

fn from(workspace: &Workspace, credential: &SealedCredential) -> &'static str {
    if workspace.declares_credential(&credential.id) {
        "configuration"
    } else {
        "store"
    }
}

fn document(workspace: &Workspace, credential: &SealedCredential, problem: Option<String>) -> Json {
    let mut document = json!(credential);
    if let Some(fields) = document.as_object_mut() {
        if workspace.declares_credential(&credential.id) {
            fields.insert("created_at".to_owned(), Json::Null);
        }
        let placement = placement::in_words(&credential.placement);
        fields.insert("placement".to_owned(), placement.into());
        fields.insert("from".to_owned(), from(workspace, credential).into());
        fields.insert("problem".to_owned(), problem.into());
    }
    document
}

/// Says why the gateway would not use a credential; whether it opens is for the vault to say.
fn problem(credential: &SealedCredential, catalog: &Catalog) -> Option<String> {
    let Some(connector) = catalog.get(&credential.connector) else {
        return Some(format!("there is no connector `{}`", credential.connector));
    };
    if let Err(unbound) = connector.put_on(credential) {
        let bound = placement::in_words(&credential.placement);
        let now = connector
            .schemes()
            .iter()
            .find(|scheme| scheme.id == credential.scheme)
            .map(|scheme| format!(", now {}", placement::in_words(scheme.placement())));
        return Some(format!("{unbound}: was {bound}{}", now.unwrap_or_default()));
    }
    let foreign = credential.binding.hosts.iter().find(|host| {
        !Authority::parse(host, 443).is_ok_and(|authority| connector.binds(&authority))
    })?;
    Some(format!(
        "unbound: `{foreign}` is not a host of the connector"
    ))
}
