//! Groups routes with the same method, host, path shape and query: siblings, told apart by `when`, by their operations or by the body.

use std::cmp::Ordering;
use std::sync::Arc;

use http::Method;

use crate::connector::model::batch::Batch;
use crate::connector::model::format::Format;
use crate::connector::model::literalness::both;
use crate::connector::model::matches::{ANY_METHOD, Matches};
use crate::connector::model::name_path::NamePath;
use crate::connector::model::operation::Table;
use crate::connector::model::plan::Plan;
use crate::connector::model::route::Route;
use crate::model::target::{Host, Query};

/// Routes with the same method, host, path shape and query: siblings.
#[derive(Debug)]
pub(crate) struct Group {
    /// Upper-case, `*`, or the key for WebSockets.
    pub(crate) method: Box<str>,
    /// Of the first route; the others differ in names at most.
    pub(crate) matches: Arc<Matches>,
    /// Of routes that give a label another name.
    pub(crate) renamed: Vec<Arc<Matches>>,
    /// By the parts that they are for.
    pub(crate) table: Table,
    /// What is read of a JSON body; `None` where no body is read.
    pub(crate) plan: Option<Box<Plan>>,
    /// How bodies are read, the default first.
    pub(crate) formats: Arc<[Format]>,
    /// Where the requests are that such a request carries.
    pub(crate) batch: Option<Arc<Batch>>,
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
    /// Captured labels that a route keeps secret: they are not shown in paths.
    pub(crate) secret_labels: Box<[Arc<str>]>,
}

impl Group {
    pub(crate) fn new(method: Box<str>, route: &Route) -> Self {
        Self {
            method,
            matches: Arc::clone(&route.matches),
            renamed: Vec::new(),
            table: Table::new(route.kind),
            plan: None,
            formats: Arc::clone(&route.formats),
            batch: route.batch.clone(),
            limit: None,
            match_keys: Box::default(),
            body_keys: Box::default(),
            query_keys: Box::default(),
            twins: Box::default(),
            secret_labels: Box::default(),
        }
    }

    /// Notes the labels of another route that has the same shape.
    pub(crate) fn add_names(&mut self, matches: &Arc<Matches>) {
        if !self.spellings().any(|known| known.has_names_of(matches)) {
            self.renamed.push(Arc::clone(matches));
        }
    }

    /// Iterates over the matches of its routes, one for each way to name the labels.
    pub(crate) fn spellings(&self) -> impl Iterator<Item = &Matches> {
        std::iter::once(&self.matches)
            .chain(&self.renamed)
            .map(|matches| &**matches)
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
