//! The catalogue: connector files in, and for a target the connector that it belongs to out.
//!
//! INVARIANT: no authority and base path belongs to two connectors.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use http::Method;

use crate::config::diagnostic::{self, Diagnostic, Report, Source};
use crate::config::yaml;
use crate::connector::compile::layers::{File, Files, Stack};
use crate::connector::compile::parameter::Patterns;
use crate::connector::compile::{self, Common, lint};
use crate::connector::lookup::candidates::Candidates;
use crate::connector::lookup::domains::DomainIndex;
use crate::connector::model::connector::Connector;
use crate::connector::model::domain::{Domain, Plain};
use crate::connector::model::pattern::Pattern;
use crate::model::action::Action;
use crate::model::target::{Authority, Host, Path, Query, decode};
use crate::model::vocabulary::Vocabulary;

/// All connectors of one moment.
#[derive(Debug, Default)]
pub struct Catalog {
    pub(crate) connectors: BTreeMap<Arc<str>, Arc<Connector>>,
    pub(crate) domains: DomainIndex<(Arc<Connector>, usize)>,
}

/// A domain of a connector with one of its base paths.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) domain: Domain,
    pub(crate) plain: Plain,
    pub(crate) takes: Takes,
    pub(crate) passage: Passage,
    pub(crate) base: Pattern,
    /// As written.
    pub(crate) text: String,
    /// As written, empty for `/`.
    pub(crate) base_text: String,
    pub(crate) place: diagnostic::Place,
}

/// Which of the connector's auth schemes a domain takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Takes {
    /// Each of them.
    #[default]
    All,
    /// Those with these ids; none of them where it is public, or not looked into.
    Only(Vec<String>),
}

/// Whether a domain's TLS is ended here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Passage {
    /// It is, and requests are read.
    #[default]
    Ended,
    /// It is not: the tunnel is one action, and nothing in it is known.
    Through,
}

/// Where a target lies in the catalogue: the connector, its captured host labels, and the path below its base path.
#[derive(Debug, Clone)]
pub struct Place {
    /// Whose domain and base path it is.
    pub connector: Arc<Connector>,
    pub(crate) host: Host,
    /// Of domain and base path, decoded.
    pub(crate) captures: Arc<[(Arc<str>, String)]>,
    /// With the base path.
    pub(crate) path: Path,
    /// How many bytes of it are the base path's, in the form that routes are compared with.
    pub(crate) base: usize,
    pub(crate) passage: Passage,
}

impl Catalog {
    /// Compiles connector files; the catalogue is usable only where the report has no errors.
    pub fn compile(sources: &[Source], report: &mut Report) -> Self {
        Self::compile_with(sources, &BTreeSet::new(), report)
    }

    /// As [`Catalog::compile`], where files may also set these variables for children.
    pub fn compile_with(
        sources: &[Source],
        variables: &BTreeSet<String>,
        report: &mut Report,
    ) -> Self {
        let mut common = Common {
            patterns: Patterns::default(),
            variables,
        };
        let mut files = Files::default();
        let mut catalog = Self::default();
        let built_in = sources.iter().filter(|source| source.built_in);
        let own = sources.iter().filter(|source| !source.built_in);
        for source in built_in.chain(own) {
            let Some(manifest) = yaml::read(source, report) else {
                continue;
            };
            let source = source.clone();
            if let Some(stack) = files.add(File { source, manifest }, report) {
                catalog.add(&stack, &mut common, report);
            }
        }
        for stack in files.rest(report) {
            catalog.add(&stack, &mut common, report);
        }
        catalog.index(report);
        catalog
    }

    fn add(&mut self, stack: &Stack, common: &mut Common<'_>, report: &mut Report) {
        let connector = compile::connector(&stack.layers(), common, report);
        if let Some((new, old)) = connector.as_ref().zip(stack.replaced()) {
            let old = compile::connector(&old, common, &mut Report::default());
            if let Some((old, place)) = old.zip(stack.place()) {
                lint::replaced::check(new, &old, &place, report);
            }
        }
        let connector = connector.map(|connector| (Arc::clone(&stack.id), connector.into()));
        self.connectors.extend(connector);
    }

