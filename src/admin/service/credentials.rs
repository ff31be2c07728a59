//! Manages credentials of the store. A secret goes in and never comes out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::checks::{CredentialHealth, unknown};
use super::references::Named;
use super::removal::{Removal, Removed};
use super::rules::Mode;
use super::{DeclaredCredential, Noted, Service, placement};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::connector::Catalog;
use crate::model::credential::{Binding, SealedCredential};
use crate::model::hex::hex;
use crate::model::show::escape;
use crate::model::target::Authority;
use crate::store::{Cascade, Store};

/// Where a credential may go.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BindingView {
    /// Exact `host:port` authorities, sorted.
    pub hosts: Vec<String>,
    /// Path prefix, `/` for all.
    pub path: String,
    /// Other URLs that its bytes go to for a token, sorted.
    pub urls: Vec<String>,
    /// Agents that may use it; empty for all.
    pub agents: Vec<String>,
}

/// A credential, without its secrets.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CredentialView {
    /// Unique among configuration and store.
    pub id: String,
    /// The connector that it is for.
    pub connector: String,
    /// Id of the connector's scheme that puts it on requests.
    pub scheme: String,
    /// Values of the fields that are no secrets.
    pub public_fields: BTreeMap<String, String>,
    /// Where it may go.
    pub binding: BindingView,
    /// Version of the master key that sealed it.
    pub key_version: u32,
    /// Whether the agent brings it, so that none is kept.
    pub agent_owned: bool,
    /// RFC 3339, UTC; null for one of the configuration.
    pub created_at: Option<String>,
    /// Where requests hold it: `header authorization: Bearer {token}`.
    pub placement: String,
    /// Where it is kept: `configuration` or `store`.
    pub from: String,
    /// What keeps it from being used.
    pub problem: Option<String>,
    /// Whether its connector puts it elsewhere now: nothing is sent with it until it is bound again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moved: bool,
    /// What the last test has found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<CredentialHealth>,
    /// Its present state; `If-Match` of a rotation, or of binding it again.
    pub revision: String,
}

/// A part of the credentials.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CredentialList {
    /// Sorted by their ids.
    pub credentials: Vec<CredentialView>,
    /// What keeps the list from being whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Cursor of the next part; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl BindingView {
    pub(super) fn of(binding: &Binding) -> Self {
        Self {
            hosts: binding.hosts.clone(),
            path: binding.path.clone(),
            urls: binding.urls.clone(),
            agents: binding.agents.clone(),
        }
    }

    /// Returns it as words after "goes": `to api.github.com:443, for all agents`.
    #[must_use]
    pub fn in_words(&self) -> String {
        super::binding::in_words(&Binding {
            hosts: self.hosts.clone(),
            path: self.path.clone(),
            urls: self.urls.clone(),
            agents: self.agents.clone(),
        })
    }
}

impl CredentialView {
    /// Returns what is shown of a credential. Without a catalogue it is not known what keeps it from being used.
    #[must_use]
    pub fn of(
        credential: &SealedCredential,
        declared: &[DeclaredCredential],
        catalog: Option<&Catalog>,
    ) -> Self {
        let is_declared = declared.iter().any(|known| known.id == credential.id);
        let connector = catalog.and_then(|catalog| catalog.get(&credential.connector));
        Self {
            id: credential.id.to_string(),
            connector: credential.connector.clone(),
            scheme: credential.scheme.clone(),
            public_fields: credential.public_fields.clone(),
            binding: BindingView::of(&credential.binding),
            key_version: credential.key_version,
            agent_owned: credential.agent_owned,
            created_at: Some(credential.created_at.clone()).filter(|_| !is_declared),
            placement: placement::in_words(&credential.placement),
            from: if is_declared {
                "configuration"
            } else {
                "store"
            }
            .to_owned(),
            problem: catalog.and_then(|catalog| problem(credential, catalog)),
            moved: connector.is_some_and(|connector| connector.put_on(credential).is_err()),
            health: None,
            revision: revision(credential, catalog),
        }
    }
}

