//! Adds credentials: bound to exact hosts first, then sealed. What was given is in no answer and no record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::binding::{WantedBinding, bind};
use super::connectors::find;
use super::credentials::CredentialView;
use super::rules::Mode;
use super::{Noted, Service, fields};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::auth::Scheme;
use crate::config::suggest;
use crate::connector::Connector;
use crate::model::credential::{CredentialId, SealedCredential};
use crate::model::secret::SecretText;
use crate::model::show::escape;
use crate::snapshot::Snapshot;
use crate::store::StoreError;
use crate::vault::CredentialDraft;

/// A credential that is to be added.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewCredential {
    /// The connector that it is for.
    pub connector: String,
    /// Unique; the connector's id by default.
    pub id: Option<String>,
    /// Id of the scheme that puts it on requests; the connector's first by default.
    pub scheme: Option<String>,
    /// Exact `host` or `host:port` that it may go to; the connector's own by default.
    pub hosts: Vec<String>,
    /// Path prefix that it may go to; `/` by default.
    pub path: Option<String>,
    /// Agents that may use it; all by default.
    pub agents: Vec<String>,
    /// The agent brings it, so that none is kept.
    pub agent_owned: bool,
    /// Values of the scheme's fields; a preview needs none. Write only.
    #[schema(value_type = BTreeMap<String, String>, write_only)]
    pub fields: BTreeMap<String, SecretText>,
}

/// A credential that was added, or would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AddedCredential {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// What is kept, without its secrets.
    pub credential: CredentialView,
    /// What keeps the change from taking effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Service {
    /// Adds a credential to the store; a preview tells where it would go.
    ///
    /// # Errors
    /// `declared`, `exists`, `unknown_connector`, `unknown_scheme`, `no_scheme`, `foreign_host`, `passed_through`,
    /// `credential_refused`, and what is wrong with a field.
    pub async fn add_credential(
        &self,
        by: &Operator,
        new: NewCredential,
        mode: Mode,
    ) -> Result<AddedCredential, Problem> {
        let _turn = self.writing.lock().await;
        let snapshot = self.snapshot().await?;
        let draft = self.new_draft(&snapshot, new, &mode).await?;
        let view =
            |sealed: &SealedCredential| CredentialView::of(sealed, &[], Some(snapshot.catalog()));
        if mode == Mode::Preview {
            let refused = |error: crate::vault::SealError| refused(error.to_string());
            return Ok(AddedCredential {
                dry_run: true,
                credential: view(&draft.unsealed().map_err(refused)?),
                warnings: Vec::new(),
            });
        }
        let sealed = self.host().seal(draft).await.map_err(refused)?;
        let noted = Noted {
            what: "credential.add",
            subject: sealed.id.as_str(),
            ..Noted::default()
        };
        let kept = self.recording(by, &noted).put_credential(&sealed).await;
        kept.map_err(|error| match error {
            StoreError::Exists { .. } => exists(&sealed.id),
            other => Problem::from(other),
        })?;
        Ok(AddedCredential {
            dry_run: false,
            credential: view(&sealed),
            warnings: self.settle().await,
        })
    }

    /// Binds what is to be added, and sorts its fields; a preview needs none.
    async fn new_draft(
        &self,
        snapshot: &Snapshot,
        new: NewCredential,
        mode: &Mode,
    ) -> Result<CredentialDraft, Problem> {
        let id = CredentialId::parse(new.id.as_deref().unwrap_or(&new.connector));
        let id = id.map_err(|error| Problem::bad("id", error.to_string()))?;
        self.refuse_declared_credential(id.as_str())?;
        let connector = find(snapshot.catalog(), &new.connector)?;
        let scheme = find_scheme(connector, new.scheme.as_deref())?;
        let wanted = WantedBinding {
            hosts: &new.hosts,
            path: new.path.as_deref().unwrap_or("/"),
            agents: &new.agents,
        };
        let mut binding = bind(snapshot.catalog(), connector, wanted)?;
        let stored = self.store.credentials().await?;
        if stored.iter().any(|known| known.id == id) {
            return Err(exists(&id));
        }
        let (public, secret) = if new.agent_owned || *mode == Mode::Preview {
            fields::Sorted::default()
        } else {
            fields::sort(scheme, &BTreeMap::new(), new.fields)?
        };
        if !new.agent_owned {
            binding.urls = match (scheme.mint_urls(&public), mode) {
                (Ok(urls), _) => urls,
                // They depend on fields that a preview need not have.
                (Err(_), Mode::Preview) => Vec::new(),
                (Err(error), Mode::Write { .. }) => return Err(unusable(&error)),
            };
        }
        Ok(CredentialDraft {
            id,
            connector: connector.id().to_owned(),
            scheme: scheme.id.clone(),
            placement: scheme.placement().to_owned(),
            public_fields: public,
            secret_fields: secret,
            origins: BTreeMap::new(),
            binding,
            agent_owned: new.agent_owned,
            created_at: self.clock().stamp(),
        })
    }
}

/// Says that a public field does not make a URL that tokens can be asked for at.
pub(super) fn unusable(error: &crate::auth::MintError) -> Problem {
    let status = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
    let problem = Problem::new(status, "wrong_fields", error.to_string());
    problem.help("give the name alone, such as `acme` or `acme.example`")
}

fn refused(reason: String) -> Problem {
    Problem::conflict("credential_refused", reason)
}

fn exists(id: &CredentialId) -> Problem {
    let detail = format!("there is a credential `{id}` already");
    Problem::conflict("exists", detail).help(format!(
        "choose another id, or remove it first: `tollgate credential remove {id}`"
    ))
}

fn find_scheme<'c>(connector: &'c Connector, wanted: Option<&str>) -> Result<&'c Scheme, Problem> {
    let schemes = connector.schemes();
    let found = match wanted {
        Some(id) => schemes.iter().find(|scheme| scheme.id == id),
        None => schemes.first(),
    };
    found.ok_or_else(|| {
        if schemes.is_empty() {
            let detail = format!("connector `{}` takes no credential", connector.id());
            return Problem::conflict("no_scheme", detail);
        }
        let known: Vec<&str> = schemes.iter().map(|scheme| scheme.id.as_str()).collect();
        let wanted = wanted.unwrap_or_default();
        let shown = escape(wanted);
        let detail = format!("connector `{}` has no scheme `{shown}`", connector.id());
        Problem::unknown("unknown_scheme", detail).help(suggest::help(wanted, &known))
    })
}
