//! Decides which addresses may be contacted. Names are resolved here and nowhere else, once, and the address is pinned.
//!
//! INVARIANT: no address comes out that is special and not opened by a rule, and never one of the gateway's own listeners.

mod chain;
mod lookup;
mod ranges;
mod rule;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use crate::model::target::{Authority, Host};

pub use chain::{Chain, ChainError, ChainRules, Except};
pub use lookup::{Lookup, LookupError, SystemLookup};
pub use rule::{AllowRule, AllowRuleError};

/// How long a lookup may take unless said otherwise; as the `connect` limit, for one is part of the other.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// How many addresses of a name are tried; an answer may hold thousands.
const MAX_ADDRESSES: usize = 16;

/// Reasons why an authority cannot be contacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The name or its address is not globally reachable, and `egress.allow` does not list it.
    #[error("`{0}` is not an address that agents may reach")]
    Forbidden(String),
    /// The name has no address.
    #[error("`{0}` does not resolve")]
    Unresolvable(String),
    /// The resolver did not answer in time.
    #[error("looking up `{0}` took too long")]
    Timeout(String),
}

/// The operator's rules for addresses, and the gateway's own addresses.
#[derive(Debug, Clone, Default)]
pub struct EgressRules {
    /// Rules that open special address ranges.
    pub allow: Vec<AllowRule>,
    /// Addresses for authorities, in the order to try; wins over DNS, and these addresses are allowed.
    pub resolve: BTreeMap<Authority, Vec<SocketAddr>>,
    /// The gateway's own listeners as they are bound. No rule opens them.
    pub own: Vec<SocketAddr>,
}

/// The rules and the resolver.
#[derive(Debug)]
pub struct Egress {
    rules: EgressRules,
    lookup: Arc<dyn Lookup>,
    timeout: Duration,
    chain: Option<Arc<Chain>>,
}

impl Egress {
    /// Puts rules and a resolver together; looks nothing up.
    #[must_use]
    pub fn new(rules: EgressRules, lookup: Arc<dyn Lookup>) -> Self {
        Self {
            rules,
            lookup,
            timeout: LOOKUP_TIMEOUT,
            chain: None,
        }
    }

    /// Sets how long one lookup may take.
    #[must_use]
    pub fn lookup_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends connections through a proxy of the operator's.
    #[must_use]
    pub fn through(self, rules: ChainRules) -> Self {
        let chain = Chain::new(rules, Arc::clone(&self.lookup));
        Self {
            chain: Some(Arc::new(chain)),
            ..self
        }
    }

    /// Returns what connections to upstreams go through.
    #[must_use]
    pub fn chain(&self) -> Option<&Arc<Chain>> {
        self.chain.as_ref()
    }

    /// Returns the addresses to try, in order, each of them permitted. Looks a name up only here, so call it after a permit.
    ///
    /// # Errors
    /// When nothing may be contacted.
    pub async fn resolve(&self, authority: &Authority) -> Result<Vec<SocketAddr>, EgressError> {
        let found = match (self.rules.resolve.get(authority), &authority.host) {
            (Some(addresses), _) => addresses.clone(),
            (None, Host::Ip(ip)) => vec![SocketAddr::new(*ip, authority.port)],
            (None, Host::Name(name)) => {
                let found = self.look_up(name, authority).await?;
                found
                    .into_iter()
                    .map(|ip| SocketAddr::new(ip, authority.port))
                    .collect()
            }
        };
        if found.is_empty() {
            return Err(EgressError::Unresolvable(authority.to_string()));
        }
        let mut permitted = Vec::with_capacity(found.len().min(MAX_ADDRESSES));
        for &address in &found {
            if permitted.len() < MAX_ADDRESSES
                && !permitted.contains(&address)
                && self.permits(authority, address)
            {
                permitted.push(address);
            }
        }
        if permitted.is_empty() {
            // Agents are not told what lies behind a name; operators who wonder are.
            tracing::debug!(%authority, addresses = ?found, "no address of it may be reached");
            return Err(EgressError::Forbidden(authority.to_string()));
        }
        Ok(permitted)
    }

    /// Checks again an address about to be connected to.
    #[must_use]
    pub fn permits(&self, authority: &Authority, address: SocketAddr) -> bool {
        if self.is_own(address) {
            return false;
        }
        if let Some(fixed) = self.rules.resolve.get(authority) {
            return fixed.contains(&address);
        }
        let literal = match &authority.host {
            Host::Ip(ip) => *ip == address.ip(),
            Host::Name(_) => true,
        };
        let reach = ranges::reach(address.ip());
        let opened = || {
            self.rules
                .allow
                .iter()
                .any(|rule| rule.opens(authority, address, reach))
        };
        literal && address.port() == authority.port && (reach == ranges::Reach::Global || opened())
    }

    async fn look_up(&self, name: &str, authority: &Authority) -> Result<Vec<IpAddr>, EgressError> {
        match tokio::time::timeout(self.timeout, self.lookup.addresses(name)).await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(LookupError::Timeout)) | Err(_) => {
                Err(EgressError::Timeout(authority.to_string()))
            }
            Ok(Err(LookupError::NotFound)) => Err(EgressError::Unresolvable(authority.to_string())),
            Ok(Err(LookupError::Failed(reason))) => {
                tracing::warn!(host = name, reason, "a name could not be looked up");
                Err(EgressError::Unresolvable(authority.to_string()))
            }
        }
    }

    /// Whether a connection there would end at a listener of this gateway, in whatever way the address is written.
    fn is_own(&self, address: SocketAddr) -> bool {
        let written = address.ip();
        let embedded = ranges::embedded(written).map(IpAddr::V4);
        self.rules
            .own
            .iter()
            .filter(|own| own.port() == address.port())
            .any(|own| {
                let own = own.ip().to_canonical();
                [Some(written), embedded].into_iter().flatten().any(|ip| {
                    ip == own
                    || own.is_loopback() && (ip.is_loopback() || ip.is_unspecified())
                    || own.is_unspecified() && is_local(ip)
                    // Connecting to `0.0.0.0` or `::` reaches this machine.
                    || ip.is_unspecified() && is_local(own)
                })
            })
    }
}

/// Whether the address belongs to this machine: only such an address can be bound. Asked only where the port is one of ours.
fn is_local(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || UdpSocket::bind((ip, 0)).is_ok()
}
