//! Raises the process's limit of file descriptors to what the limits of connections need, or warns that it cannot.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::admin::CONNECTIONS;
use crate::config::Limits;

/// A connection of an agent, and one to an upstream for it.
const PER_TUNNEL: usize = 2;

/// For the store, the listeners, and upstream connections that are kept.
const OTHERS: usize = 1024;

/// Makes room for as many connections as the limits allow, and as `edges` listeners of operators take at most. If the system
/// allowed fewer, all agents together would share that limit.
pub(super) fn raise(limits: &Limits, edges: usize) {
    let tunnels = limits.tunnels.saturating_mul(PER_TUNNEL);
    let wanted = tunnels
        .saturating_add(limits.unauthenticated)
        .saturating_add(edges.saturating_mul(CONNECTIONS))
        .saturating_add(OTHERS);
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return;
    }
    let possible = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let new = Rlimit {
        current: Some(possible),
        maximum,
    };
    let raised = setrlimit(Resource::Nofile, new).is_ok();
    if !raised || possible < wanted {
        tracing::warn!(
            wanted,
            "the system allows fewer file descriptors than `limits.tunnels` needs; raise its limit (`ulimit -n`), or lower `limits.tunnels`"
        );
    }
}
