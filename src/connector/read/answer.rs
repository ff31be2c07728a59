//! Takes out of an upstream's answer what lies in the places that a route names.
//!
//! INVARIANT: nothing here refuses: what is recorded of an answer that cannot be read is nothing.

use std::sync::Arc;

use http::HeaderMap;
use jsonpath_rust::parser::parse_json_path;
use serde_json::Value as Json;

use crate::connector::lookup::candidates::DEFAULT_NODE_LIMIT;
use crate::connector::model::answer::{AnswerParams, AnswerPlace, AnswerSource};
use crate::connector::read::json::follow::follow;
use crate::connector::read::json::tree::Tree;
use crate::connector::read::json::{Fields, Slot};
use crate::connector::read::room::{OwnMemory, Room};
use crate::model::action::{Parameter, Parameters};
use crate::model::value::Value;

impl AnswerPlace {
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
    /// Takes what an answer has.
    pub(crate) fn read(&self, headers: &HeaderMap, body: &[u8]) -> Parameters {
        let mut memory = OwnMemory;
        let mut room = Room::new(DEFAULT_NODE_LIMIT, body.len(), &mut memory);
        let fields = Fields::read(body, &self.plan, &mut room).ok();
        let mut params = Parameters::new();
        for (name, source) in &self.names {
            let value = match source {
                AnswerSource::Body(path) => {
                    let slot = fields.as_ref().and_then(|fields| fields.get(*path));
                    slot.and_then(value_of)
                }
                AnswerSource::Header(name) => {
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
