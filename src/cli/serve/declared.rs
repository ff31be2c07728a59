//! What the configuration declares: agents, credentials, operators in; roster entries and sealed credentials out.
//!
//! INVARIANT: a declared secret is sealed like a stored one and only the vault opens it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::admin::Operator;
use crate::auth::Scheme;
use crate::cli::workspace::Workspace;
use crate::config::diagnostic::{Diagnostic, Report};
use crate::config::{DeclaredCredential, Field};
use crate::connector::Catalog;
use crate::model::credential::SealedCredential;
use crate::model::secret::Secret;
use crate::roster::{Entry, TokenHash};
use crate::vault::{Draft, Sealer};

/// An operator and the hash of the token.
pub(super) type OperatorToken = (Operator, TokenHash);

/// Returns the entries of declared agents that have a token.
pub(super) fn entries(workspace: &Workspace) -> Vec<Entry> {
    let entry = |declared: &crate::config::DeclaredAgent| {
        let hash = hash(declared.token.as_ref()?)?;
        Some(Entry {
            hash,
            agent: Arc::new(declared.agent.clone()),
            expires_at: None,
        })
    };
    workspace.config().agents.iter().filter_map(entry).collect()
}

/// Returns the declared operators that have a token.
pub(super) fn operators(workspace: &Workspace) -> Vec<OperatorToken> {
    let operator = |declared: &crate::config::DeclaredOperator| {
        let operator = Operator {
            name: declared.name.clone(),
            role: declared.role,
            groups: declared.groups.clone(),
        };
        Some((operator, hash(declared.token.as_ref()?)?))
    };
    workspace
        .config()
        .operators
        .iter()
        .filter_map(operator)
        .collect()
}

/// Seals the declared credentials; every problem is in the report.
pub(super) fn seal(
    workspace: &Workspace,
    catalog: &Catalog,
    sealer: &Sealer,
    created_at: &str,
) -> Result<Vec<SealedCredential>, Report> {
    let mut report = Report::default();
    let mut sealed = Vec::new();
    for declared in &workspace.config().credentials {
        match draft(declared, catalog, created_at) {
            Ok(draft) => match sealer.seal(draft, &mut rand::rng()) {
                Ok(credential) => sealed.push(credential),
                Err(error) => report.push(problem(declared, &error.to_string())),
            },
            Err(message) => report.push(problem(declared, &message)),
        }
    }
    if report.has_errors() {
        Err(report)
    } else {
        Ok(sealed)
    }
}

fn draft(
    declared: &DeclaredCredential,
    catalog: &Catalog,
    created_at: &str,
) -> Result<Draft, String> {
    let DeclaredCredential {
        id,
        connector: name,
        scheme,
        binding,
        fields,
        place: _,
    } = declared;
    let connector = catalog
        .get(name)
        .ok_or_else(|| format!("there is no connector `{name}`"))?;
    let scheme = match scheme {
        Some(id) => connector.schemes().iter().find(|scheme| scheme.id == *id),
        None => connector.schemes().first(),
    };
    let scheme = scheme.ok_or_else(|| format!("connector `{name}` has no such scheme"))?;
    for host in &binding.hosts {
        let authority =
            crate::model::target::Authority::parse(host, 443).map_err(|error| error.to_string())?;
        if !connector.binds(&authority) {
            return Err(format!("`{host}` is no host of connector `{name}`"));
        }
    }
    let (public_fields, secret_fields) = split(scheme, fields)?;
    Ok(Draft {
        id: id.clone(),
        connector: name.clone(),
        scheme: scheme.id.clone(),
        public_fields,
        secret_fields,
        binding: binding.clone(),
        agent_owned: false,
        created_at: created_at.to_owned(),
    })
}

type Split = (BTreeMap<String, String>, BTreeMap<String, Secret>);

/// Sorts the given fields into shown and secret ones, as the connector declares them.
fn split(scheme: &Scheme, given: &BTreeMap<String, Field>) -> Result<Split, String> {
    let mut split = Split::default();
    for field in scheme.fields() {
        let name = field.name.clone();
        match (given.get(&field.name), field.secret) {
            (Some(Field::Secret(secret)), true) => drop(split.1.insert(name, secret.clone())),
            (Some(Field::Public(text)), false) => drop(split.0.insert(name, text.clone())),
            (Some(Field::Secret(_)), false) => {
                return Err(format!("field `{name}` is not secret: write its text"));
            }
            (Some(Field::Public(_)), true) => {
                return Err(format!(
                    "field `{name}` is a secret: write `{{ file: path }}` or `{{ env: NAME }}`"
                ));
            }
            (None, _) => return Err(format!("field `{name}` is missing")),
        }
    }
    match given
        .keys()
        .find(|name| !scheme.fields().iter().any(|field| field.name == **name))
    {
        Some(unknown) => Err(format!("scheme `{}` has no field `{unknown}`", scheme.id)),
        None => Ok(split),
    }
}

fn hash(token: &Secret) -> Option<TokenHash> {
    std::str::from_utf8(token.expose()).ok().map(TokenHash::of)
}

fn problem(declared: &DeclaredCredential, message: &str) -> Diagnostic {
    Diagnostic::error(
        "credential",
        format!("credential `{}`: {message}", declared.id),
    )
    .at(declared.place.clone())
}
