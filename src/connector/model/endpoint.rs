//! Defines the endpoints of a connector: a domain of it with one of its base paths, and what holds there.

use std::sync::Arc;

use crate::config::diagnostic;
use crate::connector::model::domain::{Domain, Plain};
use crate::connector::model::pattern::Pattern;
use crate::model::target::{Authority, Path};

/// A domain of a connector with one of its base paths.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) domain: Domain,
    pub(crate) plain: Plain,
    pub(crate) takes: Takes,
    pub(crate) tls: TlsMode,
    pub(crate) base: Pattern,
    /// The host as the file writes it.
    pub(crate) text: String,
    /// As written, empty for `/`.
    pub(crate) base_text: String,
    pub(crate) place: diagnostic::Place,
}

/// Which of the connector's auth schemes a domain takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Takes {
    /// Every scheme of the connector.
    #[default]
    All,
    /// Those with these ids; none of them where it is public, or not looked into.
    Only(Vec<String>),
    /// Those with these ids; without a credential requests go out bare.
    Optional(Vec<String>),
}

/// Whether a domain's TLS is ended here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TlsMode {
    /// It is, and requests are read.
    #[default]
    Terminated,
    /// It is not: the tunnel is one action, and nothing in it is known.
    Passthrough,
}

impl Endpoint {
    /// Returns whether an authority is of this domain.
    pub(crate) fn accepts(&self, authority: &Authority) -> bool {
        self.domain.has_port(authority.port, self.plain)
            && self.domain.capture(&authority.host).is_some()
    }

    /// Returns whether a target lies in it.
    pub(crate) fn holds(&self, authority: &Authority, path: &Path) -> bool {
        self.accepts(authority) && self.base.capture_front(path.matching()).is_some()
    }

    /// Iterates over the names that domain and base path capture.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.domain.names().chain(self.base.names())
    }
}
