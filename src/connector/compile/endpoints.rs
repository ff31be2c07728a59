//! Turns domains and base paths as written into the sites of a connector.

use std::sync::Arc;

use crate::auth::Scheme;
use crate::config::yaml::At;
use crate::connector::compile::layers::Layers;
use crate::connector::compile::{Scope, listed};
use crate::connector::manifest::Manifest;
use crate::connector::manifest::entry::{DomainEntry, Tls};
use crate::connector::model::domain::{Domain, Plain};
use crate::connector::model::endpoint::{Endpoint, Takes, TlsMode};
use crate::connector::model::pattern::Pattern;
use crate::model::vocabulary::did_you_mean;

/// Pairs every domain with every base path that it has.
pub(crate) fn compile<'a>(
    layers: &Layers<'a>,
    schemes: &[Scheme],
    scope: &mut Scope<'a>,
) -> Vec<Endpoint> {
    let tls = layers.pick(scope, |manifest| manifest.tls.as_ref());
    let tls = tls.map(|tls| tls.value);
    let plain = match layers.pick(scope, |manifest| manifest.http) {
        Some(true) => Plain::Allowed,
        Some(false) | None => Plain::Refused,
    };
    let said = |manifest: &'a Manifest| listed(&manifest.base_paths);
    let own = layers.pick(scope, said).unwrap_or_default();
    let own: Vec<(Pattern, String)> = bases(own, scope);
    let domains = layers.pick(scope, |manifest| listed(&manifest.domains));
    let mut endpoints = Vec::new();
    for entry in domains.unwrap_or_default() {
        let help = "as in `api.example.com`, `*.example.com`, `{site}.example.com:8443`";
        let Some(domain) = scope.good(Domain::parse(&entry.value.0.host), "domain", entry, help)
        else {
            continue;
        };
        let takes = takes(entry, tls, schemes, scope);
        let mode = tls_mode(entry, tls);
        let bases = match &entry.value.0.base_paths {
            _ if mode == TlsMode::Passthrough => bases(&[], scope),
            Some(written) => bases(written, scope),
            None => own.clone(),
        };
        for (base, base_text) in bases {
            let (domain, text, place) = (
                domain.clone(),
                entry.value.0.host.clone(),
                scope.place(entry),
            );
            let endpoint = Endpoint {
                domain,
                plain,
                takes: takes.clone(),
                tls: mode,
                base,
                text,
                base_text,
                place,
            };
            let mut names: Vec<&Arc<str>> = endpoint.names().collect();
            let count = names.len();
            names.sort();
            names.dedup();
            if names.len() < count {
                let message = format!(
                    "`{}{}` captures one name twice",
                    endpoint.text, endpoint.base_text
                );
                scope.error("domain", message, entry, "rename one of them");
            }
            endpoints.push(endpoint);
        }
    }
    check_idle_auth(layers, schemes, &endpoints, scope);
    endpoints
}

/// Refuses schemes of a connector none of whose requests can be read: nothing could ever be put on.
fn check_idle_auth<'a>(
    layers: &Layers<'a>,
    schemes: &[Scheme],
    endpoints: &[Endpoint],
    scope: &mut Scope<'a>,
) {
    let through = |endpoint: &Endpoint| endpoint.tls == TlsMode::Passthrough;
    if schemes.is_empty() || endpoints.is_empty() || !endpoints.iter().all(through) {
        return;
    }
    if let Some(auth) = layers.pick(scope, |manifest| manifest.auth.as_ref()) {
        scope.error(
            "passthrough-auth",
            "every domain is passed through, so no credential can be put on",
            auth,
            "write `auth: none`, or drop `tls: passthrough`",
        );
    }
}

fn tls_mode(entry: &At<DomainEntry>, tls: Option<Tls>) -> TlsMode {
    match entry.value.0.tls.or(tls) {
        Some(Tls::Passthrough) => TlsMode::Passthrough,
        Some(Tls::Terminate) | None => TlsMode::Terminated,
    }
}

/// Returns which schemes a domain takes; where nothing is looked into, none can be put on.
fn takes(
    entry: &At<DomainEntry>,
    tls: Option<Tls>,
    schemes: &[Scheme],
    scope: &mut Scope<'_>,
) -> Takes {
    let own = &entry.value.0;
    let through = tls_mode(entry, tls) == TlsMode::Passthrough;
    if through && (own.auth.is_some() || own.base_paths.is_some()) {
        let message = format!(
            "`{}` is passed through, and no path or credential of it is known",
            own.host
        );
        scope.error(
            "domain",
            message,
            entry,
            "drop `auth` and `base_paths`, or `tls: passthrough`",
        );
    }
    let Some(auth) = own.auth.as_ref().filter(|_| !through) else {
        return if through {
            Takes::Only(Vec::new())
        } else {
            Takes::All
        };
    };
    let mut ids = Vec::new();
    for id in auth.0.iter().filter(|id| id.value != "none") {
        if !schemes.iter().any(|scheme| scheme.id == id.value) {
            let message = format!("there is no auth scheme `{}`", id.value.escape_debug());
            let known = schemes.iter().map(|scheme| scheme.id.as_str());
            scope.error("domain", message, id, &did_you_mean(&id.value, known));
        }
        ids.push(id.value.clone());
    }
    if auth.0.len() > ids.len() && !ids.is_empty() {
        return Takes::Optional(ids);
    }
    Takes::Only(ids)
}

fn bases(written: &[At<String>], scope: &mut Scope<'_>) -> Vec<(Pattern, String)> {
    if written.is_empty() {
        return vec![(Pattern::default(), String::new())];
    }
    let mut bases = Vec::new();
    for entry in written {
        let text = if entry.value == "/" {
            ""
        } else {
            entry.value.as_str()
        };
        if text.ends_with('/') || text.contains("{*") {
            scope.error(
                "base-path",
                format!("base path `{text}` ends in `/` or captures a rest"),
                entry,
                "as in `/rest` or `/ex/jira/{cloud_id}`",
            );
            continue;
        }
        if let Some(pattern) = scope.good(
            Pattern::parse(text),
            "base-path",
            entry,
            "as in `/rest` or `/ex/jira/{cloud_id}`",
        ) {
            bases.push((pattern, text.to_owned()));
        }
    }
    bases
}
