//! Answers: where an upstream's answer holds something, as a route says it; an answer in, what lies there out.
//!
//! INVARIANT: nothing here refuses: what is recorded of an answer that cannot be read is nothing.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use jsonpath_rust::parser::parse_json_path;
use serde_json::Value as Json;

use crate::connector::compile::paths::{PathId, Paths};
use crate::connector::model::plan::{Keys, Plan};
use crate::connector::read::json::follow::follow;
use crate::connector::read::json::tree::Tree;
use crate::connector::read::json::{DEFAULT_NODE_LIMIT, Fields, Slot};
use crate::connector::read::room::{OwnMemory, Room};
use crate::model::action::{Parameter, Parameters};
use crate::model::value::Value;

/// Where an answer holds something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerPlace {
    /// `$.access_token`: a `JSONPath` into a JSON body, as written.
    Body(Arc<str>),
    /// `header:X-Key`
    Header(HeaderName),
}

/// What is taken out of an answer for the record.
#[derive(Debug, Default)]
pub(crate) struct AnswerParams {
    pub(crate) names: Vec<(Arc<str>, Source)>,
    pub(crate) plan: Plan,
}

#[derive(Debug)]
pub(crate) enum Source {
    Body(PathId),
    Header(HeaderName),
}

impl fmt::Display for AnswerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(path) => f.write_str(path),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}

impl AnswerPlace {
    /// Reads `$.access_token` or `header:X-Key`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("header:") {
            let wrong = |_| format!("`{}` is not a header name", name.escape_debug());
            return name.parse().map(Self::Header).map_err(wrong);
        }
        if !text.starts_with('$') {
            let text = text.escape_debug();
            return Err(format!("`{text}` is not a place in an answer"));
        }
        Paths::default().intern(text)?;
        Ok(Self::Body(text.into()))
    }

    /// Returns what lies here in an answer's body, none where it is a place in the head; `None` where that cannot be said.
    #[must_use]
    pub fn find<'t>(&self, tree: &'t Json) -> Option<Vec<&'t Json>> {
        match self {
            Self::Body(text) => {
                let query = parse_json_path(text).ok()?;
                let mut found = Vec::new();
                follow(&query, tree, &mut |value| found.push(value));
                Some(found)
            }
            Self::Header(_) => Some(Vec::new()),
        }
    }
}

/// Reads an answer's JSON with at most so many values, as strictly as a request's: what two parsers could read differently is
/// `None`, as is what is no JSON.
#[must_use]
pub fn read_answer(body: &[u8], nodes: usize) -> Option<Json> {
    let mut memory = OwnMemory;
    let mut room = Room::new(nodes, body.len(), &mut memory);
    Tree::read(body, &mut room).ok().map(Json::from)
}

impl AnswerParams {
    /// Compiles names and places.
    pub(crate) fn new(places: Vec<(Arc<str>, AnswerPlace)>) -> Self {
        let mut paths = Paths::default();
        let mut names = Vec::new();
        for (name, place) in places {
            let source = match place {
                // It has been parsed before.
                AnswerPlace::Body(text) => paths.intern(&text).ok().map(Source::Body),
                AnswerPlace::Header(name) => Some(Source::Header(name)),
            };
            names.extend(source.map(|source| (name, source)));
        }
        let ids = names.iter().filter_map(|(_, source)| match source {
            Source::Body(path) => Some(*path),
            Source::Header(_) => None,
        });
        let plan = Plan::new(ids.collect::<Vec<_>>(), &paths, Keys::Dropped);
        Self { names, plan }
    }

    /// Returns whether nothing is taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns whether the body is looked at.
    pub(crate) fn reads_body(&self) -> bool {
        !self.plan.is_empty()
    }

    /// Takes what an answer has.
    pub(crate) fn read(&self, headers: &HeaderMap, body: &[u8]) -> Parameters {
        let mut memory = OwnMemory;
        let mut room = Room::new(DEFAULT_NODE_LIMIT, body.len(), &mut memory);
        let fields = Fields::read(body, &self.plan, &mut room).ok();
        let mut params = Parameters::new();
        for (name, source) in &self.names {
            let value = match source {
                Source::Body(path) => {
                    let slot = fields.as_ref().and_then(|fields| fields.get(*path));
                    slot.and_then(value_of)
                }
                Source::Header(name) => {
                    let text = headers.get(name).and_then(|value| value.to_str().ok());
                    text.map(Value::text)
                }
            };
            let Some(value) = value else { continue };
            params.set(Parameter {
                name: Arc::clone(name),
                value,
                secret: false,
            });
        }
        params
    }
}

fn value_of(slot: &Slot) -> Option<Value> {
    match slot.values.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(Value::list(many.to_vec())),
    }
}
