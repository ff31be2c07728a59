//! Runs `credential rebind`: binds credentials to where their connectors put them now, and shows what that changes.

use serde_json::{Value as Json, json};

use super::placement;
use crate::auth::Scheme;
use crate::cli::Context;
use crate::cli::args::RebindCredential;
use crate::cli::change::recorded;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::offline;
use crate::cli::serve::note_deleted;
use crate::cli::workspace::{Workspace, declared_scheme, open_pins};
use crate::connector::Catalog;
use crate::model::credential::{CredentialId, SealedCredential};
use crate::model::show::escape;
use crate::store::Store;
use crate::vault::{Pin, Rebinder, Unlocked};

pub(super) async fn run(context: &Context, args: RebindCredential) -> Outcome {
    let workspace = Workspace::load(context)?;
    let store = workspace.open_store().await?;
    let _lock = offline::claim(context, workspace.state()).await?;
    let catalog = workspace.catalog()?;
    let Unlocked { rebinder, .. } = workspace.unlock(&store).await?;
    let mut pins = open_pins(&rebinder, &store.pins().await?);
    note_deleted(&workspace, &workspace.state().journal(), &mut pins);
    let all = workspace.credentials(&catalog, &store.credentials().await?, &pins)?;
    let wanted: Vec<&SealedCredential> = match &args.id {
        Some(id) => vec![
            all.iter()
                .find(|credential| credential.id.as_str() == id)
                .ok_or_else(|| super::unknown(id))?,
        ],
        None => all
            .iter()
            .filter(|credential| moved(credential, &catalog))
            .collect(),
    };
    let desk = Rebinding {
        context,
        workspace: &workspace,
        store: &store,
        catalog: &catalog,
        rebinder: &rebinder,
    };
    let mut done = Vec::new();
    let mut failed = None;
    for credential in wanted {
        match desk.rebind(credential).await {
            Ok(change) => done.push(change),
            Err(failure) if args.all => {
                context.output.note(&failure.to_text());
                failed = Some(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    print(context, &done)?;
    Ok(failed.map_or(Exit::Done, |_| Exit::Problems))
}

/// What `rebind` works with.
#[derive(Debug)]
struct Rebinding<'a> {
    context: &'a Context,
    workspace: &'a Workspace,
    store: &'a Store,
    catalog: &'a Catalog,
    rebinder: &'a Rebinder,
}

/// The old and new placement of a credential.
#[derive(Debug)]
struct Change {
    id: CredentialId,
    was: String,
    now: String,
}

impl Rebinding<'_> {
    async fn rebind(&self, credential: &SealedCredential) -> Result<Change, Failure> {
        let id = &credential.id;
        let connector = super::find_connector(self.catalog, &credential.connector)?;
        let declared = self
            .workspace
            .config()
            .credentials
            .iter()
            .find(|declared| declared.id == *id);
        let scheme = match declared {
            Some(declared) => declared_scheme(declared, connector),
            None => connector
                .schemes()
                .iter()
                .find(|scheme| scheme.id == credential.scheme),
        };
        let scheme = scheme.ok_or_else(|| {
            Failure::failed(
                "no_scheme",
                format!(
                    "connector `{}` has no scheme `{}` any more",
                    connector.id(),
                    escape(&credential.scheme)
                ),
            )
            .help(format!(
                "take the credential out and add it for another scheme: `tollgate credential remove {id}`"
            ))
        })?;
        let was = placement::in_words(&credential.placement);
        if !credential.agent_owned && credential.placement != scheme.placement() {
            match declared {
                Some(declared) => {
                    let pin = Pin {
                        connector: declared.connector.clone(),
                        declared: declared.scheme.clone(),
                        scheme: scheme.id.clone(),
                        placement: scheme.placement().to_owned(),
                    };
                    self.pin(id, &pin).await?;
                }
                None => self.reseal(credential, scheme).await?,
            }
        }
        let now = if credential.agent_owned {
            was.clone()
        } else {
            placement::in_words(scheme.placement())
        };
        let id = id.clone();
        Ok(Change { id, was, now })
    }

    async fn reseal(&self, credential: &SealedCredential, scheme: &Scheme) -> Result<(), Failure> {
        let needed = scheme.fields().iter().filter(|field| !field.optional);
        let fields = needed.map(|field| field.name.as_str());
        let place = (scheme.id.as_str(), scheme.placement());
        let refused = |error: String| {
            Failure::failed("credential_refused", error).help(format!(
                "take it out and add it again: `tollgate credential remove {}`",
                credential.id
            ))
        };
        let random = &mut rand::rng();
        let bound = self.rebinder.rebind(credential, place, fields, random);
        let mut bound = bound.map_err(|error| refused(error.to_string()))?;
        // The operator has read where its bytes go for a token: that is part of what the placement says.
        let urls = scheme.mint_urls(&credential.public_fields);
        let urls = urls.map_err(|error| refused(error.to_string()))?;
        if bound.binding.urls != urls && !credential.agent_owned {
            let again = self.rebinder.with_urls(&bound, urls, random);
            bound = again.map_err(|error| refused(error.to_string()))?;
        }
        let store = self.recorded(&credential.id);
        if store.replace_credential(credential, &bound).await? {
            return Ok(());
        }
        let detail = format!("credential `{}` was changed meanwhile", credential.id);
        Err(Failure::failed("changed", detail).help("try again"))
    }

    async fn pin(&self, id: &CredentialId, pin: &Pin) -> Result<(), Failure> {
        let sealed = self
            .rebinder
            .seal_pin(id, pin, &mut rand::rng())
            .ok_or_else(|| Failure::failed("vault", "the binding cannot be sealed"))?;
        self.recorded(id).put_pin(id.as_str(), &sealed).await?;
        Ok(())
    }

    fn recorded(&self, id: &CredentialId) -> Store {
        recorded(
            self.context,
            self.store,
            super::note("credential.rebind", id),
        )
    }
}

/// Returns whether the connector now puts a credential elsewhere.
fn moved(credential: &SealedCredential, catalog: &Catalog) -> bool {
    catalog
        .get(&credential.connector)
        .is_some_and(|connector| connector.put_on(credential).is_err())
}

fn print(context: &Context, done: &[Change]) -> Result<(), Failure> {
    if context.output.is_json() {
        let credentials: Vec<Json> = done
            .iter()
            .map(|change| json!({ "id": change.id, "was": change.was, "now": change.now }))
            .collect();
        return context
            .output
            .document(&json!({ "credentials": credentials }));
    }
    if done.is_empty() {
        return context
            .output
            .line("every credential is bound to where its connector puts it");
    }
    for Change { id, was, now } in done {
        let told = if was == now {
            format!("credential `{id}` is bound as before: {now}")
        } else {
            format!("credential `{id}` is bound again\n  was  {was}\n  now  {now}")
        };
        context.output.line(&told)?;
    }
    Ok(())
}
