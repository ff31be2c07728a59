//! Parses one entry of `egress.allow`, a rule that opens special addresses.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::ranges::Reach;
use crate::model::target::{Authority, Host, HostError};

/// `host:port`, `address:port` or `network/length:port`; IPv6 in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowRule {
    what: What,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// Any special address of this name.
    Name(Host),
    /// These addresses, under whatever name.
    Network(IpNet),
}

/// A text that is not an entry of `egress.allow`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` cannot be allowed: {reason}", .text.escape_debug())]
pub struct AllowRuleError {
    text: String,
    reason: AllowRuleReason,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum AllowRuleReason {
    #[error("write `host:port`, without a scheme")]
    Scheme,
    #[error(
        "patterns of names are not possible; list the names, or a network such as `10.1.2.0/24:443`"
    )]
    Pattern,
    #[error("a port is missing, as in `billing.corp:8443`")]
    NoPort,
    #[error("write an IPv6 address in brackets, as in `[fd00::1]:443`")]
    NoBrackets,
    #[error("the port is a number from 1 to 65535")]
    BadPort,
    #[error("it is not a network such as `10.1.2.0/24`")]
    BadNetwork,
    #[error("bits are set after the prefix; the network is `{0}`")]
    BitsBeyondPrefix(IpNet),
    #[error("write it as an IPv4 network; mapped addresses are not sent")]
    Mapped,
    #[error(transparent)]
    Host(#[from] HostError),
}

impl AllowRule {
    /// Parses `billing.corp:8443`, `10.1.2.3:443`, `10.1.2.0/24:443`, `[fd00::1]:443` or `[fd00::/8]:443`.
    ///
    /// # Errors
    ///
    /// If the text has none of these forms.
    pub fn parse(text: &str) -> Result<Self, AllowRuleError> {
        parse(text).map_err(|reason| AllowRuleError {
            text: text.to_owned(),
            reason,
        })
    }

    /// Whether a request for `authority` may go to `address`, which reaches as far as `reach`.
    pub(super) fn opens(&self, authority: &Authority, address: SocketAddr, reach: Reach) -> bool {
        let named = match &self.what {
            What::Name(host) => authority.host == *host && reach == Reach::Special,
            What::Network(network) => {
                let single = network.prefix_len() == network.max_prefix_len();
                // A network that happens to hold the metadata service is not a wish to hand out the machine's role.
                network.contains(&address.ip())
                    && (reach == Reach::Special || single && reach == Reach::Metadata)
            }
        };
        named && address.port() == self.port
    }
}

impl fmt::Display for AllowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Name(host) => write!(f, "{host}:{}", self.port),
            What::Network(network @ IpNet::V4(_)) => write!(f, "{network}:{}", self.port),
            What::Network(network @ IpNet::V6(_)) => write!(f, "[{network}]:{}", self.port),
        }
    }
}

fn parse(text: &str) -> Result<AllowRule, AllowRuleReason> {
    if text.contains("://") {
        return Err(AllowRuleReason::Scheme);
    }
    if text.contains('*') {
        return Err(AllowRuleReason::Pattern);
    }
    let bracketed = text.starts_with('[');
    let (what, port) = match text.rsplit_once(':') {
        Some((what, port)) if bracketed == what.ends_with(']') => (what, port),
        _ => return Err(AllowRuleReason::NoPort),
    };
    if !bracketed && what.contains(':') {
        return Err(AllowRuleReason::NoBrackets);
    }
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port: &u16| digits && *port != 0);
    let port = port.ok_or(AllowRuleReason::BadPort)?;
    let inner = what
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(what);
    if inner.contains('/') {
        return Ok(AllowRule {
            what: What::Network(network(inner)?),
            port,
        });
    }
    let what = match Host::parse(what)? {
        Host::Ip(ip) => What::Network(IpNet::from(ip)),
        name @ Host::Name(_) => What::Name(name),
    };
    Ok(AllowRule { what, port })
}

fn network(text: &str) -> Result<IpNet, AllowRuleReason> {
    let network: IpNet = text.parse().map_err(|_| AllowRuleReason::BadNetwork)?;
    if network != network.trunc() {
        return Err(AllowRuleReason::BitsBeyondPrefix(network.trunc()));
    }
    if let IpAddr::V6(address) = network.addr()
        && address.to_ipv4_mapped().is_some()
        && network.prefix_len() >= 96
    {
        return Err(AllowRuleReason::Mapped);
    }
    Ok(network)
}
