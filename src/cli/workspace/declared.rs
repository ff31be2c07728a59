//! Drafts the credentials that the configuration declares, checked against the connectors.
//!
//! INVARIANT: a declared secret is sealed like a stored one and only the vault opens it.

use std::collections::BTreeMap;

use super::{Pins, Workspace, unusable};
use crate::auth::{MintError, Scheme};
use crate::cli::failure::Failure;
use crate::config::diagnostic::{Diagnostic, Report, Severity};
use crate::config::{DeclaredCredential, Field};
use crate::connector::{Catalog, Connector};
use crate::model::credential::{CredentialId, NOWHERE, SealedCredential, SecretOrigin};
use crate::model::secret::Secret;
use crate::model::target::{Authority, HostError};
use crate::snapshot::BoundHosts;
use crate::vault::{CredentialDraft, Pin, SealError};

impl Workspace {
    /// Returns whether the configuration declares a credential of this id.
    pub(in crate::cli) fn declares_credential(&self, id: &CredentialId) -> bool {
        self.config()
            .credentials
            .iter()
            .any(|declared| declared.id == *id)
    }

    /// Returns where the declared credentials are bound to go.
    pub(super) fn declared_hosts(&self) -> Vec<BoundHosts> {
        let declared = self.config().credentials.iter();
        declared
            .map(|declared| (declared.id.to_string(), declared.binding.hosts.clone()))
            .collect()
    }

    /// Returns the declared credentials and those stored ones that no declared one hides; nothing in them is opened.
    pub(in crate::cli) fn credentials(
        &self,
        catalog: &Catalog,
        stored: &[SealedCredential],
        pins: &Pins,
    ) -> Result<Vec<SealedCredential>, Failure> {
        let mut all = self
            .declared_credentials(catalog, pins, "", CredentialDraft::unsealed)
            .map_err(unusable)?;
        all.extend(
            stored
                .iter()
                .filter(|credential| !self.declares_credential(&credential.id))
                .cloned(),
        );
        Ok(all)
    }

    /// Reports declared credentials whose connector does not exist.
    pub(in crate::cli) fn bare_credentials(&self, catalog: &Catalog) -> Vec<Diagnostic> {
        let declared = self.config().credentials.iter();
        let bare = declared.filter(|declared| catalog.get(&declared.connector).is_none());
        let told = bare.map(|declared| {
            let message = format!("there is no connector `{}`", declared.connector);
            Diagnostic {
                severity: Severity::Warning,
                ..problem(declared, &message)
            }
        });
        told.collect()
    }

    /// Hands every declared credential to `seal`; all problems are in the report. One whose connector is not there is left out:
    /// the snapshot warns of it.
    pub(in crate::cli) fn declared_credentials(
        &self,
        catalog: &Catalog,
        pins: &Pins,
        created_at: &str,
        mut seal: impl FnMut(CredentialDraft) -> Result<SealedCredential, SealError>,
    ) -> Result<Vec<SealedCredential>, Report> {
        let mut report = Report::default();
        let mut sealed = Vec::new();
        let credentials = self.config().credentials.iter();
        for declared in credentials.filter(|declared| catalog.get(&declared.connector).is_some()) {
            let credential = draft(declared, catalog, created_at)
                .map(|draft| pinned(draft, declared, pins.get(&declared.id)))
                .and_then(|draft| Ok(seal(draft)?));
            match credential {
                Ok(credential) => sealed.push(credential),
                Err(misfit) => report.push(problem(declared, &misfit.to_string())),
            }
        }
        if report.has_errors() {
            Err(report)
        } else {
            Ok(sealed)
        }
    }
}

/// Returns the connector's scheme that a credential is declared for: the one it names, else the first.
pub(in crate::cli) fn declared_scheme<'a>(
    declared: &DeclaredCredential,
    connector: &'a Connector,
) -> Option<&'a Scheme> {
    match &declared.scheme {
        Some(id) => connector.schemes().iter().find(|scheme| scheme.id == *id),
        None => connector.schemes().first(),
    }
}

/// Returns whether a pin belongs to the present declaration; another connector or scheme is the operator's own choice.
pub(in crate::cli) fn is_pinned(declared: &DeclaredCredential, pin: &Pin) -> bool {
    pin.connector == declared.connector && pin.declared == declared.scheme
}

