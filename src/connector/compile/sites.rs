//! Domains and base paths as written to the sites of a connector.

use std::sync::Arc;

use super::super::catalog::Site;
use super::super::domain::{Domain, Plain};
use super::super::manifest::Manifest;
use super::super::pattern::Pattern;
use super::layers::Layers;
use super::{Scope, listed};
use crate::config::yaml::At;

/// Pairs every domain with every base path that it has.
pub(super) fn compile<'a>(layers: &Layers<'a>, scope: &mut Scope<'a>) -> Vec<Site> {
    let plain = match layers.pick(scope, |manifest| manifest.http) {
        Some(true) => Plain::Allowed,
        Some(false) | None => Plain::Refused,
    };
    let said = |manifest: &'a Manifest| listed(&manifest.base_paths);
    let own = layers.pick(scope, said).unwrap_or_default();
    let own: Vec<(Pattern, String)> = bases(own, scope);
    let domains = layers.pick(scope, |manifest| listed(&manifest.domains));
    let mut sites = Vec::new();
    for entry in domains.unwrap_or_default() {
        let help = "as in `api.example.com`, `*.example.com`, `{site}.example.com:8443`";
        let Some(domain) = scope.good(Domain::parse(&entry.value.0.host), "domain", entry, help)
        else {
            continue;
        };
        let bases = match &entry.value.0.base_paths {
            Some(written) => bases(written, scope),
            None => own.clone(),
        };
        for (base, base_text) in bases {
            let (domain, text, place) = (
                domain.clone(),
                entry.value.0.host.clone(),
                scope.place(entry),
            );
            let site = Site {
                domain,
                plain,
                base,
                text,
                base_text,
                place,
            };
            let mut names: Vec<&Arc<str>> = site.names().collect();
            let count = names.len();
            names.sort();
            names.dedup();
            if names.len() < count {
                let message = format!("`{}{}` captures one name twice", site.text, site.base_text);
                scope.error("domain", message, entry, "rename one of them");
            }
            sites.push(site);
        }
    }
    sites
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
