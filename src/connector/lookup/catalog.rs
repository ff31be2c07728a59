//! Finds the connector that a target belongs to.
//!
//! INVARIANT: no authority and base path belongs to two connectors.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::diagnostic::{self, Diagnostic, Source};
use crate::connector::lookup::domains::DomainIndex;
use crate::connector::model::connector::Connector;
use crate::connector::model::endpoint::{Endpoint, Takes, TlsMode};
use crate::model::action::Action;
use crate::model::target::{Authority, Host, Path, decode};
use crate::model::vocabulary::Vocabulary;

/// All connectors of one moment.
#[derive(Debug, Default)]
pub struct Catalog {
    pub(crate) connectors: BTreeMap<Arc<str>, Arc<Connector>>,
    pub(crate) domains: DomainIndex<(Arc<Connector>, usize)>,
    /// By id of the connector.
    pub(crate) origins: BTreeMap<Arc<str>, Arc<Origin>>,
    /// Variables for children that the operator lets files set.
    pub(crate) variables: BTreeSet<String>,
    pub(crate) waiting: Arc<Waiting>,
}

/// Files that are compiled once all are read: built-in ones, which others may replace, and those that lie over others.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// In the order in which they were read; each with what there was to say of it then.
    pub(crate) files: Vec<(Source, Vec<Diagnostic>)>,
    /// What there was to say of how they lie over each other.
    pub(crate) said: Vec<Diagnostic>,
}

/// What a connector was compiled of, by which a reload sees that it has not changed.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Its own file, then those that it is laid over.
    pub(crate) layers: Vec<Source>,
    /// Those of the built-in connector that it replaces.
    pub(crate) replaced: Vec<Source>,
    /// Where its id stands.
    pub(crate) place: diagnostic::Place,
    /// No other file was needed, so its own decides everything.
    pub(crate) is_alone: bool,
    /// What there was to say of it.
    pub(crate) warnings: Vec<Diagnostic>,
}

/// Where a target lies in the catalogue: the connector, its captured host labels, and the path below its base path.
#[derive(Debug, Clone)]
pub struct Location {
    /// Whose domain and base path it is.
    pub connector: Arc<Connector>,
    pub(crate) host: Host,
    /// Of domain and base path, decoded.
    pub(crate) captures: Arc<[(Arc<str>, String)]>,
    /// With the base path.
    pub(crate) path: Path,
    /// How many bytes of it are the base path's, in the form that routes are compared with.
    pub(crate) base: usize,
    pub(crate) tls: TlsMode,
}

impl Catalog {
    /// Returns the connectors in order of id.
    pub fn connectors(&self) -> impl Iterator<Item = &Arc<Connector>> {
        self.connectors.values()
    }

    /// Returns the connector of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Connector>> {
        self.connectors.get(id)
    }

    /// Finds whose target this is: exact host before longest suffix, then longest base path; the port must fit.
    #[must_use]
    pub fn locate(&self, authority: &Authority, path: &Path) -> Option<Location> {
        self.domains
            .find_map(&authority.host, |(connector, number)| {
                Location::of(
                    connector,
                    connector.endpoints.get(*number)?,
                    authority,
                    path,
                )
            })
    }

    /// Returns the first that is taken of everything at an authority's host.
    pub(crate) fn find_at<R>(
        &self,
        authority: &Authority,
        take: impl Fn(&Connector, &Endpoint) -> Option<R>,
    ) -> Option<R> {
        self.domains
            .find_map(&authority.host, |(connector, number)| {
                take(connector, connector.endpoints.get(*number)?)
            })
    }

    /// Returns the connector that an authority belongs to as a tunnel that is passed through, and the action of opening it;
    /// `None` where its TLS is ended here.
    #[must_use]
    pub fn tls_passthrough(&self, authority: &Authority) -> Option<(Arc<Connector>, Action)> {
        let (connector, endpoint) =
            self.domains
                .find_map(&authority.host, |(connector, number)| {
                    let endpoint = connector.endpoints.get(*number)?;
                    endpoint.accepts(authority).then_some((connector, endpoint))
                })?;
        let captures = endpoint.domain.capture(&authority.host)?;
        (endpoint.tls == TlsMode::Passthrough).then(|| {
            (
                Arc::clone(connector),
                connector.opening(authority, &captures),
            )
        })
    }

    /// Returns which connector passes an authority through, and where its file says so.
    pub(crate) fn passed_through(
        &self,
        authority: &Authority,
    ) -> Option<(&str, diagnostic::Place)> {
        self.domains
            .find_map(&authority.host, |(connector, number)| {
                let endpoint = connector.endpoints.get(*number)?;
                let through = endpoint.tls == TlsMode::Passthrough && endpoint.accepts(authority);
                through.then(|| (connector.id(), endpoint.place.clone()))
            })
    }

    /// Returns whether any connector has this authority among its domains, whatever the path.
    #[must_use]
    pub fn knows(&self, authority: &Authority) -> bool {
        let known = self
            .domains
            .find_map(&authority.host, |(connector, number)| {
                let endpoint = connector.endpoints.get(*number)?;
                endpoint.accepts(authority).then_some(())
            });
        known.is_some()
    }

    /// Returns how records show a path at an authority that no route says anything of; `None` where it can be shown as it is.
    #[must_use]
    pub fn hide_path(&self, authority: &Authority, path: &str) -> Option<String> {
        self.find_at(authority, |connector, endpoint| {
            let is_there = endpoint.domain.capture(&authority.host).is_some();
            connector.secret_paths.hide(path).filter(|_| is_there)
        })
    }

    /// Adds the actions, parameters and connectors that policies may name.
    pub fn describe(&self, vocabulary: &mut Vocabulary) {
        for connector in self.connectors.values() {
            connector.describe(vocabulary);
        }
    }
}

