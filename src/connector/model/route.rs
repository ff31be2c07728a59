//! Defines one compiled route.

use std::sync::Arc;

use crate::config::diagnostic::{Place, Source};
use crate::connector::model::batch::Batch;
use crate::connector::model::body_path::PathId;
use crate::connector::model::condition::Condition;
use crate::connector::model::format::{Format, Kind};
use crate::connector::model::matches::{Matches, WEBSOCKET};
use crate::connector::model::name_path::NamePath;
use crate::connector::model::naming::{Name, RouteRisk};
use crate::connector::model::operation::OperationKind;
use crate::connector::model::options::RouteOptions;
use crate::connector::model::parameter::{Origin, Param, ParamView};
use crate::connector::model::summary::Summary;
use crate::model::action::Risk;

/// A compiled route.
///
/// A catalogue has tens of thousands, so what few routes have is boxed, and what they have in common is shared.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) name: Name,
    /// What its operations are, and which of them it is for: one empty pattern for whole requests.
    pub(crate) kind: OperationKind,
    pub(crate) patterns: Box<[Box<str>]>,
    /// The `match` as the file writes it.
    pub(crate) text: Box<str>,
    pub(crate) label: Option<Box<str>>,
    pub(crate) docs: Option<Box<str>>,
    pub(crate) matches: Arc<Matches>,
    pub(crate) risk: RouteRisk,
    /// The file says `reads: true`.
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
    pub(crate) options: Arc<RouteOptions>,
    /// Where the requests are that it carries.
    pub(crate) batch: Option<Arc<Batch>>,
    /// Former names of the action, with the connector's id.
    pub(crate) renamed_from: Box<[String]>,
    /// Source file of the route.
    pub(crate) source: Source,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// What `connector list` and `connector show` say of a route.
#[derive(Debug, Clone)]
pub struct RouteView<'a> {
    /// Full name; holes in braces where the request says it.
    pub action: &'a str,
    /// The `match` as the file writes it.
    pub matches: &'a str,
    /// Which operations of such a request it is for, as written: `mutation.createIssue`, `tools/call`.
    pub operations: Vec<&'a str>,
    /// The `when` as the file writes it.
    pub when: Option<&'a str>,
    /// Stated or by method; the highest that it can be.
    pub risk: Risk,
    /// Display name of the action.
    pub name: Option<&'a str>,
    /// Where it is documented.
    pub docs: Option<&'a str>,
    /// As written, with names in braces.
    pub summary: Option<&'a str>,
    /// What policies can ask about, in file order.
    pub params: Vec<ParamView<'a>>,
}

impl Route {
    /// Returns what lists show.
    pub(crate) fn view(&self) -> RouteView<'_> {
        RouteView {
            action: self.name.as_str(),
            matches: &self.text,
            operations: match self.kind {
                OperationKind::Whole | OperationKind::Git | OperationKind::Batch => Vec::new(),
                OperationKind::Graphql | OperationKind::Rpc => {
                    self.patterns.iter().map(|pattern| &**pattern).collect()
                }
            },
            when: self.when_text.as_deref(),
            risk: self.risk.highest(),
            name: self.label.as_deref(),
            docs: self.docs.as_deref(),
            summary: self.summary_text.as_deref(),
            params: self.params.iter().map(|param| param.view()).collect(),
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
        let opening = self.options.websocket.then_some(WEBSOCKET);
        methods.filter(|_| !self.options.websocket).chain(opening)
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
