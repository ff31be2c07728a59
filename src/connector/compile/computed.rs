//! Compiles a parameter that is computed: a CEL expression over the route's other parameters.

use std::collections::BTreeMap;

use crate::connector::model::parameter::{Origin, Param};
use crate::expression::{Environment, Program, ProgramDraft, Record, Type};
use crate::model::value::ValueType;
use crate::model::vocabulary::did_you_mean;

/// A problem in an expression, and what to do.
type Problem = (String, String);

/// Compiles an expression over these parameters; returns the type of its value too, where it has one.
pub(crate) fn compile(
    text: &str,
    params: &[Param],
) -> Result<(Program, Option<ValueType>), Problem> {
    let draft = ProgramDraft::parse(text).map_err(|error| {
        let help = error.help.clone().unwrap_or_default();
        (format!("`cel` is not an expression: {error}"), help)
    })?;
    let known = || params.iter().map(|param| &*param.name);
    for name in draft.fields_of("params") {
        if !known().any(|known| known == name) {
            let message = format!(
                "`params.{}` is not a parameter of the route",
                name.escape_debug()
            );
            return Err((message, did_you_mean(&name, known())));
        }
    }
    // Those that a request may lack are read inside `has` only.
    let there = params.iter().filter(|param| param.is_always_there());
    let fields: BTreeMap<String, Type> = there
        .map(|param| (param.name.to_string(), type_of(param)))
        .collect();
    let params = Record::of(
        "a parameter that every such request has; guard it by `has(…)`",
        fields,
    );
    let environment = Environment::default().with("params", params);
    let value_type = draft.check_value(&environment).map_err(|error| {
        let help = error.help.clone().unwrap_or_default();
        (format!("`cel` cannot be computed: {error}"), help)
    })?;
    let value_type = match value_type {
        Type::Bool => Some(ValueType::Bool),
        Type::Int => Some(ValueType::Int),
        Type::Double | Type::Number => Some(ValueType::Number),
        Type::Text => Some(ValueType::String),
        Type::Any => None,
        other => {
            let message =
                format!("`cel` is {other}, and a parameter is a string, a number or a bool");
            return Err((message, "compute one value".to_owned()));
        }
    };
    Ok((draft.finish(), value_type))
}

fn type_of(param: &Param) -> Type {
    let one = match param.value_type {
        Some(ValueType::String) => Type::Text,
        Some(ValueType::Int) => Type::Int,
        Some(ValueType::Number) => Type::Number,
        Some(ValueType::Bool) => Type::Bool,
        None => Type::Any,
    };
    if param.list {
        Type::List(Box::new(one))
    } else {
        one
    }
}

impl Param {
    /// Returns whether no request of the route is without it.
    fn is_always_there(&self) -> bool {
        let mut origins = self.origins.iter();
        self.required
            || self.computed.is_some()
            || origins.any(|origin| matches!(origin, Origin::Captured(_)))
    }
}
