//! Resolves and pins the addresses of a permitted request. No name is resolved without a permit.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::refuse::{Code, RefusedExchange};
use super::{Gateway, Permit, staged};
use crate::egress::EgressError;
use crate::model::target::Host;
use crate::telemetry::metrics::Stage;

pub use crate::egress::Chain;

/// Where a permitted request goes.
#[derive(Debug, Clone)]
pub struct Destination {
    /// To try in order; never empty.
    pub addresses: Vec<SocketAddr>,
    /// TLS to the upstream, always verified.
    pub tls: bool,
    /// The name that the certificate must be for; never empty.
    pub server_name: String,
    /// What connections go through, where it carries them; see [`Chain::carries`].
    pub chain: Option<Arc<Chain>>,
    /// Upstream connections are shared only within one key: agent and credential.
    pub group_key: u64,
}

/// Resolves and pins.
///
/// # Errors
/// `forbidden_address`, `unresolvable`.
pub async fn forward(gateway: &Gateway, permit: &Permit) -> Result<Destination, RefusedExchange> {
    let authority = &permit.outgoing().authority;
    let started = Instant::now();
    let found = gateway.dependencies.egress.resolve(authority).await;
    let took = staged(gateway, Stage::Forward, started);
    permit.validity.sending.note(Stage::Forward, took);
    let addresses = found.map_err(|error| {
        tracing::info!(request.id = permit.request_id(), %authority, %error, "address refused");
        match error {
            EgressError::Forbidden(_) => permit.refused(Code::ForbiddenAddress),
            EgressError::Unresolvable(_) | EgressError::Timeout(_) => {
                permit.refused(Code::Unresolvable)
            }
        }
    })?;
    if addresses.is_empty() {
        return Err(permit.refused(Code::Unresolvable));
    }
    let server_name = match &authority.host {
        Host::Name(name) => name.to_string(),
        Host::Ip(address) => address.to_string(),
    };
    Ok(Destination {
        addresses,
        tls: permit.outgoing().tls,
        server_name,
        chain: gateway.dependencies.egress.chain().cloned(),
        group_key: group_key(permit),
    })
}

/// Connections are pooled per agent and credential, so that what an upstream ties to a connection stays with one of them.
fn group_key(permit: &Permit) -> u64 {
    let mut hasher = DefaultHasher::new();
    permit.agent.name.hash(&mut hasher);
    permit.validity.injection().credential().hash(&mut hasher);
    permit.outgoing().authority.hash(&mut hasher);
    hasher.finish()
}
