//! Binds credentials to where their connectors put them now, once an operator has seen what that changes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::checks::unknown;
use super::connectors::find;
use super::credentials::unchanged;
use super::rules::Mode;
use super::{Noted, Service, placement};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::auth::Scheme;
use crate::model::credential::SealedCredential;
use crate::model::show::escape;
use crate::snapshot::Snapshot;
use crate::vault::Pin;

/// A credential that was bound again, or would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Rebound {
    /// Id of the credential.
    pub id: String,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Where requests held it.
    pub was: String,
    /// Where requests hold it from now on.
    pub now: String,
    /// What keeps the change from taking effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Where a credential of the store is to be bound.
#[derive(Debug)]
pub struct Placing {
    /// As it is kept.
    pub credential: SealedCredential,
    /// Id of the scheme.
    pub scheme: String,
    /// Placement of that scheme.
    pub placement: String,
    /// Fields that the scheme needs.
    pub fields: Vec<String>,
    /// URLs that its bytes go to for a token.
    pub urls: Vec<String>,
}

impl Service {
    /// Binds a credential to where its connector puts it now; a preview tells where that is.
    ///
    /// # Errors
    /// `unknown_credential`, `unknown_connector`, `no_scheme`, `credential_refused`, `changed_meanwhile`.
    pub async fn rebind_credential(
        &self,
        by: &Operator,
        id: &str,
        mode: Mode,
    ) -> Result<Rebound, Problem> {
        let _turn = self.writing.lock().await;
        let known = self.host().credentials().await?.credentials;
        let found = known.iter().find(|known| known.id.as_str() == id);
        let credential = found.ok_or_else(|| unknown(id))?;
        let snapshot = self.snapshot().await?;
        let scheme = self.present_scheme(&snapshot, credential)?;
        let was = placement::in_words(&credential.placement);
        let now = if credential.agent_owned {
            was.clone()
        } else {
            placement::in_words(scheme.placement())
        };
        let mut rebound = Rebound {
            id: id.to_owned(),
            dry_run: mode == Mode::Preview,
            was,
            now,
            warnings: Vec::new(),
        };
        let Mode::Write { if_match } = mode else {
            return Ok(rebound);
        };
        unchanged(credential, Some(snapshot.catalog()), if_match.as_deref())?;
        if !credential.agent_owned && credential.placement != scheme.placement() {
            self.bind_to(by, credential, scheme).await?;
            rebound.warnings = self.settle().await;
        }
        Ok(rebound)
    }

    /// Returns the scheme that a credential is for, as its connector has it now.
    fn present_scheme<'s>(
        &self,
        snapshot: &'s Snapshot,
        credential: &SealedCredential,
    ) -> Result<&'s Scheme, Problem> {
        let connector = find(snapshot.catalog(), &credential.connector)?;
        let declared = self.host().declared().credentials.into_iter();
        let declared = declared.filter(|known| known.id == credential.id);
        let wanted = declared
            .map(|declared| declared.scheme)
            .next()
            .unwrap_or_else(|| Some(credential.scheme.clone()));
        let mut schemes = connector.schemes().iter();
        let found = match &wanted {
            Some(id) => schemes.find(|scheme| scheme.id == *id),
            None => schemes.next(),
        };
        found.ok_or_else(|| {
            let detail = format!(
                "connector `{}` has no scheme `{}` any more",
                connector.id(),
                escape(&credential.scheme)
            );
            let help = format!(
                "take the credential out and add it for another scheme: `tollgate credential remove {}`",
                credential.id
            );
            Problem::conflict("no_scheme", detail).help(help)
        })
    }

    async fn bind_to(
        &self,
        by: &Operator,
        credential: &SealedCredential,
        scheme: &Scheme,
    ) -> Result<(), Problem> {
        let id = &credential.id;
        let refused = |reason: String| {
            Problem::conflict("credential_refused", reason).help(format!(
                "take it out and add it again: `tollgate credential remove {id}`"
            ))
        };
        let noted = Noted {
            what: "credential.rebind",
            subject: id.as_str(),
            ..Noted::default()
        };
        let store = self.recording(by, &noted);
        let declared = self.host().declared().credentials.into_iter();
        let mut declared = declared.filter(|known| known.id == *id);
        if let Some(declared) = declared.next() {
            let pin = Pin {
                connector: declared.connector,
                declared: declared.scheme,
                scheme: scheme.id.clone(),
                placement: scheme.placement().to_owned(),
            };
            let sealed = self.host().seal_pin(id.clone(), pin).await;
            store
                .put_pin(id.as_str(), &sealed.map_err(refused)?)
                .await?;
            return Ok(());
        }
        // The operator has read where its bytes go for a token: that is part of what the placement says.
        let urls = scheme.mint_urls(&credential.public_fields);
        let needed = scheme.fields().iter().filter(|field| !field.optional);
        let placing = Placing {
            credential: credential.clone(),
            scheme: scheme.id.clone(),
            placement: scheme.placement().to_owned(),
            fields: needed.map(|field| field.name.clone()).collect(),
            urls: urls.map_err(|error| refused(error.to_string()))?,
        };
        let bound = self.host().rebind(placing).await.map_err(refused)?;
        if store.replace_credential(credential, &bound).await? {
            return Ok(());
        }
        let detail = format!("credential `{id}` was changed meanwhile");
        Err(Problem::conflict("changed", detail).help("try again"))
    }
}
