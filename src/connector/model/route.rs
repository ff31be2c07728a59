//! One compiled route, and groups of routes that accept the same requests and are told apart by `when`.

use std::cmp::Ordering;
use std::sync::Arc;

use http::Method;

use crate::config::diagnostic::{Place, Source};
use crate::connector::compile::paths::{PathId, Paths};
use crate::connector::model::condition::Condition;
use crate::connector::model::matches::{ANY_METHOD, Matches, WEBSOCKET};
use crate::connector::model::name_path::NamePath;
use crate::connector::model::naming::{Name, RouteRisk};
use crate::connector::model::operation::{PartKind, Table};
use crate::connector::model::options::RouteTerms;
use crate::connector::model::pattern::both;
use crate::connector::model::plan::Plan;
use crate::connector::model::summary::Summary;
use crate::connector::read::dialect::{Dialect, Format, Kind};
use crate::connector::read::members::Each;
use crate::connector::read::parameter::{Origin, Param};
use crate::model::action::Risk;
use crate::model::target::{Host, Query};

/// A compiled route.
///
/// A catalogue has tens of thousands, so what few routes have is boxed, and what they have in common is shared.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) name: Name,
    /// What its parts are, and which of them it is for: one empty pattern for whole requests.
    pub(crate) kind: PartKind,
    pub(crate) patterns: Box<[Box<str>]>,
    /// `match`, as written.
    pub(crate) text: Box<str>,
    pub(crate) label: Option<Box<str>>,
    pub(crate) docs: Option<Box<str>>,
    pub(crate) matches: Arc<Matches>,
    pub(crate) risk: RouteRisk,
    /// `reads: true`
    pub(crate) reads: bool,
    pub(crate) when: Option<Box<Condition>>,
    pub(crate) when_text: Option<Box<str>>,
    /// The body keys that it stands for; `None` for all.
    pub(crate) only: Option<Box<[String]>>,
    /// Captured labels first, then in file order.
    pub(crate) params: Box<[Arc<Param>]>,
    pub(crate) summary_text: Option<Box<str>>,
    pub(crate) summary: Option<Summary>,
    /// How bodies are read, the default first; empty for `none`: never.
    pub(crate) formats: Arc<[Format]>,
    pub(crate) terms: Arc<RouteTerms>,
    /// Where the requests are that it carries.
    pub(crate) each: Option<Arc<Each>>,
    /// Former names, full.
    pub(crate) was: Box<[String]>,
    /// Where `match` is.
    pub(crate) source: Source,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// What `connector list` and `connector show` say of a route.
#[derive(Debug, Clone)]
pub struct RouteView<'a> {
    /// Full name; holes in braces where the request says it.
    pub action: &'a str,
    /// As written.
    pub matches: &'a str,
    /// Which parts of such a request it is for, as written: `mutation.createIssue`, `tools/call`.
    pub parts: Vec<&'a str>,
    /// As written.
    pub when: Option<&'a str>,
    /// Stated or by method; the highest that it can be.
    pub risk: Risk,
    /// For people.
    pub name: Option<&'a str>,
    /// Where it is documented.
    pub docs: Option<&'a str>,
    /// As written, with names in braces.
    pub summary: Option<&'a str>,
}

