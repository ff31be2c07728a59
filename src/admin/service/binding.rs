//! Computes the binding of a credential that is being added: exact hosts, path and agents.
//!
//! INVARIANT: every host is exact and is one of the connector's own; a `*` never becomes a binding.

use crate::admin::problem::Problem;
use crate::connector::{Catalog, Connector};
use crate::model::agent::AgentName;
use crate::model::credential::Binding;
use crate::model::show::escape;
use crate::model::target::Authority;

/// Where an operator wants a credential to go.
#[derive(Debug, Clone, Copy)]
pub struct WantedBinding<'w> {
    /// Exact hosts; empty for the connector's own.
    pub hosts: &'w [String],
    /// Path prefix, `/` for all.
    pub path: &'w str,
    /// Agents that may use it; empty for all.
    pub agents: &'w [String],
}

/// Returns where a credential may go; never to where TLS passes through, since nothing could be put on there.
///
/// # Errors
/// `bad_request` where a host or an agent is none, or no host is known; `foreign_host`, `passed_through`.
pub fn bind(
    catalog: &Catalog,
    connector: &Connector,
    wanted: WantedBinding<'_>,
) -> Result<Binding, Problem> {
    let hosts = if wanted.hosts.is_empty() {
        vec![first_domain(connector)?]
    } else {
        hosts(connector, wanted.hosts)?
    };
    let through = hosts.iter().find(|host| {
        Authority::parse(host, 443)
            .is_ok_and(|authority| catalog.tls_passthrough(&authority).is_some())
    });
    if let Some(host) = through {
        let detail = format!("`{host}` is passed through: no credential can be put on there");
        return Err(Problem::conflict("passed_through", detail)
            .help("drop `tls: passthrough` in the connector file first"));
    }
    for agent in wanted.agents {
        AgentName::parse(agent).map_err(|error| Problem::bad("agents", error.to_string()))?;
    }
    Ok(Binding {
        hosts,
        path: wanted.path.to_owned(),
        urls: Vec::new(),
        agents: wanted.agents.to_vec(),
    })
}

/// Returns a binding as words after "goes": `to api.github.com:443, for all agents`.
#[must_use]
pub fn in_words(binding: &Binding) -> String {
    let mut words = format!("to {}", binding.hosts.join(", "));
    if binding.path != "/" {
        words.push_str(&format!(" below {}", binding.path));
    }
    if !binding.urls.is_empty() {
        words.push_str(&format!(" and {}", binding.urls.join(", ")));
    }
    words.push_str(&match binding.agents.as_slice() {
        [] => ", for all agents".to_owned(),
        agents => format!(", for {}", agents.join(", ")),
    });
    escape(&words).into_owned()
}

/// Returns the first domain, which is the API's own; an operator adds others, such as one for uploads.
fn first_domain(connector: &Connector) -> Result<String, Problem> {
    let domains = domains(connector);
    let exact = |domain: &&String| !domain.contains(['*', '{']);
    let first = domains.first().filter(exact);
    let first = first.and_then(|domain| Authority::parse(domain, 443).ok());
    first.map(|authority| authority.to_string()).ok_or_else(|| {
        let listed = match domains.as_slice() {
            [] => "it has no domains".to_owned(),
            domains => format!("its domains are {}", domains.join(", ")),
        };
        let example = domains
            .first()
            .map_or_else(|| "HOST".to_owned(), |domain| example(domain));
        let detail = format!(
            "which host may the credential go to? connector `{}` does not say: {listed}",
            connector.id()
        );
        let help = format!("add `--host {example}`, with the name that you use");
        Problem::bad("hosts", detail).help(help)
    })
}

/// Returns the domains as written, without base paths, each once.
fn domains(connector: &Connector) -> Vec<String> {
    let host = |authority: String| authority.split('/').next().unwrap_or_default().to_owned();
    let mut domains = Vec::new();
    for domain in connector.authorities().map(host) {
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    domains
}

fn hosts(connector: &Connector, written: &[String]) -> Result<Vec<String>, Problem> {
    let mut hosts = Vec::new();
    for text in written {
        if text.contains(['*', '{']) {
            let shown = escape(text);
            let detail = format!("`{shown}` is a pattern; a credential is bound to exact hosts");
            return Err(Problem::bad("hosts", detail));
        }
        let authority = Authority::parse(text, 443);
        let authority = authority.map_err(|error| Problem::bad("hosts", error.to_string()))?;
        if !connector.binds(&authority) {
            let detail = format!(
                "`{authority}` is not a host of connector `{}`",
                connector.id()
            );
            let help = match domains(connector).as_slice() {
                [] => "it has no domains; a connector file of yours can list them".to_owned(),
                domains => format!("its domains are {}", domains.join(", ")),
            };
            return Err(Problem::conflict("foreign_host", detail).help(help));
        }
        hosts.push(authority.to_string());
    }
    hosts.sort();
    hosts.dedup();
    Ok(hosts)
}

/// `{site}.atlassian.net` → `SITE.atlassian.net`, `*.example.com` → `NAME.example.com`.
fn example(domain: &str) -> String {
    let label = |label: &str| match label
        .strip_prefix('{')
        .and_then(|label| label.strip_suffix('}'))
    {
        Some(name) => name.to_ascii_uppercase(),
        None if label.starts_with('*') => "NAME".to_owned(),
        None => label.to_owned(),
    };
    domain.split('.').map(label).collect::<Vec<_>>().join(".")
}
