//! Evaluates a route's `when` on a request.
//!
//! INVARIANT: a value of a type that no literal has refuses the request; it never makes a condition false.

use std::cmp::Ordering;

use crate::connector::model::body_path::PathId;
use crate::connector::model::condition::{Condition, Operator, Read, Subject, Test};
use crate::connector::read::names::Named;
use crate::connector::read::request::Request;
use crate::connector::read::unreadable::{Unreadable, form};
use crate::model::value::Value;

impl Condition {
    /// Returns whether it holds.
    pub(crate) fn holds(&self, request: &Request<'_>) -> Result<bool, Unreadable> {
        let mut values = Vec::with_capacity(self.reads.len());
        let mut complete = true;
        // Every path is read before anything is judged, so that the order of `||` cannot hide an unreadable one.
        for read in &self.reads {
            let value = read.value(request)?;
            complete &= value.is_some();
            values.push(value);
        }
        let truth = self.test.run(request, &values)?;
        Ok(complete && truth)
    }
}

impl Read {
    fn value(&self, request: &Request<'_>) -> Result<Option<Value>, Unreadable> {
        let Some(value) = self.subject.value(request)? else {
            return Ok(None);
        };
        let fits = match &value {
            Value::Text(_) => self.kinds.text,
            Value::Int(_) => self.kinds.int || self.kinds.number,
            Value::Number(_) => self.kinds.number,
            Value::Bool(_) => self.kinds.truth,
            // Longer than any literal, but it is a text and thus simply another one.
            Value::Oversize(_) => self.kinds.text,
            Value::List(_) => false,
        };
        if fits {
            Ok(Some(value))
        } else {
            Err(self.misfit())
        }
    }

    fn misfit(&self) -> Unreadable {
        form(format!(
            "`{}` has a type that the connector does not read there",
            self.text
        ))
    }
}

impl Subject {
    fn value(&self, request: &Request<'_>) -> Result<Option<Value>, Unreadable> {
        let text = match self {
            Self::Body(path) => return body_value(*path, request),
            Self::Fact(field) => {
                return Ok(request
                    .operation
                    .and_then(|operation| operation.get(*field))
                    .cloned());
            }
            Self::Query(name) => named(&request.query(name)?)?,
            Self::Form(name) => named(&request.form(name)?)?,
            Self::Header(name) => request.header(name)?,
            Self::Captured(name) => request.captured(name),
            Self::Method => Some(request.method.as_str()),
        };
        Ok(text.map(Value::text))
    }
}

/// Conditions name single values only.
fn named<'a>(named: &Named<'a>) -> Result<Option<&'a str>, Unreadable> {
    if named.misfit {
        return Err(form(
            "the request has another kind of value where the connector reads one".to_owned(),
        ));
    }
    Ok(named.values.first().copied())
}

fn body_value(path: PathId, request: &Request<'_>) -> Result<Option<Value>, Unreadable> {
    let fields = request.body.fields();
    let Some(slot) = fields.and_then(|fields| fields.get(path)) else {
        return Ok(None);
    };
    if slot.misfit {
        return Err(form(
            "the body has another kind of value where the connector reads one".to_owned(),
        ));
    }
    Ok(slot.values.first().cloned())
}

impl Test {
    fn run(&self, request: &Request<'_>, values: &[Option<Value>]) -> Result<bool, Unreadable> {
        match self {
            Self::All(tests) => {
                tests.iter().try_fold(
                    true,
                    |so_far, test| Ok(test.run(request, values)? && so_far),
                )
            }
            Self::Any(tests) => tests.iter().try_fold(false, |so_far, test| {
                Ok(test.run(request, values)? || so_far)
            }),
            Self::Has(subject) => Ok(subject.value(request)?.is_some()),
            Self::Lacks(subject) => Ok(subject.value(request)?.is_none()),
            Self::Lists(field, literals) => {
                let list = request
                    .operation
                    .and_then(|operation| operation.get(*field));
                match list {
                    Some(Value::List(items)) => {
                        Ok(literals.iter().any(|literal| items.contains(literal)))
                    }
                    // Too long to be judged: it may hold anything.
                    Some(_) => Err(form("a list of the request is too long".to_owned())),
                    None => Ok(false),
                }
            }
            Self::Compare(read, operator, literals) => {
                let value = values.get(*read).and_then(Option::as_ref);
                Ok(value.is_some_and(|value| operator.compare(value, literals)))
            }
        }
    }
}

impl Operator {
    fn compare(self, value: &Value, literals: &[Value]) -> bool {
        let orders = |wanted: &[Ordering]| {
            literals
                .iter()
                .any(|literal| order(value, literal).is_some_and(|order| wanted.contains(&order)))
        };
        match self {
            Self::Equal => orders(&[Ordering::Equal]),
            Self::Unequal => !orders(&[Ordering::Equal]),
            Self::Less => orders(&[Ordering::Less]),
            Self::LessOrEqual => orders(&[Ordering::Less, Ordering::Equal]),
            Self::Greater => orders(&[Ordering::Greater]),
            Self::GreaterOrEqual => orders(&[Ordering::Greater, Ordering::Equal]),
        }
    }
}

/// Orders two values of one type; `None` for two types, which are never equal.
fn order(value: &Value, literal: &Value) -> Option<Ordering> {
    match (value, literal) {
        (Value::Text(one), Value::Text(two)) => Some(one.cmp(two)),
        (Value::Bool(one), Value::Bool(two)) => Some(one.cmp(two)),
        (Value::Int(one), Value::Int(two)) => Some(one.cmp(two)),
        (Value::Number(one), Value::Number(two)) => one.partial_cmp(two),
        (Value::Int(one), Value::Number(two)) => as_float(*one).partial_cmp(two),
        (Value::Number(one), Value::Int(two)) => one.partial_cmp(&as_float(*two)),
        (
            Value::Text(_)
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Number(_)
            | Value::List(_)
            | Value::Oversize(_),
            _,
        ) => None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a literal with a fraction has no more digits than a float"
)]
fn as_float(number: i64) -> f64 {
    number as f64
}
