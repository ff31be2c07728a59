//! Arguments: values of a document and the variables of its request in, one JSON tree out.
//!
//! INVARIANT: a variable that is put in many places counts in each of them against the values that a body may have.

use std::borrow::Cow;
use std::collections::HashMap;

use apollo_parser::cst;
use serde_json::{Map, Value as Json};

use super::envelope::refuse;
use crate::connector::Unreadable;

/// The variables that one operation declares, with what the request gives them.
#[derive(Debug)]
pub(super) struct Variables<'v> {
    /// `None` for one that is neither given nor has a default.
    values: HashMap<String, Option<Cow<'v, Json>>>,
}

impl<'v> Variables<'v> {
    pub(super) fn new(
        operation: &cst::OperationDefinition,
        given: &'v Map<String, Json>,
        nodes_left: &mut usize,
    ) -> Result<Self, Unreadable> {
        let mut declared = Self {
            values: HashMap::new(),
        };
        let definitions = operation.variable_definitions();
        for definition in definitions
            .iter()
            .flat_map(cst::VariableDefinitions::variable_definitions)
        {
            let name = definition.variable().and_then(|variable| variable.name());
            let name = name.map(|name| name.text().to_string());
            let name = name.ok_or_else(|| refuse("a variable has no name"))?;
            let default = definition
                .default_value()
                .and_then(|default| default.value());
            let value = match (given.get(&name), default) {
                (Some(value), _) => Some(Cow::Borrowed(value)),
                // A default is a constant: there is nothing in it to look up.
                (None, Some(default)) => {
                    Some(Cow::Owned(Self::none().value(&default, nodes_left)?))
                }
                (None, None) => None,
            };
            if declared.values.insert(name, value).is_some() {
                return Err(refuse("a variable is declared twice"));
            }
        }
        Ok(declared)
    }

    fn none() -> Self {
        Self {
            values: HashMap::new(),
        }
    }

    /// Returns a field's arguments as an object.
    pub(super) fn arguments(
        &self,
        arguments: Option<&cst::Arguments>,
        nodes_left: &mut usize,
    ) -> Result<Json, Unreadable> {
        let arguments = arguments.into_iter().flat_map(cst::Arguments::arguments);
        let pairs = arguments.map(|argument| (argument.name(), argument.value()));
        self.object(pairs, nodes_left)
    }

    fn object(
        &self,
        pairs: impl Iterator<Item = (Option<cst::Name>, Option<cst::Value>)>,
        nodes_left: &mut usize,
    ) -> Result<Json, Unreadable> {
        let mut object = Map::new();
        for pair in pairs {
            let (Some(name), Some(value)) = pair else {
                return Err(refuse("an argument has no value"));
            };
            let value = self.value(&value, nodes_left)?;
            if object.insert(name.text().to_string(), value).is_some() {
                return Err(refuse("an argument is given twice"));
            }
        }
        Ok(Json::Object(object))
    }

    fn value(&self, value: &cst::Value, nodes_left: &mut usize) -> Result<Json, Unreadable> {
        take(nodes_left)?;
        Ok(match value {
            cst::Value::Variable(variable) => return self.variable(variable, nodes_left),
            cst::Value::StringValue(text) => Json::from(String::from(text)),
            cst::Value::BooleanValue(truth) => Json::from(truth.true_token().is_some()),
            cst::Value::NullValue(_) => Json::Null,
            cst::Value::EnumValue(name) => {
                Json::from(name.name().map(|name| name.text().to_string()))
            }
            cst::Value::IntValue(number) => {
                let text = number.int_token().map(|token| token.text().to_owned());
                let number = text.and_then(|text| text.parse::<i64>().ok());
                Json::from(
                    number.ok_or_else(|| refuse("an argument is an integer outside 64 bits"))?,
                )
            }
            cst::Value::FloatValue(number) => {
                let number = f64::try_from(number)
                    .ok()
                    .filter(|number| number.is_finite());
                Json::from(number.ok_or_else(|| refuse("an argument is a number outside 64 bits"))?)
            }
            cst::Value::ListValue(list) => {
                let items = list.values().map(|item| self.value(&item, nodes_left));
                Json::Array(items.collect::<Result<_, _>>()?)
            }
            cst::Value::ObjectValue(object) => {
                let fields = object.object_fields();
                let pairs = fields.map(|field| (field.name(), field.value()));
                return self.object(pairs, nodes_left);
            }
        })
    }

    fn variable(
        &self,
        variable: &cst::Variable,
        nodes_left: &mut usize,
    ) -> Result<Json, Unreadable> {
        let name = variable.name().map(|name| name.text().to_string());
        let value = name.as_ref().and_then(|name| self.values.get(name));
        let value =
            value.ok_or_else(|| refuse("the GraphQL document uses an undeclared variable"))?;
        let Some(value) = value else {
            return Ok(Json::Null);
        };
        count(value, nodes_left)?;
        Ok(value.clone().into_owned())
    }
}

/// Counts what a copy costs, before it is made.
fn count(value: &Json, nodes_left: &mut usize) -> Result<(), Unreadable> {
    take(nodes_left)?;
    match value {
        Json::Array(items) => items.iter().try_for_each(|item| count(item, nodes_left)),
        Json::Object(entries) => entries
            .values()
            .try_for_each(|item| count(item, nodes_left)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
    }
}

fn take(nodes_left: &mut usize) -> Result<(), Unreadable> {
    *nodes_left = nodes_left
        .checked_sub(1)
        .ok_or_else(|| refuse("the request has more values than the gateway reads"))?;
    Ok(())
}
