//! Replaces the secrets of a stored credential once the new ones are seen to work.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::additions::unusable;
use super::checks::{CredentialHealth, no_gateway};
use super::credentials::unchanged;
use super::{Noted, Service, fields};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::model::credential::{Binding, CheckState, CredentialCheck, SealedCredential};
use crate::model::secret::SecretText;
use crate::model::show::escape;
use crate::vault::CredentialDraft;

/// New values of a credential's fields.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Every secret field by its name, and public ones that change.
    #[schema(value_type = BTreeMap<String, String>)]
    pub fields: BTreeMap<String, SecretText>,
    /// Replace it although the new value was not seen to work.
    #[serde(default)]
    pub untested: bool,
}

/// What a rotation has come to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Rotated {
    /// What the test of the new value has found.
    pub health: CredentialHealth,
    /// What keeps the change from taking effect.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl Service {
    /// Replaces the fields of a stored credential, once a test has shown that the new ones work. Other changes go on during the
    /// test; one of this credential makes the rotation fail.
    ///
    /// # Errors
    /// `unknown_credential`, `declared`, `agent_owned`, `unbound`, `wrong_fields`, `credential_refused`, `not_valid`, `changed`,
    /// `changed_meanwhile`.
    pub async fn rotate_credential(
        &self,
        by: &Operator,
        (id, if_match): (&str, Option<String>),
        rotation: Rotation,
    ) -> Result<Rotated, Problem> {
        let old = self.stored_credential(id).await?;
        let snapshot = self.snapshot().await.ok();
        let catalog = snapshot.as_ref().map(|snapshot| snapshot.catalog());
        unchanged(&old, catalog, if_match.as_deref())?;
        let untested = rotation.untested;
        let draft = self.draft(&old, rotation).await?;
        let new = self
            .host()
            .seal(draft)
            .await
            .map_err(|reason| Problem::conflict("credential_refused", reason))?;
        let check = self.host().probe(Arc::new(new.clone())).await;
        let check = judged(id, check, untested)?;
        let noted = Noted {
            what: "credential.rotate",
            subject: id,
            detail: Some(json!({ "test": check.state.as_str() })),
            ..Noted::default()
        };
        // An API answers when it likes, so no turn is held while it is asked; the row is compared as it is replaced.
        let _turn = self.writing.lock().await;
        self.refuse_declared_credential(id)?;
        let store = self.recording(by, &noted);
        if !store.replace_credential(&old, &new).await? {
            let detail = format!("credential `{id}` was changed meanwhile");
            return Err(Problem::conflict("changed", detail).help("try again"));
        }
        Ok(Rotated {
            health: CredentialHealth::of(&new, check),
            warnings: self.settle().await,
        })
    }

    /// Returns the credential as it was bound, with new fields.
    async fn draft(
        &self,
        old: &SealedCredential,
        rotation: Rotation,
    ) -> Result<CredentialDraft, Problem> {
        let snapshot = self.snapshot().await?;
        let connector = super::connectors::find(snapshot.catalog(), &old.connector)?;
        let unbound = |error: crate::connector::Unbound| {
            Problem::conflict("unbound", error.to_string()).help(format!(
                "bind it first: `tollgate credential rebind {}`",
                old.id
            ))
        };
        let scheme = connector.put_on(old).map_err(unbound)?.ok_or_else(|| {
            let detail = format!(
                "credential `{}` is the agent's own; no secret is kept",
                old.id
            );
            Problem::conflict("agent_owned", detail)
        })?;
        let (public, secret) = fields::sort(scheme, &old.public_fields, rotation.fields)?;
        // A public field may be part of the URL that tokens are asked for at.
        let urls = scheme.mint_urls(&public);
        let urls = urls.map_err(|error| unusable(&error))?;
        Ok(CredentialDraft {
            id: old.id.clone(),
            connector: old.connector.clone(),
            scheme: old.scheme.clone(),
            placement: old.placement.clone(),
            public_fields: public,
            secret_fields: secret,
            origins: BTreeMap::new(),
            binding: Binding {
                urls,
                ..old.binding.clone()
            },
            agent_owned: false,
            created_at: old.created_at.clone(),
        })
    }
}

/// Returns what the test of a new value has found, where it may be used.
fn judged(
    id: &str,
    check: Option<CredentialCheck>,
    untested: bool,
) -> Result<CredentialCheck, Problem> {
    let check = match (check, untested) {
        (Some(check), _) => check,
        (None, true) => CredentialCheck::of(CheckState::Unchecked, "no gateway runs"),
        (None, false) => return Err(no_gateway()),
    };
    match check.state {
        CheckState::Valid | CheckState::Unchecked => Ok(check),
        _ if untested => Ok(check),
        _ => {
            let detail = format!(
                "the new value of credential `{}` does not work, so the old one stays: {}",
                escape(id),
                check.in_words()
            );
            let help = "`--untested` replaces it all the same";
            Err(Problem::conflict("not_valid", detail).help(help))
        }
    }
}
