//! Finds the hosts and paths where requests of a description go, as far as the connector covers them.

use super::SAMPLE;
use crate::connector::{Connector, Location};
use crate::import::{Api, Operation, Server, TABLE};
use crate::model::target::{Authority, Path};
use crate::snapshot::Snapshot;

/// Returns the hosts and paths at which the connector is asked for an operation; none where the API is somewhere else.
pub(super) fn of(
    snapshot: &Snapshot,
    connector: &Connector,
    operation: &Operation,
    api: &Api,
) -> Vec<(String, String)> {
    // `/#Action=X` tells operations apart that are asked for at one path.
    let path = operation.path.split('#').next().unwrap_or_default();
    let path = filled(path);
    let path = if path.starts_with('/') {
        path
    } else {
        String::new()
    };
    let mut found = Vec::new();
    for server in servers(operation, api) {
        if let Some(host) = host(server) {
            found.push((filled(host), format!("{}{path}", filled(&server.base))));
        }
        for site in connector.authorities() {
            let (site_host, site_base) = split(&site);
            let fits = host(server).is_none_or(|host| stands_for(host, site_host, '.'));
            if fits && stands_for(&server.base, site_base, '/') {
                found.push((sample(site_host), format!("{}{path}", filled(site_base))));
            }
            // A base path that is not said may be in the path already.
            if host(server).is_none() && server.base.is_empty() {
                found.push((sample(site_host), path.clone()));
            } else if host(server).is_none() {
                found.push((sample(site_host), format!("{}{path}", filled(&server.base))));
            }
            let unsaid = api.format == TABLE || (host(server).is_none() && server.base.is_empty());
            if unsaid {
                let host = host(server).map_or_else(|| sample(site_host), filled);
                found.push((host, format!("{}{path}", filled(site_base))));
            }
        }
    }
    found.retain(|(host, path)| located(snapshot, connector, (host, path)).is_some());
    found
}

/// Returns where the description says that the API is, for people.
pub(super) fn said(operations: &[Operation], api: &Api) -> String {
    let own = operations
        .iter()
        .filter_map(|operation| operation.elsewhere.as_ref());
    let first = api
        .servers
        .iter()
        .chain(own)
        .find(|server| host(server).is_some());
    let first = first.or_else(|| api.servers.first());
    first.map_or_else(String::new, |server| {
        format!("{}{}", server.host, server.base)
    })
}

/// Returns a connector's place for a host and a path.
pub(super) fn located(
    snapshot: &Snapshot,
    connector: &Connector,
    (host, path): (&str, &str),
) -> Option<Location> {
    let path = path.split('?').next().unwrap_or_default();
    let authority = Authority::parse(host, 443).ok()?;
    let path = Path::parse(if path.is_empty() { "/" } else { path }).ok()?;
    let place = snapshot.catalog().locate(&authority, &path)?;
    (place.connector.id() == connector.id()).then_some(place)
}

/// Returns where an operation is; where nothing is said, a place without host and base path.
fn servers<'a>(operation: &'a Operation, api: &'a Api) -> Vec<&'a Server> {
    const UNSAID: &Server = &Server {
        host: String::new(),
        base: String::new(),
    };
    match (&operation.elsewhere, api.servers.as_slice()) {
        (Some(own), _) => vec![own],
        (None, []) => vec![UNSAID],
        (None, servers) => servers.iter().collect(),
    }
}

/// Returns the host of a server in the description; `None` where the host is only a variable.
fn host(server: &Server) -> Option<&str> {
    let host = server.host.as_str();
    let variable = host.starts_with('{') && host.find('}') == host.len().checked_sub(1);
    (!host.is_empty() && !variable).then_some(host)
}

fn split(site: &str) -> (&str, &str) {
    site.find('/')
        .and_then(|at| site.split_at_checked(at))
        .unwrap_or((site, ""))
}

fn sample(host: &str) -> String {
    filled(host).replace("**", SAMPLE).replace('*', SAMPLE)
}

/// Returns whether a template can be a text: each part the same, or a variable.
fn stands_for(template: &str, text: &str, separator: char) -> bool {
    let (one, two) = (template.split(separator), text.split(separator));
    one.clone().count() == two.clone().count()
        && one
            .zip(two)
            .all(|(one, two)| one == two || one.starts_with('{'))
}

/// Puts a sample in each pair of braces.
fn filled(template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((literal, tail)) = rest.split_once('{') {
        out.push_str(literal);
        out.push_str(SAMPLE);
        rest = tail.split_once('}').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}
