//! Tests credentials, and shows what tests have found.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Service;
use crate::admin::problem::Problem;
use crate::model::credential::{CredentialCheck, SealedCredential};
use crate::model::show::escape;

/// What is known of a credential.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CredentialHealth {
    /// Id of the credential.
    pub id: String,
    /// The connector that it is for.
    pub connector: String,
    /// `valid`, `expired` (wrong or revoked too), `forbidden`, `unreachable`, `unclear`, `unusable` or `unchecked`.
    pub state: String,
    /// Why, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Who the API says that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// When it was last tested, RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<String>,
    /// When the API last accepted it, RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<String>,
    /// When the API says that it expires, RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// What is known of several credentials.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HealthList {
    /// Sorted by their ids.
    pub credentials: Vec<CredentialHealth>,
}

impl CredentialHealth {
    pub(super) fn of(credential: &SealedCredential, check: CredentialCheck) -> Self {
        Self {
            id: credential.id.to_string(),
            connector: credential.connector.clone(),
            state: check.state.as_str().to_owned(),
            detail: check.detail,
            identity: check.identity,
            checked_at: check.checked_at,
            last_success: check.last_success,
            expires_at: check.expires_at,
        }
    }

    /// Returns it in a few words: `valid (octocat)`, `expired: the API answers 401`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let identity = self.identity.as_ref();
        let identity = identity.map_or_else(String::new, |identity| format!(" ({identity})"));
        let detail = self.detail.as_ref();
        let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
        format!("{}{identity}{detail}", self.state)
    }
}

impl Service {
    /// Shows what tests have found of the credentials that fit; none is sent.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn health(
        &self,
        fits: impl Fn(&SealedCredential) -> bool,
    ) -> Result<HealthList, Problem> {
        let credentials = self.host().credentials().await?.credentials.into_iter();
        let mut known = self.host().checks();
        let credentials = credentials
            .filter(|credential| fits(credential))
            .map(|credential| {
                let check = known.remove(credential.id.as_str()).unwrap_or_default();
                CredentialHealth::of(&credential, check)
            });
        Ok(HealthList {
            credentials: credentials.collect(),
        })
    }

    /// Tests the credentials that fit, one after the other.
    ///
    /// # Errors
    /// `no_gateway` where none runs that could test them.
    pub async fn test(
        &self,
        fits: impl Fn(&SealedCredential) -> bool,
    ) -> Result<HealthList, Problem> {
        if self.host().active().is_none() {
            return Err(no_gateway());
        }
        let mut credentials = Vec::new();
        for credential in self.host().credentials().await?.credentials {
            if fits(&credential) {
                let check = self.host().check(Arc::clone(&credential));
                let check = check.await.ok_or_else(no_gateway)?;
                credentials.push(CredentialHealth::of(&credential, check));
            }
        }
        Ok(HealthList { credentials })
    }

    /// Tests one credential.
    ///
    /// # Errors
    /// `unknown_credential`, `no_gateway`.
    pub async fn test_credential(&self, id: &str) -> Result<CredentialHealth, Problem> {
        let list = self.test(|credential| credential.id.as_str() == id).await?;
        let mut credentials = list.credentials.into_iter();
        credentials.next().ok_or_else(|| unknown(id))
    }
}

pub(super) fn no_gateway() -> Problem {
    let detail = "no gateway runs, and only a gateway tests credentials";
    Problem::conflict("no_gateway", detail).help("start one: `tollgate serve`")
}

pub(super) fn unknown(id: &str) -> Problem {
    let detail = format!("there is no credential `{}`", escape(id));
    Problem::unknown("unknown_credential", detail).help("list them: `tollgate credential list`")
}
