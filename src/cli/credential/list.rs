//! Runs `credential list`: declared and stored credentials, where each may go, and what keeps it from being used. No secret is
//! shown.

use serde_json::{Value as Json, json};

use super::{binding, placement};
use crate::cli::Context;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::table::Table;
use crate::cli::workspace::{Pins, Workspace, open_pins};
use crate::connector::Catalog;
use crate::model::credential::SealedCredential;
use crate::model::target::Authority;
use crate::store::Store;

pub(super) async fn run(context: &Context) -> Outcome {
    let workspace = Workspace::load(context)?;
    let store = workspace.open_store().await?;
    let stored = store.credentials().await?;
    let pins = pins(context, &workspace, &store).await?;
    let catalog = workspace.catalog().ok();
    let credentials = match &catalog {
        Some(catalog) => workspace.credentials(catalog, &stored, &pins)?,
        None => {
            context
                .output
                .note("warning: connectors cannot be read, so only stored credentials are listed; `tollgate check` says why");
            stored
        }
    };
    let problem = |credential| {
        catalog
            .as_ref()
            .and_then(|catalog| problem(credential, catalog))
    };
    if context.output.is_json() {
        let credentials: Vec<Json> = credentials
            .iter()
            .map(|credential| document(&workspace, credential, problem(credential)))
            .collect();
        context
            .output
            .document(&json!({ "credentials": credentials }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new([
        "ID",
        "CONNECTOR",
        "SCHEME",
        "GOES",
        "STATE",
        "FROM",
        "CREATED",
    ]);
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
            problem(credential).as_deref().unwrap_or("ok"),
            from(&workspace, credential),
            &credential.created_at,
        ]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

/// Returns what declared credentials are bound to, as far as the vault can be opened here.
async fn pins(context: &Context, workspace: &Workspace, store: &Store) -> Result<Pins, Failure> {
    if workspace.config().credentials.is_empty() {
        return Ok(Pins::new());
    }
    match workspace.unlock(store).await {
        Ok(unlocked) => Ok(open_pins(&unlocked.rebinder, &store.pins().await?)),
        Err(_) => {
            context
                .output
                .note("warning: the vault cannot be opened here, so declared credentials are shown as their connectors put them now");
            Ok(Pins::new())
        }
    }
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