impl Location {
    /// `None` where the target is not in the site.
    fn of(
        connector: &Arc<Connector>,
        endpoint: &Endpoint,
        authority: &Authority,
        path: &Path,
    ) -> Option<Self> {
        if !endpoint.domain.has_port(authority.port, endpoint.plain) {
            return None;
        }
        // First what tells the connectors of one host apart.
        let (base, below) = endpoint.base.capture_front(path.matching())?;
        let host = endpoint.domain.capture(&authority.host)?;
        let host = host
            .into_iter()
            .map(|(name, value)| (Arc::clone(name), value.to_owned()));
        let base = base
            .into_iter()
            .map(|(name, value)| (Arc::clone(name), decode(value).into_owned()));
        Some(Self {
            connector: Arc::clone(connector),
            host: authority.host.clone(),
            captures: host.chain(base).collect(),
            base: path.matching().len() - below.len(),
            path: path.clone(),
            tls: endpoint.tls,
        })
    }

    /// Returns whether TLS is not ended there (`tls: passthrough`), so that requests cannot be read.
    #[must_use]
    pub fn is_passed_through(&self) -> bool {
        self.tls == TlsMode::Passthrough
    }

    /// Returns the canonical path below the base path, in the form that routes are compared with. The base path by itself is `/`
    /// there, as one host's root is.
    #[must_use]
    pub fn below(&self) -> &str {
        let below = self.path.matching().get(self.base..);
        below.filter(|below| !below.is_empty()).unwrap_or("/")
    }
}

impl Connector {
    /// Returns whether a target of this connector takes a scheme's credentials.
    #[must_use]
    pub fn takes(&self, authority: &Authority, path: &Path, scheme: &str) -> bool {
        match self.taken_at(authority, path) {
            Takes::All => true,
            Takes::Only(ids) | Takes::Optional(ids) => ids.iter().any(|id| id == scheme),
        }
    }

    /// Returns whether requests to a target go out bare: the API is public (`auth: none`), or this domain of it is.
    #[must_use]
    pub fn is_public_at(&self, authority: &Authority, path: &Path) -> bool {
        self.public || matches!(self.taken_at(authority, path), Takes::Only(ids) if ids.is_empty())
    }

    /// Returns whether requests to a target go out bare if no credential is bound there.
    pub(crate) fn is_optional_at(&self, authority: &Authority, path: &Path) -> bool {
        matches!(self.taken_at(authority, path), Takes::Optional(_))
    }

    /// What lies in no domain of the connector takes nothing.
    fn taken_at(&self, authority: &Authority, path: &Path) -> &Takes {
        const NOTHING: &Takes = &Takes::Only(Vec::new());
        if self
            .endpoints
            .iter()
            .all(|endpoint| endpoint.takes == Takes::All)
        {
            return &Takes::All;
        }
        let nearest = self.nearest(authority, path);
        nearest.map_or(NOTHING, |endpoint| &endpoint.takes)
    }

    /// As requests are looked up: the exact host, then the longest base path.
    pub(crate) fn nearest(&self, authority: &Authority, path: &Path) -> Option<&Endpoint> {
        let holding = self
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.holds(authority, path));
        holding.max_by(|one, two| {
            let hosts = one.domain.literalness(&two.domain);
            let bases = one.base.segments().len().cmp(&two.base.segments().len());
            hosts.unwrap_or(Ordering::Equal).then(bases)
        })
    }
}
