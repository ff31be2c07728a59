//! Settles the binding of each credential at start. Rows of an older build and newly declared credentials are bound to what the
//! connectors say now; all others keep their binding.

use std::path::Path;

use serde_json::Map;

use super::first_start::Prepared;
use super::store_broken;
use crate::cli::failure::Failure;
use crate::cli::workspace::{Pins, StoreView, Workspace, declared_scheme, is_pinned, open_pins};
use crate::connector::Catalog;
use crate::journal::{Changed, Journal, Kind, Query, Reader};
use crate::model::credential::{CredentialId, NOWHERE, SealedCredential};
use crate::store::Store;
use crate::vault::{Pin, Rebinder};

/// Written as `what` of the first sight of a declared credential.
const PINNED: &str = "credential.pinned";

/// Bindings that the start has settled.
#[derive(Debug)]
pub(super) struct Settled {
    /// Pins of declared credentials.
    pub(super) pins: Pins,
    /// Ids of rows of an older build that were bound now.
    pub(super) resealed: Vec<String>,
}

/// Settles the bindings and updates the view. Each row is replaced in one step, and only if it was not changed meanwhile, so the
/// next start can continue an interrupted one.
pub(super) async fn settle(
    workspace: &Workspace,
    (prepared, journal): (&Prepared, &Journal),
    catalog: &Catalog,
    view: &mut StoreView,
) -> Result<Settled, Failure> {
    let rebinder = &prepared.unlocked.rebinder;
    let resealed = reseal(&prepared.store, rebinder, catalog, &view.credentials).await?;
    let stores = (&prepared.store, journal);
    let pins = pin(workspace, stores, (rebinder, catalog), view).await?;
    // The revision stays the one that was read first: what is newer is read again.
    view.credentials = prepared.store.credentials().await.map_err(store_broken)?;
    view.pins = prepared.store.pins().await.map_err(store_broken)?;
    Ok(Settled { pins, resealed })
}

async fn reseal(
    store: &Store,
    rebinder: &Rebinder,
    catalog: &Catalog,
    credentials: &[SealedCredential],
) -> Result<Vec<String>, Failure> {
    let mut resealed = Vec::new();
    let older = credentials.iter().filter(|row| row.placement.is_empty());
    for row in older {
        let connector = catalog.get(&row.connector);
        let scheme = connector.and_then(|connector| {
            connector
                .schemes()
                .iter()
                .find(|scheme| scheme.id == row.scheme)
        });
        // A row is opened in the older form once: what has no scheme now is used by none later, unless an operator says so.
        let placement = scheme.map_or(NOWHERE, |scheme| scheme.placement());
        let place = (row.scheme.as_str(), placement);
        match rebinder.rebind(row, place, [], &mut rand::rng()) {
            Ok(bound) => {
                let replaced = store.replace_credential(row, &bound).await;
                if replaced.map_err(store_broken)? {
                    tracing::warn!(
                        credential.id = %row.id,
                        connector = row.connector,
                        scheme = row.scheme,
                        "credential of an older build is bound to where its scheme puts it now"
                    );
                    resealed.push(row.id.to_string());
                }
            }
            // It is told with all others that do not open.
            Err(error) => tracing::error!(credential.id = %row.id, "{error}"),
        }
    }
    Ok(resealed)
}

/// Marks credentials whose pin was deleted as changed: the journal knows that they were bound before, so this is not the first sight of
/// them. It is searched only for credentials without a pin. Blocks.
pub(in crate::cli) fn note_deleted(workspace: &Workspace, journal: &Path, pins: &mut Pins) {
    for declared in &workspace.config().credentials {
        if declared.agent_owned || pins.contains_key(&declared.id) {
            continue;
        }
        let query = Query {
            kinds: vec![Kind::Changed],
            text: Some(format!(
                "\"what\":\"{PINNED}\",\"subject\":\"{}\"",
                declared.id
            )),
            ..Query::default()
        };
        let found = Reader::open(journal, query).map(|mut lines| lines.next());
        match found {
            Ok(None) => {}
            Ok(Some(Ok(_))) => {
                pins.insert(declared.id.clone(), None);
            }
            Ok(Some(Err(error))) | Err(error) => {
                tracing::error!(credential.id = %declared.id, %error, "whether the credential was bound before is not known: the journal cannot be read");
                pins.insert(declared.id.clone(), None);
            }
        }
    }
}

/// Records the first sight of a declared credential, before it is used.
async fn record_pinned(journal: &Journal, id: &CredentialId, pin: &Pin) -> Result<(), Failure> {
    let mut detail = Map::new();
    for (key, text) in [
        ("connector", &pin.connector),
        ("scheme", &pin.scheme),
        ("placement", &pin.placement),
    ] {
        detail.insert(key.to_owned(), text.as_str().into());
    }
    let changed = Changed {
        what: PINNED.into(),
        subject: id.as_str().into(),
        detail,
        ..Changed::default()
    };
    let recorded = journal.append(&changed).await;
    recorded.map_err(|error| Failure::failed("journal", error.to_string()))
}

/// Pins what is declared and was not seen before: from now on it is bound to where its scheme puts it today.
pub(in crate::cli::serve) async fn pin(
    workspace: &Workspace,
    (store, journal): (&Store, &Journal),
    (rebinder, catalog): (&Rebinder, &Catalog),
    view: &StoreView,
) -> Result<Pins, Failure> {
    let mut pins = open_pins(rebinder, &view.pins);
    note_deleted(workspace, journal.directory(), &mut pins);
    for declared in &workspace.config().credentials {
        let id = &declared.id;
        match pins.get(id) {
            Some(Some(pin)) if is_pinned(declared, pin) => continue,
            Some(None) => {
                tracing::error!(credential.id = %id, "the binding of the credential was changed in the store; `tollgate credential rebind` binds it again");
                continue;
            }
            Some(Some(_)) | None => {}
        }
        // What is wrong with the declaration is told when it is sealed.
        let scheme = catalog
            .get(&declared.connector)
            .and_then(|connector| declared_scheme(declared, connector));
        let Some(scheme) = scheme.filter(|_| !declared.agent_owned) else {
            continue;
        };
        let pin = Pin {
            connector: declared.connector.clone(),
            declared: declared.scheme.clone(),
            scheme: scheme.id.clone(),
            placement: scheme.placement().to_owned(),
        };
        let sealed = rebinder.seal_pin(id, &pin, &mut rand::rng());
        if let Some(sealed) = sealed {
            let put = store.put_pin(id.as_str(), &sealed).await;
            put.map_err(store_broken)?;
            record_pinned(journal, id, &pin).await?;
        }
        pins.insert(id.clone(), Some(pin));
    }
    Ok(pins)
}