impl Route {
    /// Returns what lists show.
    pub(crate) fn view(&self) -> RouteView<'_> {
        RouteView {
            action: self.name.as_str(),
            matches: &self.text,
            parts: match self.kind {
                PartKind::Whole | PartKind::Git | PartKind::Batch => Vec::new(),
                PartKind::Graphql | PartKind::Rpc => {
                    self.patterns.iter().map(|pattern| &**pattern).collect()
                }
            },
            when: self.when_text.as_deref(),
            risk: self.risk.highest(),
            name: self.label.as_deref(),
            docs: self.docs.as_deref(),
            summary: self.summary_text.as_deref(),
        }
    }

    /// Returns where its `match` is.
    pub(crate) fn place(&self) -> Place {
        Place {
            source: self.source.clone(),
            line: self.line as usize,
            column: self.column as usize,
            note: self.name.as_str().to_owned(),
        }
    }

    /// Iterates over the keys under which it is looked up: methods, or the one for WebSockets.
    pub(crate) fn method_keys(&self) -> impl Iterator<Item = &str> {
        let methods = self.matches.methods.iter().map(|method| &**method);
        let opening = self.terms.websocket.then_some(WEBSOCKET);
        methods.filter(|_| !self.terms.websocket).chain(opening)
    }

    /// Iterates over everything that it reads in a body that is JSON.
    pub(crate) fn body_paths(&self) -> impl Iterator<Item = PathId> {
        let params = self
            .params
            .iter()
            .flat_map(|param| &*param.origins)
            .filter_map(Origin::body_path);
        params.chain(
            self.when
                .iter()
                .flat_map(|when| when.body_paths.iter().copied()),
        )
    }

    /// Iterates over every name that it reads in a form.
    pub(crate) fn form_names(&self) -> impl Iterator<Item = &NamePath> {
        let params = self.params.iter().flat_map(|param| &*param.origins);
        let when = self.when.iter().flat_map(|when| &when.form);
        params.filter_map(Origin::form_name).chain(when)
    }

    /// Iterates over the outermost keys that it reads in the query.
    pub(crate) fn query_keys(&self) -> impl Iterator<Item = &str> {
        let params = self.params.iter().flat_map(|param| &*param.origins);
        let when = self.when.iter().flat_map(|when| &when.query);
        let names = params.filter_map(Origin::query_name).chain(when);
        names.map(NamePath::root).chain(self.matches.query_keys())
    }

    /// Returns whether it must see the body. A key of the query is looked for there too: Rack, PHP and others merge the two.
    pub(crate) fn needs_body(&self) -> bool {
        !self.formats.is_empty()
            && (self.only.is_some()
                || self.body_paths().next().is_some()
                || self.form_names().next().is_some()
                || self.query_keys().next().is_some())
    }

    /// Returns whether it is for bodies that are read so; every route is for a body that nobody reads.
    pub(crate) fn speaks(&self, dialect: Option<&Dialect>) -> bool {
        dialect.is_none_or(|dialect| dialect.is_one_of(&self.formats))
    }

    /// Returns whether some body can be read as both are.
    pub(crate) fn shares_format(&self, other: &Self) -> bool {
        let silent = self.formats.is_empty() || other.formats.is_empty();
        silent
            || self
                .formats
                .iter()
                .any(|format| other.formats.contains(format))
    }

    /// Returns whether it lists a format of this kind, or of another one.
    pub(crate) fn has_kind(&self, wanted: impl Fn(Kind) -> bool) -> bool {
        self.formats.iter().any(|format| wanted(format.kind))
    }
}

impl Origin {
    pub(crate) fn body_path(&self) -> Option<PathId> {
        match self {
            Self::Body(path) => Some(*path),
            Self::Captured(_)
            | Self::Query(_)
            | Self::Form(_)
            | Self::Header(_)
            | Self::Part(_)
            | Self::Native(_) => None,
        }
    }

    pub(crate) fn query_name(&self) -> Option<&NamePath> {
        match self {
            Self::Query(name) => Some(name),
            Self::Body(_)
            | Self::Captured(_)
            | Self::Form(_)
            | Self::Header(_)
            | Self::Part(_)
            | Self::Native(_) => None,
        }
    }

    pub(crate) fn form_name(&self) -> Option<&NamePath> {
        match self {
            Self::Form(name) => Some(name),
            Self::Body(_)
            | Self::Captured(_)
            | Self::Query(_)
            | Self::Header(_)
            | Self::Part(_)
            | Self::Native(_) => None,
        }
    }
}

