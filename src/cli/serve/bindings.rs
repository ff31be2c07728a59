//! Settles the binding of each credential at start. Rows of an older build and newly declared credentials are bound to what the
//! connectors say now; all others keep their binding.

use super::first_start::Prepared;
use super::store_broken;
use crate::cli::failure::Failure;
use crate::cli::workspace::{Pins, StoreView, Workspace, declared_scheme, is_pinned, open_pins};
use crate::connector::Catalog;
use crate::model::credential::{NOWHERE, SealedCredential};
use crate::store::Store;
use crate::vault::{Pin, Rebinder};

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
    prepared: &Prepared,
    catalog: &Catalog,
    view: &mut StoreView,
) -> Result<Settled, Failure> {
    let rebinder = &prepared.unlocked.rebinder;
    let resealed = reseal(&prepared.store, rebinder, catalog, &view.credentials).await?;
    let pins = pin(workspace, &prepared.store, (rebinder, catalog), view).await?;
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

/// Pins what is declared and was not seen before: from now on it is bound to where its scheme puts it today.
pub(in crate::cli::serve) async fn pin(
    workspace: &Workspace,
    store: &Store,
    (rebinder, catalog): (&Rebinder, &Catalog),
    view: &StoreView,
) -> Result<Pins, Failure> {
    let mut pins = open_pins(rebinder, &view.pins);
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
        }
        pins.insert(id.clone(), Some(pin));
    }
    Ok(pins)
}
