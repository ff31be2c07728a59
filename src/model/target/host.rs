//! Parses hosts: a DNS name of ASCII letters, digits, `-`, `_`, or an IP literal in standard form.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::model::show;

/// A host in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// Lower-case labels, no trailing dot.
    Name(Arc<str>),
    /// An address written as one; never matches a `*` of a connector.
    Ip(IpAddr),
}

/// Reasons why a text is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a host: {reason}", .text.escape_debug())]
pub struct HostError {
    text: String,
    reason: &'static str,
}

impl Host {
    /// Returns the canonical host: lower-cased, one trailing dot dropped, IP literals only in standard form.
    ///
    /// Shorthand and numeric spellings that resolvers read as IPv4 (`0x7f.1`, `2130706433`, `0177.0.0.1`) are refused,
    /// as are zone ids (`fe80::1%25eth0`): RFC 3986 section 3.2.2 has none of them.
    ///
    /// # Errors
    /// Says why the text is not a host.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let refuse = |reason| HostError {
            text: text.to_owned(),
            reason,
        };
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner
                .strip_suffix(']')
                .ok_or_else(|| refuse("the bracket is not closed"))?;
            let address: Ipv6Addr = inner.parse().map_err(|_| refuse("not an IPv6 address"))?;
            return Ok(Self::Ip(IpAddr::V6(address)));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Ip(IpAddr::V4(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() || name.len() > 253 {
            return Err(refuse("a name has 1 to 253 characters"));
        }
        for label in name.split('.') {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if label.is_empty() || label.len() > 63 || !label.bytes().all(good) {
                return Err(refuse("labels are 1 to 63 letters, digits, `-` or `_`"));
            }
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        if looks_numeric(last) {
            return Err(refuse(
                "its last label is a number, so resolvers may read it as an IPv4 address",
            ));
        }
        Ok(Self::Name(name.to_ascii_lowercase().into()))
    }

    /// Returns the labels from the left; none for an address.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        let name = match self {
            Self::Name(name) => Some(name.split('.')),
            Self::Ip(_) => None,
        };
        name.into_iter().flatten()
    }

    /// Returns the labels from the right, as hosts are looked up; none for an address.
    pub fn labels_from_right(&self) -> impl Iterator<Item = &str> + Clone {
        let mut left = match self {
            Self::Name(name) => Some(&**name),
            Self::Ip(_) => None,
        };
        std::iter::from_fn(move || {
            let text = left?;
            // A label is a few bytes long: `rfind` would take longer to begin than to end.
            let Some(dot) = text.bytes().rposition(|byte| byte == b'.') else {
                left = None;
                return Some(text);
            };
            let (rest, label) = text.split_at_checked(dot)?;
            left = Some(rest);
            label.strip_prefix('.')
        })
    }
}

/// As WHATWG URL's "ends in a number" checker: digits only, or `0x` and hexadecimal digits.
fn looks_numeric(label: &str) -> bool {
    let hexadecimal = label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Authority {
    /// Host in canonical form.
    pub host: Host,
    /// Port, from 1 to 65535.
    pub port: u16,
}

impl Authority {
    /// Reads `host`, `host:port` or `[v6]:port`; userinfo, port 0 and a sign before the port are refused.
    ///
    /// # Errors
    /// Says why the text is not an authority.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, HostError> {
        let refuse = |reason| HostError {
            text: text.to_owned(),
            reason,
        };
        let bracket = text.rfind(']').unwrap_or(0);
        let colon = text
            .char_indices()
            .skip_while(|(at, _)| *at < bracket)
            .find(|(_, c)| *c == ':');
        let (host, port) = match colon.and_then(|(at, _)| text.split_at_checked(at)) {
            Some((host, rest)) => {
                let digits = rest.strip_prefix(':').unwrap_or(rest);
                if digits.is_empty()
                    || digits.len() > 5
                    || !digits.bytes().all(|byte| byte.is_ascii_digit())
                {
                    return Err(refuse("the port is not a number"));
                }
                (
                    host,
                    digits
                        .parse()
                        .map_err(|_| refuse("the port is over 65535"))?,
                )
            }
            None => (text, default_port),
        };
        if port == 0 {
            return Err(refuse("port 0 cannot be reached"));
        }
        Ok(Self {
            host: Host::parse(host)?,
            port,
        })
    }

    /// Returns whether a text is this in its canonical form, `host:port`, as compared for every request.
    #[must_use]
    pub fn is_written(&self, text: &str) -> bool {
        match &self.host {
            Host::Name(name) => text
                .strip_prefix(&**name)
                .and_then(|rest| rest.strip_prefix(':'))
                .filter(|digits| !digits.starts_with(['0', '+']))
                .is_some_and(|digits| digits.parse() == Ok(self.port)),
            Host::Ip(_) => text == self.to_string(),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut port = String::with_capacity(":65535".len());
        port.push(':');
        show::push_number(&mut port, self.port);
        fmt::Display::fmt(&self.host, f)?;
        f.write_str(&port)
    }
}
