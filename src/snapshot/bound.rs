//! Checks connectors against the existing credentials: none may be bound to where nothing can be put on.

use crate::config::diagnostic::{Diagnostic, Report};
use crate::connector::Catalog;
use crate::model::target::Authority;

/// A credential's id and the hosts that it is bound to, `host:port`.
pub type BoundHosts = (String, Vec<String>);

/// Reports every credential that is bound to a host with TLS passthrough. An agent could bypass the credential there, and the
/// connector file has taken the host out of what is judged.
pub(super) fn check(catalog: &Catalog, bound: &[BoundHosts], report: &mut Report) {
    for (id, hosts) in bound {
        for host in hosts {
            let Ok(authority) = Authority::parse(host, 443) else {
                continue;
            };
            if let Some((connector, place)) = catalog.passed_through(&authority) {
                let message = format!(
                    "connector `{connector}` passes `{host}` through, but credential `{id}` is bound to it"
                );
                let problem = Diagnostic::error("passthrough-credential", message).at(place);
                report.push(problem.help(format!(
                    "drop `tls: passthrough`, or take the credential out: `tollgate credential remove {id}`"
                )));
            }
        }
    }
}