    fn index(&mut self, report: &mut Report) {
        let mut sites: Vec<(Arc<Connector>, usize)> = Vec::new();
        let mut taken: HashMap<(String, u16, String), diagnostic::Place> = HashMap::new();
        let mut passages: HashMap<(String, u16), (Passage, diagnostic::Place)> = HashMap::new();
        for connector in self.connectors.values() {
            for (number, site) in connector.sites.iter().enumerate() {
                for port in site.domain.ports(site.plain) {
                    let host = (site.domain.shape(), port);
                    let key = (host.0.clone(), port, site.base.shape());
                    if let Some(first) = taken.get(&key) {
                        let message = format!(
                            "`{}{}` on port {port} belongs to two connectors, or is listed twice",
                            site.text, site.base_text
                        );
                        let help = "give them different `base_paths`, or drop one";
                        conflict(message, first, site, help, report);
                        continue;
                    }
                    taken.insert(key, site.place.clone());
                    let first = passages
                        .entry(host)
                        .or_insert_with(|| (site.passage, site.place.clone()));
                    if first.0 != site.passage {
                        let message = format!(
                            "`{}` on port {port} is passed through, and requests to it are read too",
                            site.text
                        );
                        let help = "a tunnel that is passed through carries every path: drop one";
                        conflict(message, &first.1, site, help, report);
                    }
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
            .find_map(&authority.host, |(connector, number)| {
                Place::of(connector, connector.sites.get(*number)?, authority, path)
            })
    }

    /// Returns the first that is taken of everything at an authority's host.
    pub(crate) fn find_at<R>(
        &self,
        authority: &Authority,
        take: impl Fn(&Connector, &Site) -> Option<R>,
    ) -> Option<R> {
        self.domains
            .find_map(&authority.host, |(connector, number)| {
                take(connector, connector.sites.get(*number)?)
            })
    }

    /// Returns the connector that an authority belongs to as a tunnel that is passed through, and the action of opening it;
    /// `None` where its TLS is ended here.
    #[must_use]
    pub fn passage(&self, authority: &Authority) -> Option<(Arc<Connector>, Action)> {
        let (connector, site) = self
            .domains
            .find_map(&authority.host, |(connector, number)| {
                let site = connector.sites.get(*number)?;
                site.accepts(authority).then_some((connector, site))
            })?;
        let captures = site.domain.capture(&authority.host)?;
        (site.passage == Passage::Through).then(|| {
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
                let site = connector.sites.get(*number)?;
                let through = site.passage == Passage::Through && site.accepts(authority);
                through.then(|| (connector.id(), site.place.clone()))
            })
    }

    /// Returns whether any connector has this authority among its domains, whatever the path.
    #[must_use]
    pub fn knows(&self, authority: &Authority) -> bool {
        let known = self
            .domains
            .find_map(&authority.host, |(connector, number)| {
                let site = connector.sites.get(*number)?;
                site.accepts(authority).then_some(())
            });
        known.is_some()
    }

    /// Adds the actions, parameters and connectors that policies may name.
    pub fn describe(&self, vocabulary: &mut Vocabulary) {
        for connector in self.connectors.values() {
            connector.describe(vocabulary);
        }
    }
}

fn conflict(
    message: String,
    first: &diagnostic::Place,
    site: &Site,
    help: &str,
    report: &mut Report,
) {
    let conflict = Diagnostic::error("domain-conflict", message);
    let conflict = conflict.at(first.clone()).at(site.place.clone());
    report.push(conflict.help(help));
}

impl Site {
    /// Returns whether an authority is of this domain.
    pub(crate) fn accepts(&self, authority: &Authority) -> bool {
        self.domain.has_port(authority.port, self.plain)
            && self.domain.capture(&authority.host).is_some()
    }

    /// Returns whether a target lies in it.
    fn holds(&self, authority: &Authority, path: &Path) -> bool {
        self.accepts(authority) && self.base.capture_front(path.matching()).is_some()
    }

    /// Iterates over the names that domain and base path capture.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.domain.names().chain(self.base.names())
    }
}

impl Place {
    /// `None` where the target is not in the site.
    fn of(
        connector: &Arc<Connector>,
        site: &Site,
        authority: &Authority,
        path: &Path,
    ) -> Option<Self> {
        if !site.domain.has_port(authority.port, site.plain) {
            return None;
        }
        // First what tells the connectors of one host apart.
        let (base, below) = site.base.capture_front(path.matching())?;
        let host = site.domain.capture(&authority.host)?;
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
            passage: site.passage,
        })
    }

    /// Returns where another target lies in the same connector; `None` where it does not.
    pub(crate) fn beside(&self, authority: &Authority, path: &Path) -> Option<Self> {
        let site = self.connector.nearest(authority, path)?;
        Self::of(&self.connector, site, authority, path)
    }

    /// Returns whether TLS is not ended there (`tls: passthrough`), so that requests cannot be read.
    #[must_use]
    pub fn is_passed_through(&self) -> bool {
        self.passage == Passage::Through
    }

    /// Returns the canonical path below the base path, in the form that routes are compared with.
    #[must_use]
    pub fn below(&self) -> &str {
        self.path.matching().get(self.base..).unwrap_or_default()
    }

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

impl Connector {
    /// Returns whether a target of this connector takes a scheme's credentials.
    #[must_use]
    pub fn takes(&self, authority: &Authority, path: &Path, scheme: &str) -> bool {
        match self.taken_at(authority, path) {
            Takes::All => true,
            Takes::Only(ids) => ids.iter().any(|id| id == scheme),
        }
    }

    /// Returns whether requests to a target go out bare: the API is public (`auth: none`), or this domain of it is.
    #[must_use]
    pub fn is_public_at(&self, authority: &Authority, path: &Path) -> bool {
        self.public || matches!(self.taken_at(authority, path), Takes::Only(ids) if ids.is_empty())
    }

    /// What lies in no domain of the connector takes nothing.
    fn taken_at(&self, authority: &Authority, path: &Path) -> &Takes {
        const NOTHING: &Takes = &Takes::Only(Vec::new());
        if self.sites.iter().all(|site| site.takes == Takes::All) {
            return &Takes::All;
        }
        let nearest = self.nearest(authority, path);
        nearest.map_or(NOTHING, |site| &site.takes)
    }

    /// As requests are looked up: the exact host, then the longest base path.
    fn nearest(&self, authority: &Authority, path: &Path) -> Option<&Site> {
        let holding = self.sites.iter().filter(|site| site.holds(authority, path));
        holding.max_by(|one, two| {
            let hosts = one.domain.literalness(&two.domain);
            let bases = one.base.segments().len().cmp(&two.base.segments().len());
            hosts.unwrap_or(Ordering::Equal).then(bases)
        })
    }
}
