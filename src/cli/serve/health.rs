//! Finds what keeps credentials from being used: rows that do not open, and connectors that now put them elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::connector::{Catalog, Unbound};
use crate::model::credential::{CredentialId, SealedCredential};
use crate::telemetry::metrics::Health;
use crate::vault::{OpenError, Opener};

/// Health of each credential, by id.
#[derive(Debug, Default)]
pub(super) struct CredentialHealth {
    closed: BTreeMap<CredentialId, OpenError>,
    unbound: BTreeMap<CredentialId, Unbound>,
}

impl CredentialHealth {
    /// Looks at all of them. One whose connector is not there is not looked at: no request can be its.
    pub(super) fn of(
        credentials: &[Arc<SealedCredential>],
        opener: &Opener,
        catalog: &Catalog,
    ) -> Self {
        let mut health = Self::default();
        for credential in credentials {
            match opener.open(credential) {
                // It is looked at again once it was read.
                Ok(_) | Err(OpenError::Unread(_)) => {}
                Err(error) => {
                    health.closed.insert(credential.id.clone(), error);
                    continue;
                }
            }
            if let Some(connector) = catalog.get(&credential.connector)
                && let Err(unbound) = connector.put_on(credential)
            {
                health.unbound.insert(credential.id.clone(), unbound);
            }
        }
        health
    }

    /// Logs the differences from the earlier health.
    pub(super) fn log_news(&self, before: &Self) {
        let known: BTreeSet<_> = before.closed.keys().chain(before.unbound.keys()).collect();
        for (id, error) in self.closed.iter().filter(|(id, _)| !known.contains(id)) {
            tracing::error!(credential.id = %id, "{error}");
        }
        for (id, unbound) in self.unbound.iter().filter(|(id, _)| !known.contains(id)) {
            tracing::error!(credential.id = %id, "{unbound}; nothing is sent with it until `tollgate credential rebind {id}`");
        }
    }

    /// Returns why each cannot be used, by id.
    pub(super) fn reasons(&self) -> BTreeMap<String, String> {
        let closed = self.closed.iter();
        let closed = closed.map(|(id, error)| (id.to_string(), error.to_string()));
        let unbound = self.unbound.iter();
        closed
            .chain(unbound.map(|(id, unbound)| (id.to_string(), unbound.to_string())))
            .collect()
    }

    pub(super) fn health(&self, id: &CredentialId) -> Health {
        if self.closed.contains_key(id) || self.unbound.contains_key(id) {
            Health::Unhealthy
        } else {
            Health::Healthy
        }
    }

    pub(super) fn unhealthy(&self) -> Vec<String> {
        self.closed.keys().map(ToString::to_string).collect()
    }

    pub(super) fn unbound(&self) -> Vec<String> {
        self.unbound.keys().map(ToString::to_string).collect()
    }
}