/// Binds a declared credential to the placement that its scheme had when it was first seen.
fn pinned(
    draft: CredentialDraft,
    declared: &DeclaredCredential,
    pin: Option<&Option<Pin>>,
) -> CredentialDraft {
    match pin {
        Some(None) => CredentialDraft {
            placement: NOWHERE.to_owned(),
            ..draft
        },
        Some(Some(pin)) if is_pinned(declared, pin) => CredentialDraft {
            scheme: pin.scheme.clone(),
            placement: pin.placement.clone(),
            ..draft
        },
        Some(_) | None => draft,
    }
}

/// Why a declared credential does not fit its connector.
#[derive(Debug, thiserror::Error)]
enum Misfit {
    #[error("there is no connector `{0}`")]
    NoConnector(String),
    #[error("connector `{0}` has no such scheme")]
    NoScheme(String),
    #[error("`{host}` is not a host of connector `{connector}`")]
    NoHost { host: String, connector: String },
    #[error("field `{0}` is not secret: write its text")]
    Public(String),
    #[error("field `{0}` is a secret: write `{{ file: path }}` or `{{ env: NAME }}`")]
    Secret(String),
    #[error("field `{0}` is missing")]
    Missing(String),
    #[error("scheme `{scheme}` has no field `{field}`")]
    NoField { scheme: String, field: String },
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Url(#[from] MintError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

fn draft(
    declared: &DeclaredCredential,
    catalog: &Catalog,
    created_at: &str,
) -> Result<CredentialDraft, Misfit> {
    let DeclaredCredential {
        id,
        connector: name,
        scheme: _,
        binding,
        fields,
        agent_owned,
        place: _,
    } = declared;
    let connector = catalog
        .get(name)
        .ok_or_else(|| Misfit::NoConnector(name.clone()))?;
    let scheme =
        declared_scheme(declared, connector).ok_or_else(|| Misfit::NoScheme(name.clone()))?;
    for host in &binding.hosts {
        if !connector.binds(&Authority::parse(host, 443)?) {
            return Err(Misfit::NoHost {
                host: host.clone(),
                connector: name.clone(),
            });
        }
    }
    let (public_fields, secret_fields, origins) = if *agent_owned {
        Split::default()
    } else {
        split(scheme, fields)?
    };
    let mut binding = binding.clone();
    if binding.urls.is_empty() && !*agent_owned {
        binding.urls = scheme.mint_urls(&public_fields)?;
    }
    Ok(CredentialDraft {
        id: id.clone(),
        connector: name.clone(),
        scheme: scheme.id.clone(),
        placement: scheme.placement().to_owned(),
        public_fields,
        secret_fields,
        origins,
        binding,
        agent_owned: *agent_owned,
        created_at: created_at.to_owned(),
    })
}

type Split = (
    BTreeMap<String, String>,
    BTreeMap<String, Secret>,
    BTreeMap<String, SecretOrigin>,
);

/// Sorts the given fields into shown and secret ones and those that lie elsewhere, as the connector declares them.
fn split(scheme: &Scheme, given: &BTreeMap<String, Field>) -> Result<Split, Misfit> {
    let mut split = Split::default();
    for field in scheme.fields() {
        let name = field.name.clone();
        match (given.get(&field.name), field.secret) {
            (Some(Field::Secret(secret)), true) => drop(split.1.insert(name, secret.clone())),
            (Some(Field::Public(text)), false) => drop(split.0.insert(name, text.clone())),
            (Some(Field::Unread), _) => {}
            (Some(Field::Origin(origin)), true) => drop(split.2.insert(name, origin.clone())),
            (Some(Field::Secret(_) | Field::Origin(_)), false) => return Err(Misfit::Public(name)),
            (Some(Field::Public(_)), true) => return Err(Misfit::Secret(name)),
            (None, _) if field.optional => {}
            (None, _) => return Err(Misfit::Missing(name)),
        }
    }
    match given
        .keys()
        .find(|name| !scheme.fields().iter().any(|field| field.name == **name))
    {
        Some(unknown) => Err(Misfit::NoField {
            scheme: scheme.id.clone(),
            field: unknown.clone(),
        }),
        None => Ok(split),
    }
}

fn problem(declared: &DeclaredCredential, message: &str) -> Diagnostic {
    Diagnostic::error(
        "credential",
        format!("credential `{}`: {message}", declared.id),
    )
    .at(declared.place.clone())
}
