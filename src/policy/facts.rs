//! Declares what an expression can read of a request: names and types at load, values when the request is judged.

use std::collections::BTreeMap;

use super::Facts;
use crate::expression::{Datum, Environment, Record, Scope, Type};
use crate::model::media_type;
use crate::model::target::Host;
use crate::model::value::ValueType;
use crate::model::vocabulary::ParamShape;

/// Returns the names and types for an action with these parameters.
pub(crate) fn environment<'a>(
    action: &str,
    params: impl IntoIterator<Item = (&'a String, &'a ParamShape)>,
) -> Environment {
    let record = |root: &str, fields: &[(&str, Type)]| {
        let fields = fields
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), kind.clone()));
        Record::of(format!("a field of `{root}`"), fields)
    };
    let text = |name| (name, Type::Text);
    let action_fields = [
        "type",
        "connector",
        "resource",
        "verb",
        "name",
        "method",
        "host",
        "path",
    ]
    .map(text)
    .into_iter();
    let action_fields: Vec<_> = action_fields.chain([("risk", Type::Risk)]).collect();
    let request = [
        ("query", Type::Query),
        text("content_type"),
        ("body_bytes", Type::Int),
        ("time", Type::Time),
    ];
    let params: Vec<_> = params.into_iter().collect();
    let optional = params.iter().filter(|(_, shape)| shape.optional);
    let optional = optional.map(|(name, _)| (*name).clone()).collect();
    let params = params
        .into_iter()
        .map(|(name, shape)| (name.clone(), type_of(shape)));
    Environment::default()
        .with(
            "agent",
            record("agent", &[text("name"), ("labels", Type::Labels)]),
        )
        .with("action", record("action", &action_fields))
        .with("request", record("request", &request))
        .with("credential", record("credential", &[text("id")]))
        .with(
            "params",
            Record::with_optional(format!("a parameter of `{action}`"), params, optional),
        )
}

fn type_of(shape: &ParamShape) -> Type {
    let one = match shape.value_type {
        Some(ValueType::String) => Type::Text,
        Some(ValueType::Int) => Type::Int,
        Some(ValueType::Number) => Type::Number,
        Some(ValueType::Bool) => Type::Bool,
        None => Type::Any,
    };
    if shape.list {
        Type::List(Box::new(one))
    } else {
        one
    }
}

/// The facts as an expression reads them.
#[derive(Debug)]
pub(crate) struct Judged<'a>(pub(crate) &'a Facts<'a>);

impl Scope for Judged<'_> {
    fn read(&self, root: &str, field: &str) -> Option<Datum<'_>> {
        match root {
            "params" => self.0.action.params.get(field).map(Datum::Value),
            "action" => self.action(field),
            "agent" => match field {
                "name" => Some(Datum::Text(self.0.agent.name.as_str().into())),
                "labels" => Some(Datum::Labels(&self.0.agent.labels)),
                _ => None,
            },
            "request" => match field {
                "query" => Some(Datum::Query(&self.0.target.query)),
                "content_type" => Some(Datum::Text(media_type::essence(self.0.content_type))),
                "body_bytes" => self
                    .0
                    .body_bytes
                    .and_then(|bytes| i64::try_from(bytes).ok())
                    .map(Datum::Int),
                "time" => Some(Datum::Time(self.0.time)),
                _ => None,
            },
            "credential" if field == "id" => Some(Datum::Text(
                self.0
                    .credential
                    .map_or("", |credential| credential.as_str())
                    .into(),
            )),
            _ => None,
        }
    }
}

impl Judged<'_> {
    fn action(&self, field: &str) -> Option<Datum<'_>> {
        let Facts { action, target, .. } = self.0;
        let text = match field {
            "type" | "name" => action.name.as_str().into(),
            "connector" => action.name.connector().into(),
            "resource" => action.name.resource().into(),
            "verb" => action.name.verb().into(),
            "method" => target.method.as_str().into(),
            "path" => target.path.decoded(),
            "host" => match &target.authority.host {
                Host::Name(name) => (&**name).into(),
                Host::Ip(_) => target.authority.host.to_string().into(),
            },
            "risk" => return Some(Datum::Risk(action.risk)),
            _ => return None,
        };
        Some(Datum::Text(text))
    }
}

/// Keeps those parameters of an action that an expression names, so that actions alike are checked once.
pub(crate) fn named<'a>(
    params: &'a BTreeMap<String, ParamShape>,
    fields: &std::collections::BTreeSet<String>,
) -> BTreeMap<&'a String, &'a ParamShape> {
    params
        .iter()
        .filter(|(name, _)| fields.contains(*name))
        .collect()
}