/// Returns the name of a credential's state: another one where it was sealed or bound again, or where its connector would put it
/// elsewhere now, so that nobody agrees to one place and binds to another.
pub(super) fn revision(credential: &SealedCredential, catalog: Option<&Catalog>) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    add(credential.placement.as_bytes());
    add(&credential.sealed);
    let connector = catalog.and_then(|catalog| catalog.get(&credential.connector));
    for scheme in connector.into_iter().flat_map(|one| one.schemes()) {
        add(scheme.id.as_bytes());
        add(scheme.placement().as_bytes());
        for url in scheme
            .mint_urls(&credential.public_fields)
            .unwrap_or_default()
        {
            add(url.as_bytes());
        }
    }
    let hash = hash.finalize();
    hex(hash
        .first_chunk::<8>()
        .map_or(&[], |short| short.as_slice()))
}

/// Refuses a change whose preview is of another state of the credential.
pub(super) fn unchanged(
    credential: &SealedCredential,
    catalog: Option<&Catalog>,
    if_match: Option<&str>,
) -> Result<(), Problem> {
    let now = revision(credential, catalog);
    if if_match.is_none_or(|named| named == "*" || named == now) {
        return Ok(());
    }
    let detail = format!(
        "credential `{}`, or where its connector puts it, was changed meanwhile",
        credential.id
    );
    let status = axum::http::StatusCode::PRECONDITION_FAILED;
    let problem = Problem::new(status, "changed_meanwhile", detail);
    Err(problem
        .help("look at it again, and repeat the change with its revision")
        .with("revision", now))
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

impl Service {
    /// Lists the credentials of configuration and store, sorted by id, and what keeps the list from being whole.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn credentials(&self) -> Result<(Vec<CredentialView>, Vec<String>), Problem> {
        let known = self.host().credentials().await?;
        let declared = self.host().declared().credentials;
        let snapshot = self.snapshot().await.ok();
        let catalog = snapshot.as_ref().map(|snapshot| snapshot.catalog());
        let mut checks = self.host().checks();
        let view = |credential: &std::sync::Arc<SealedCredential>| CredentialView {
            health: checks
                .remove(credential.id.as_str())
                .map(|check| CredentialHealth::of(credential, check)),
            ..CredentialView::of(credential, &declared, catalog)
        };
        let mut credentials: Vec<CredentialView> = known.credentials.iter().map(view).collect();
        credentials.sort_by(|one, other| one.id.cmp(&other.id));
        Ok((credentials, known.warnings))
    }

    /// Shows a credential.
    ///
    /// # Errors
    /// `unknown_credential`; when the store cannot be read.
    pub async fn credential(&self, id: &str) -> Result<CredentialView, Problem> {
        let mut all = self.credentials().await?.0.into_iter();
        let found = all.find(|credential| credential.id == id);
        found.ok_or_else(|| unknown(id))
    }

    /// Removes a credential of the store, with the rules of the store that name it where `cascade` says so.
    ///
    /// # Errors
    /// `unknown_credential`, `declared`, `named` with the list of the rules, or `changed_meanwhile`.
    pub async fn remove_credential(
        &self,
        by: &Operator,
        id: &str,
        how: (bool, Mode),
    ) -> Result<Removed, Problem> {
        let _turn = self.writing.lock().await;
        self.refuse_declared_credential(id)?;
        let view = self.view().await?;
        if !view.credentials.iter().any(|known| known.id.as_str() == id) {
            return Err(unknown(id));
        }
        let mut without = view.clone();
        without.credentials.retain(|known| known.id.as_str() != id);
        let removal = Removal {
            named: Named::Credential(id),
            what: format!("credential `{}`", escape(id)),
            noted: Noted {
                what: "credential.remove",
                subject: id,
                ..Noted::default()
            },
        };
        let write =
            async |store: Store, with: Cascade| store.remove_credential_with(id, &with).await;
        self.remove_named((by, removal), (&view, without), how, write)
            .await
    }

    /// Refuses to change what the configuration declares.
    pub(super) fn refuse_declared_credential(&self, id: &str) -> Result<(), Problem> {
        let declared = self.host().declared().credentials;
        if declared.iter().any(|known| known.id.as_str() == id) {
            let detail =
                format!("credential `{id}` is declared in the configuration; change it there");
            return Err(Problem::conflict("declared", detail));
        }
        Ok(())
    }

    /// Returns a credential of the store.
    pub(super) async fn stored_credential(&self, id: &str) -> Result<SealedCredential, Problem> {
        self.refuse_declared_credential(id)?;
        let mut stored = self.store.credentials().await?.into_iter();
        let found = stored.find(|credential| credential.id.as_str() == id);
        found.ok_or_else(|| unknown(id))
    }
}
