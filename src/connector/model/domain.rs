//! Parses an entry of `domains:` into a pattern over the labels of a host.
//!
//! INVARIANT: an IP literal is matched only by itself.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::connector::model::literalness::both;
use crate::connector::model::pattern::{Captures, ParameterNameError, parameter_name};
use crate::model::target::{Authority, Host, HostError};

/// Bytes of one domain as written: the longest name of the DNS, and room for the names of captures.
const MAX_DOMAIN: usize = 512;

/// A pattern of hosts, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Domain {
    pub(crate) host: HostPattern,
    pub(crate) port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostPattern {
    Exact(Host),
    /// From the right, as hosts are looked up.
    Labels(Vec<Label>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Label {
    Literal(Box<str>),
    /// Any single label, written `*`.
    One,
    /// Any single label, captured as `{name}`.
    Capture(Arc<str>),
    /// One or more labels, `**`, only leftmost.
    Many,
}

/// Why a text is not a pattern of hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DomainError {
    #[error(transparent)]
    Authority(#[from] HostError),
    #[error("domain `{0}` has a port that is not a number")]
    Port(String),
    #[error("a domain is over {MAX_DOMAIN} bytes")]
    TooLong,
    #[error("domain `{0}` has `**` behind another label; it can only be the first")]
    ManyNotFirst(String),
    #[error("domain `{0}` has the partial label `{1}`; a wildcard is a whole label")]
    PartialLabel(String, String),
    #[error("domain `{0}` has the label `{1}`; labels are 1 to 63 letters, digits, `-` or `_`")]
    Label(String, String),
    #[error(transparent)]
    Name(#[from] ParameterNameError),
}

impl Domain {
    /// Reads `host`, `*.host`, `**.host`, `{name}.host`, each with an optional port.
    pub(crate) fn parse(text: &str) -> Result<Self, DomainError> {
        if !text.contains(['*', '{', '}']) {
            let authority = Authority::parse(text, 443)?;
            let stated =
                Authority::parse(text, 444).is_ok_and(|other| other.port == authority.port);
            return Ok(Self {
                port: stated.then_some(authority.port),
                host: HostPattern::Exact(authority.host),
            });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => {
                let port = port.parse::<u16>().ok().filter(|port| *port != 0);
                (
                    host,
                    Some(port.ok_or_else(|| DomainError::Port(text.to_owned()))?),
                )
            }
            None => (text, None),
        };
        if text.len() > MAX_DOMAIN {
            return Err(DomainError::TooLong);
        }
        let mut labels = Vec::new();
        for label in host.split('.') {
            labels.push(Label::parse(label, text)?);
        }
        if labels.iter().skip(1).any(|label| *label == Label::Many) {
            return Err(DomainError::ManyNotFirst(text.to_owned()));
        }
        labels.reverse();
        Ok(Self {
            host: HostPattern::Labels(labels),
            port,
        })
    }

    /// Returns whether the port is one of this domain: the stated one, or 443 and, with plain HTTP, 80.
    pub(crate) fn has_port(&self, port: u16, plain: Plain) -> bool {
        match self.port {
            Some(stated) => stated == port,
            None => port == 443 || (port == 80 && plain == Plain::Allowed),
        }
    }

    /// Returns the captured labels of a host that it accepts; ports are not compared.
    pub(crate) fn capture<'h>(&'h self, host: &'h Host) -> Option<Captures<'h>> {
        let labels = match &self.host {
            HostPattern::Exact(exact) => return (exact == host).then(Vec::new),
            HostPattern::Labels(labels) => labels,
        };
        let mut given = host.labels_from_right();
        let mut captures = Vec::new();
        for label in labels {
            let text = given.next()?;
            match label {
                Label::Literal(literal) if **literal == *text => {}
                Label::Literal(_) => return None,
                Label::One => {}
                Label::Capture(name) => captures.push((name, text)),
                Label::Many => return Some(captures),
            }
        }
        given.next().is_none().then_some(captures)
    }

    /// Iterates over the captured names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        let labels = match &self.host {
            HostPattern::Exact(_) => &[],
            HostPattern::Labels(labels) => labels.as_slice(),
        };
        labels.iter().filter_map(|label| match label {
            Label::Capture(name) => Some(name),
            Label::Literal(_) | Label::One | Label::Many => None,
        })
    }

    /// Returns the domain without its names and port, equal for two that accept the same hosts.
    pub(crate) fn shape(&self) -> String {
        match &self.host {
            HostPattern::Exact(host) => host.to_string(),
            HostPattern::Labels(labels) => {
                let shapes: Vec<&str> = labels.iter().rev().map(Label::shape).collect();
                shapes.join(".")
            }
        }
    }

    /// Returns the ports that it covers.
    pub(crate) fn ports(&self, plain: Plain) -> Vec<u16> {
        match (self.port, plain) {
            (Some(port), _) => vec![port],
            (None, Plain::Allowed) => vec![443, 80],
            (None, Plain::Refused) => vec![443],
        }
    }

    /// Returns whether some host is in both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (&self.host, &other.host) {
            (_, HostPattern::Exact(host)) => self.capture(host).is_some(),
            (HostPattern::Exact(host), HostPattern::Labels(_)) => other.capture(host).is_some(),
            (HostPattern::Labels(one), HostPattern::Labels(two)) => {
                let open = one.contains(&Label::Many) || two.contains(&Label::Many);
                (open || one.len() == two.len())
                    && one
                        .iter()
                        .zip(two)
                        .all(|(one, two)| one.rank() < 2 || two.rank() < 2 || one == two)
            }
        }
    }

    /// Compares how literal two domains are that accept one host; `None` where each is more literal somewhere.
    pub(crate) fn literalness(&self, other: &Self) -> Option<Ordering> {
        match (&self.host, &other.host) {
            (HostPattern::Exact(_), HostPattern::Exact(_)) => Some(Ordering::Equal),
            (HostPattern::Exact(_), HostPattern::Labels(_)) => Some(Ordering::Greater),
            (HostPattern::Labels(_), HostPattern::Exact(_)) => Some(Ordering::Less),
            (HostPattern::Labels(one), HostPattern::Labels(two)) => {
                let length = one.len().max(two.len());
                (0..length).try_fold(Ordering::Equal, |so_far, at| {
                    let rank =
                        |labels: &[Label]| labels.get(at).or(labels.last()).map_or(0, Label::rank);
                    both(so_far, rank(one).cmp(&rank(two)))
                })
            }
        }
    }
}

/// Whether port 80 is among a connector's ports (`http: true`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Plain {
    /// Only port 443 with TLS.
    #[default]
    Refused,
    /// Port 80 without TLS too.
    Allowed,
}

impl Label {
    fn parse(label: &str, whole: &str) -> Result<Self, DomainError> {
        match label {
            "*" => return Ok(Self::One),
            "**" => return Ok(Self::Many),
            _ => {}
        }
        if let Some(name) = label
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        {
            return Ok(Self::Capture(parameter_name(name)?));
        }
        if label.contains(['*', '{', '}']) {
            let (whole, label) = (whole.to_owned(), label.to_owned());
            return Err(DomainError::PartialLabel(whole, label));
        }
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if label.is_empty() || label.len() > 63 || !label.bytes().all(good) {
            return Err(DomainError::Label(whole.to_owned(), label.to_owned()));
        }
        Ok(Self::Literal(label.to_ascii_lowercase().into()))
    }

    fn shape(&self) -> &str {
        match self {
            Self::Literal(text) => text,
            Self::One | Self::Capture(_) => "*",
            Self::Many => "**",
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Literal(_) => 2,
            Self::One | Self::Capture(_) => 1,
            Self::Many => 0,
        }
    }
}
