//! The parameters of a route: captured labels by themselves, and what `params:` says.

use std::sync::Arc;

use super::super::catalog::Site;
use super::super::manifest::{Manifest, RouteEntry};
use super::super::matches::Matches;
use super::super::parameter::{Origin, Param, Readable};
use super::Scope;

/// Returns every name that domain, base path, host and path of a route capture, each once.
pub(super) fn captured(matches: &Matches, sites: &[Site]) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    let own = matches
        .host
        .iter()
        .flat_map(|host| host.names())
        .chain(matches.path.names());
    for name in sites.iter().flat_map(Site::names).chain(own) {
        if !names.contains(name) {
            names.push(Arc::clone(name));
        }
    }
    names
}

pub(super) fn check_captures(
    matches: &Matches,
    sites: &[Site],
    entry: &RouteEntry,
    scope: &mut Scope<'_>,
) {
    let own: Vec<&Arc<str>> = matches
        .host
        .iter()
        .flat_map(|host| host.names())
        .chain(matches.path.names())
        .collect();
    let twice = own.iter().enumerate().find(|(at, name)| {
        own.iter().take(*at).any(|other| other == *name)
            || sites
                .iter()
                .flat_map(Site::names)
                .any(|other| other == **name)
    });
    if let Some((_, name)) = twice {
        let message =
            format!("`{name}` is captured twice, by this route and by a domain, base path or host");
        scope.error("match", message, &entry.matches, "rename one of them");
    }
}

pub(super) fn params(
    entry: &RouteEntry,
    manifest: &Manifest,
    captured: &[Arc<str>],
    scope: &mut Scope<'_>,
) -> Vec<Param> {
    let names: Vec<&str> = captured.iter().map(|name| &**name).collect();
    let merge = if entry.merge.is_empty() {
        &manifest.merge
    } else {
        &entry.merge
    };
    let mut params: Vec<Param> = captured.iter().map(Param::captured).collect();
    for (name, written) in &entry.params.0 {
        let mut readable = Readable {
            captured: &names,
            merge,
            paths: &mut scope.paths,
            patterns: scope.patterns,
        };
        let compiled = Param::compile(name, &written.value, &mut readable);
        match compiled {
            Ok(param) => match params.iter_mut().find(|known| known.name == param.name) {
                Some(known)
                    if param
                        .origins
                        .contains(&Origin::Captured(Arc::clone(&known.name))) =>
                {
                    *known = param
                }
                Some(_) => {
                    let message =
                        format!("parameter `{name}` is a captured label and read elsewhere too");
                    scope.error("params", message, written, "rename one of them");
                }
                None => params.push(param),
            },
            Err((message, help)) => scope.error("params", message, written, help),
        }
    }
    params
}