/// Routes with the same method, host, path shape and query: siblings.
#[derive(Debug)]
pub(crate) struct Group {
    /// Upper-case, `*`, or the key for WebSockets.
    pub(crate) method: Box<str>,
    /// Of the first route; the others differ in names at most.
    pub(crate) matches: Arc<Matches>,
    /// By the parts that they are for.
    pub(crate) table: Table,
    /// What is read of a JSON body; `None` where no body is read.
    pub(crate) plan: Option<Box<Plan>>,
    /// How bodies are read, the default first.
    pub(crate) formats: Arc<[Format]>,
    /// Where the requests are that such a request carries.
    pub(crate) each: Option<Arc<Each>>,
    /// Bytes; `None` for the gateway's default.
    pub(crate) limit: Option<usize>,
    /// Keys that tell routes of this path apart by the query.
    pub(crate) match_keys: Box<[NamePath]>,
    /// Keys that are read in the body and must not be in the query.
    pub(crate) body_keys: Box<[Box<str>]>,
    /// Keys that are read in the query and must not be in the body.
    pub(crate) query_keys: Box<[Box<str>]>,
    /// Names that its routes read beside another spelling of them.
    pub(crate) twins: Box<[Box<str>]>,
}

impl Group {
    pub(crate) fn new(method: Box<str>, route: &Route) -> Self {
        Self {
            method,
            matches: Arc::clone(&route.matches),
            table: Table::new(route.kind),
            plan: None,
            formats: Arc::clone(&route.formats),
            each: route.each.clone(),
            limit: None,
            match_keys: Box::default(),
            body_keys: Box::default(),
            query_keys: Box::default(),
            twins: Box::default(),
        }
    }

    /// Returns whether host and query are those of the match; the path has been compared.
    pub(crate) fn accepts(&self, host: &Host, query: &Query) -> bool {
        self.matches
            .host
            .as_ref()
            .is_none_or(|domain| domain.capture(host).is_some())
            && self.matches.accepts_query(query)
    }

    /// Returns whether it is at least as literal as another group everywhere, and more so somewhere.
    pub(crate) fn is_more_literal(&self, other: &Self, method: &Method) -> bool {
        let methods = self.method_rank(method).cmp(&other.method_rank(method));
        let order = self
            .matches
            .literalness(&other.matches)
            .and_then(|order| both(methods, order));
        order == Some(Ordering::Greater)
    }

    fn method_rank(&self, method: &Method) -> u8 {
        match &*self.method {
            ANY_METHOD => 0,
            own if own == method.as_str() => 2,
            // A GET route that answers HEAD.
            _ => 1,
        }
    }
}

/// The keys that one place of a request must not have, since routes read them in the other: of the body and of the query.
pub(crate) fn exclusive_keys(routes: &[&Route], paths: &Paths) -> (Vec<Box<str>>, Vec<Box<str>>) {
    let key_of = |path: PathId| paths.get(path).and_then(|path| path.last_key.clone());
    let root_of = |name: &NamePath| Box::from(name.root());
    let mut body = Vec::new();
    let mut query = Vec::new();
    for route in routes {
        for param in &route.params {
            let origins = || param.origins.iter();
            let in_json = origins().filter_map(Origin::body_path).filter_map(key_of);
            let in_form = origins().filter_map(Origin::form_name).map(root_of);
            let in_body: Vec<Box<str>> = in_json.chain(in_form).collect();
            let in_query: Vec<Box<str>> = origins()
                .filter_map(Origin::query_name)
                .map(root_of)
                .collect();
            // A parameter that lists both places compares them itself.
            let mut alone = in_body.clone();
            alone.retain(|key| !in_query.contains(key));
            body.extend(alone);
            query.extend(in_query.into_iter().filter(|key| !in_body.contains(key)));
        }
        query.extend(route.matches.query_keys().map(Box::from));
        let Some(when) = &route.when else { continue };
        body.extend(when.body_paths.iter().copied().filter_map(key_of));
        body.extend(when.form.iter().map(root_of));
        query.extend(when.query.iter().map(root_of));
    }
    for keys in [&mut body, &mut query] {
        keys.sort();
        keys.dedup();
    }
    (body, query)
}
