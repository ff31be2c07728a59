//! Checks the agents, credentials and operators that the file declares.

use std::collections::{BTreeMap, HashSet};

use super::context::Context;
use crate::config::field_source::FieldSource;
use crate::config::manifest::{AgentSection, CredentialSection, OperatorSection};
use crate::config::secret_source::SecretSource;
use crate::config::units::Period;
use crate::config::vault_source::VaultSource;
use crate::config::yaml::{At, Entries};
use crate::config::{DeclaredAgent, DeclaredCredential, DeclaredOperator, Field};
use crate::model::agent::{Agent, AgentName};
use crate::model::credential::{Binding, CredentialId, SecretOrigin, VaultKv, VaultToken};
use crate::model::target::{Authority, HostError, Path, PathError};

/// Why a credential cannot be bound to what is written.
#[derive(Debug, thiserror::Error)]
enum BindingError {
    #[error("`{0}` is not one path to every server: {1}")]
    ManyPaths(String, &'static str),
    #[error("`{0}` is compared as `{1}`: write that")]
    NotCanonical(String, String),
    #[error("`{0}` is not an `https://host/path` URL")]
    NotHttps(String),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Host(#[from] HostError),
}

/// The port of an authority that names none.
const HTTPS: u16 = 443;

pub(super) fn agents(context: &mut Context<'_>, written: &[AgentSection]) -> Vec<DeclaredAgent> {
    let mut seen = HashSet::new();
    let mut agents = Vec::new();
    for section in written {
        let token = section
            .token
            .as_ref()
            .and_then(|token| context.token(token));
        unique(context, &mut seen, &section.name, "agent");
        if let Some(name) = context.checked(&section.name, AgentName::parse(&section.name.value)) {
            let place = context.place(&section.name);
            agents.push(DeclaredAgent {
                agent: Agent {
                    name,
                    labels: section.labels.clone(),
                },
                token,
                names_token: section.token.is_some(),
                place,
            });
        }
    }
    agents
}

pub(super) fn operators(
    context: &mut Context<'_>,
    written: &[OperatorSection],
) -> Vec<DeclaredOperator> {
    let mut seen = HashSet::new();
    let mut operators = Vec::new();
    for section in written {
        let token = section
            .token
            .as_ref()
            .and_then(|token| context.token(token));
        unique(context, &mut seen, &section.name, "operator");
        let name = section.name.value.clone();
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(good) {
            let message =
                format!("`{name}` is not an operator name: it is `[a-z0-9-]+`, at most 64 long");
            context.error("invalid-value", message, &section.name);
        }
        let groups = section.groups.iter().cloned().collect();
        operators.push(DeclaredOperator {
            name,
            role: section.role,
            groups,
            token,
        });
    }
    operators
}

pub(super) fn credentials(
    context: &mut Context<'_>,
    written: &[CredentialSection],
) -> Vec<DeclaredCredential> {
    let mut seen = HashSet::new();
    let mut credentials = Vec::new();
    for section in written {
        unique(context, &mut seen, &section.id, "credential");
        let binding = binding(context, section);
        let fields = fields(context, &section.fields);
        match (section.agent_owned, section.fields.0.first()) {
            (false, None) => context.first_error(
                "missing-key",
                "a credential has at least one field",
                &section.id,
            ),
            (true, Some((field, _))) => context.error(
                "invalid-value",
                "the agent has its own secret, so there is no field to keep",
                field,
            ),
            (false, Some(_)) | (true, None) => {}
        }
        if let Some(id) = context.checked(&section.id, CredentialId::parse(&section.id.value)) {
            credentials.push(DeclaredCredential {
                id,
                connector: section.connector.value.clone(),
                scheme: section.scheme.as_ref().map(|scheme| scheme.value.clone()),
                binding,
                fields,
                agent_owned: section.agent_owned,
                place: context.place(&section.id),
            });
        }
    }
    credentials
}

fn unique<'a>(
    context: &mut Context<'_>,
    seen: &mut HashSet<&'a str>,
    name: &'a At<String>,
    what: &str,
) {
    if !seen.insert(&name.value) {
        context.error(
            "duplicate-name",
            format!("there are two {what}s `{}`", name.value),
            name,
        );
    }
}

fn binding(context: &mut Context<'_>, section: &CredentialSection) -> Binding {
    let host = context.checked(&section.host, Authority::parse(&section.host.value, HTTPS));
    let path = match &section.path {
        Some(path) => context
            .checked(path, prefix(&path.value))
            .unwrap_or_default(),
        None => "/".to_owned(),
    };
    let mut urls = Vec::new();
    for url in &section.urls {
        urls.extend(context.checked(url, https_url(&url.value)));
    }
    let mut agents = Vec::new();
    for agent in &section.agents {
        agents.extend(
            context
                .checked(agent, AgentName::parse(&agent.value))
                .map(|name| name.as_str().to_owned()),
        );
    }
    for list in [&mut urls, &mut agents] {
        list.sort();
        list.dedup();
    }
    Binding {
        hosts: host.iter().map(ToString::to_string).collect(),
        path,
        urls,
        agents,
    }
}

/// Returns a path prefix in the spelling that requests are compared in.
fn prefix(text: &str) -> Result<String, BindingError> {
    let path = Path::parse(text)?;
    if let Some(oddity) = path.oddities().iter().next() {
        return Err(BindingError::ManyPaths(text.to_owned(), oddity.as_str()));
    }
    if path.as_str() == text {
        return Ok(text.to_owned());
    }
    Err(BindingError::NotCanonical(
        text.to_owned(),
        path.as_str().to_owned(),
    ))
}

fn https_url(text: &str) -> Result<String, BindingError> {
    let refuse = || BindingError::NotHttps(text.to_owned());
    let rest = text.strip_prefix("https://").ok_or_else(refuse)?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    Authority::parse(authority, HTTPS)?;
    if path.contains(['?', '#', ' ']) {
        Err(refuse())
    } else {
        Ok(text.to_owned())
    }
}

fn fields(
    context: &mut Context<'_>,
    written: &Entries<At<FieldSource>>,
) -> BTreeMap<String, Field> {
    let mut fields = BTreeMap::new();
    for (name, field) in &written.0 {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !name.value.bytes().all(good)
            || !name
                .value
                .starts_with(|first: char| first.is_ascii_lowercase())
        {
            context.error(
                "invalid-value",
                format!("`{}` is not a field: it is `[a-z][a-z0-9_]*`", name.value),
                name,
            );
        }
        let value = match &field.value {
            FieldSource::Secret(source) => context
                .secret(source, field)
                .map_or(Field::Unread, Field::Secret),
            FieldSource::VaultKv(source) => {
                let named = vault_kv(context, source, field);
                named.map_or(Field::Unread, |kv| Field::Origin(SecretOrigin::VaultKv(kv)))
            }
            FieldSource::Public(text) => Field::Public(text.clone()),
        };
        fields.insert(name.value.clone(), value);
    }
    fields
}

fn vault_kv<T>(context: &mut Context<'_>, source: &VaultSource, at: &At<T>) -> Option<VaultKv> {
    let VaultSource {
        address,
        mount,
        path,
        field,
        token,
        namespace,
        ttl,
    } = source.clone();
    let token = match token {
        SecretSource::File(path) => VaultToken::File(context.beside(&path)),
        SecretSource::Env(name) => VaultToken::Env(name),
    };
    let kv = VaultKv {
        address,
        mount,
        path,
        field,
        namespace,
        token,
        ttl: ttl.map_or(VaultKv::TTL, |Period(ttl)| ttl.as_secs()),
    };
    context.checked(at, kv.checked())
}
