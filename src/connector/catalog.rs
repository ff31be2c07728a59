//! The catalogue: connector files in, and for a target the connector that it belongs to out.
//!
//! INVARIANT: no authority and base path belongs to two connectors.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use http::Method;

use super::compile::{self, File, Files};
use super::domain::{Domain, DomainIndex, Plain};
use super::parameter::Patterns;
use super::pattern::Pattern;
use super::{Candidates, Connector};
use crate::config::diagnostic::{self, Diagnostic, Report, Source};
use crate::config::yaml;
use crate::model::target::{Authority, Host, Path, Query, decode};
use crate::model::vocabulary::Vocabulary;

/// All connectors of one moment.
#[derive(Debug, Default)]
pub struct Catalog {
    connectors: BTreeMap<Arc<str>, Arc<Connector>>,
    domains: DomainIndex<(Arc<Connector>, usize)>,
}

/// A domain of a connector with one of its base paths.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) domain: Domain,
    pub(super) plain: Plain,
    pub(super) base: Pattern,
    /// As written.
    pub(super) text: String,
    /// As written, empty for `/`.
    pub(super) base_text: String,
    pub(super) place: diagnostic::Place,
}

/// Where a target lies in the catalogue: the connector, its captured host labels, and the path below its base path.
#[derive(Debug, Clone)]
pub struct Place {
    /// Whose domain and base path it is.
    pub connector: Arc<Connector>,
    pub(super) host: Host,
    /// Of domain and base path, decoded.
    pub(super) captures: Arc<[(Arc<str>, String)]>,
    /// The whole canonical path.
    pub(super) path: Arc<str>,
    /// What follows the base path, in the form that routes are compared with.
    pub(super) below: Arc<str>,
}

impl Catalog {
    /// Compiles connector files; the catalogue is usable only where the report has no errors.
    pub fn compile(sources: &[Source], report: &mut Report) -> Self {
        let mut patterns = Patterns::default();
        let mut files = Vec::new();
        for source in sources {
            let manifest = yaml::read(source, report);
            files.extend(manifest.map(|manifest| File {
                source: source.clone(),
                manifest,
            }));
        }
        let files = Files::new(&files, report);
        let mut catalog = Self::default();
        for (id, file) in &files.winners {
            let layers = files.layers(file, report);
            let connector = compile::connector(&layers, &mut patterns, report);
            let connector = connector.map(|connector| (Arc::clone(id), Arc::new(connector)));
            catalog.connectors.extend(connector);
        }
        catalog.index(report);
        catalog
    }

    fn index(&mut self, report: &mut Report) {
        let mut sites: Vec<(Arc<Connector>, usize)> = Vec::new();
        let mut taken: HashMap<(String, u16, String), diagnostic::Place> = HashMap::new();
        for connector in self.connectors.values() {
            for (number, site) in connector.sites.iter().enumerate() {
                for port in site.domain.ports(site.plain) {
                    let key = (site.domain.shape(), port, site.base.shape());
                    let Some(first) = taken.get(&key) else {
                        taken.insert(key, site.place.clone());
                        continue;
                    };
                    let message = format!(
                        "`{}{}` on port {port} belongs to two connectors, or is listed twice",
                        site.text, site.base_text
                    );
                    let conflict = Diagnostic::error("domain-conflict", message);
                    report.push(
                        conflict
                            .at(first.clone())
                            .at(site.place.clone())
                            .help("give them different `base_paths`, or drop one"),
                    );
                }
                sites.push((Arc::clone(connector), number));
            }
        }
        // The longest base path is looked at first, then the one that is literal further left.
        let length = |entry: &(Arc<Connector>, usize)| {
            entry
                .0
                .sites
                .get(entry.1)
                .map(|site| (site.base.segments().len(), site.base.literal_weight()))
        };
        sites.sort_by_key(|entry| std::cmp::Reverse(length(entry)));
        for (connector, number) in sites {
            let Some(domain) = connector.sites.get(number).map(|site| site.domain.clone()) else {
                continue;
            };
            self.domains.insert(&domain, (connector, number));
        }
    }

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
    pub fn locate(&self, authority: &Authority, path: &Path) -> Option<Place> {
        self.domains
            .find(&authority.host)
            .into_iter()
            .find_map(|(connector, number)| {
                let site = connector.sites.get(*number)?;
                let host = if site.domain.has_port(authority.port, site.plain) {
                    site.domain.capture(&authority.host)?
                } else {
                    return None;
                };
                let (base, below) = site.base.capture_front(path.matching())?;
                let host = host
                    .into_iter()
                    .map(|(name, value)| (name, value.to_owned()));
                let base = base
                    .into_iter()
                    .map(|(name, value)| (name, decode(value).into_owned()));
                Some(Place {
                    connector: Arc::clone(connector),
                    host: authority.host.clone(),
                    captures: host.chain(base).collect(),
                    path: path.as_str().into(),
                    below: below.into(),
                })
            })
    }

    /// Returns whether any connector has this authority among its domains, whatever the path.
    #[must_use]
    pub fn knows(&self, authority: &Authority) -> bool {
        let sites = self.domains.find(&authority.host);
        sites.into_iter().any(|(connector, number)| {
            connector
                .sites
                .get(*number)
                .is_some_and(|site| site.accepts(authority))
        })
    }

    /// Adds the actions, parameters and connectors that policies may name.
    pub fn describe(&self, vocabulary: &mut Vocabulary) {
        for connector in self.connectors.values() {
            connector.describe(vocabulary);
        }
    }
}

impl Site {
    /// Returns whether an authority is of this domain.
    pub(super) fn accepts(&self, authority: &Authority) -> bool {
        self.domain.has_port(authority.port, self.plain)
            && self.domain.capture(&authority.host).is_some()
    }

    /// Iterates over the names that domain and base path capture.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.domain.names().chain(self.base.names())
    }
}

impl Place {
    /// Returns the routes that the method, host and path (query keys in `match` too) can mean. Never empty: the fallback is one.
    #[must_use]
    pub fn candidates(&self, method: &Method, query: &Query) -> Candidates {
        Candidates::new(self, method, query)
    }

    /// Returns the routes that opening a WebSocket there can mean; `None` where there is none.
    #[must_use]
    pub fn opening(&self, query: &Query) -> Option<Candidates> {
        Candidates::opening(self, query)
    }
}
