//! Tells whether a `Host` names one of the gateway's own listeners.
//!
//! DNS rebinding needs a name that an attacker controls, so an address literal is dangerous only where no socket listens on it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::model::target::{Authority, Host};

/// `localhost`, loopback addresses, and the configured names.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    named: BTreeSet<Host>,
    any_address: bool,
}

impl Hosts {
    /// Takes over the listen addresses, as configured (`127.0.0.1:7071`, `gateway.corp:7071`) or bound.
    #[must_use]
    pub fn of(listen: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut hosts = Self::default();
        for address in listen {
            let Ok(authority) = Authority::parse(address.as_ref(), 80) else {
                continue;
            };
            // Bound to every interface: any of the machine's addresses is ours, and which they are changes.
            hosts.any_address |= matches!(&authority.host, Host::Ip(ip) if ip.is_unspecified());
            hosts.named.insert(authority.host);
        }
        hosts
    }

    /// Adds names that clients use in URLs, such as the name of a service.
    #[must_use]
    pub fn and(mut self, names: impl IntoIterator<Item = Host>) -> Self {
        self.named.extend(names);
        self
    }

    /// Returns whether a `Host` header names this gateway; the port does not matter, as forwarded ports differ.
    #[must_use]
    pub fn contains(&self, header: &str) -> bool {
        let Ok(authority) = Authority::parse(header, 80) else {
            return false;
        };
        match &authority.host {
            Host::Ip(ip) => {
                ip.is_loopback() || self.any_address || self.named.contains(&authority.host)
            }
            Host::Name(name) => &**name == "localhost" || self.named.contains(&authority.host),
        }
    }

    /// Returns how a program on this machine reaches a listener: every interface includes loopback.
    #[must_use]
    pub fn reachable(address: SocketAddr) -> SocketAddr {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        SocketAddr::new(ip, address.port())
    }
}
