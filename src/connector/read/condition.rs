//! Evaluates a route's `when` on a request.
//!
//! INVARIANT: a value of a type that no literal has refuses the request; it never makes a condition false.

use crate::connector::model::body_path::PathId;
use crate::connector::model::condition::{Condition, Read, Subject};
use crate::connector::read::names::Named;
use crate::connector::read::request::Request;
use crate::connector::read::unreadable::{Unreadable, form};
use crate::expression::{Datum, Unanswered, Values};
use crate::model::value::Value;

/// What a condition reads, by the numbers of its reads.
struct ReadValues(Vec<Option<Value>>);

impl Values<usize> for ReadValues {
    const UNANSWERED: Unanswered = Unanswered::DoesNotHold;

    fn read<'v>(&'v self, at: &'v usize) -> Option<Datum<'v>> {
        let value = self.0.get(*at).and_then(Option::as_ref);
        value.map(Datum::Value)
    }
}

impl Condition {
    /// Returns whether it holds: everything that it compares is there, and its predicate says so.
    pub(crate) fn holds(&self, request: &Request<'_>) -> Result<bool, Unreadable> {
        let mut values = Vec::with_capacity(self.reads.len());
        let mut complete = true;
        // Every path is read before anything is judged, so that the order of `||` cannot hide an unreadable one.
        for read in &self.reads {
            let value = read.value(request)?;
            complete &= value.is_some() || !read.is_compared();
            values.push(value);
        }
        Ok(complete && self.predicate.evaluate(&ReadValues(values)) == Some(true))
    }
}

impl Read {
    fn value(&self, request: &Request<'_>) -> Result<Option<Value>, Unreadable> {
        if !self.is_compared() {
            return self.subject.presence(request);
        }
        let Some(value) = self.subject.value(request)? else {
            return Ok(None);
        };
        let fits = match &value {
            Value::Text(_) => self.kinds.text,
            Value::Int(_) => self.kinds.int || self.kinds.number,
            Value::Number(_) => self.kinds.number,
            Value::Bool(_) => self.kinds.truth,
            // Longer than any literal, but it is a text and thus simply another one. A list may hold anything.
            Value::Oversize(_) => self.kinds.text,
            Value::List(_) => self.kinds.list,
        };
        if fits {
            return Ok(Some(value));
        }
        let wrong = match value {
            Value::Oversize(_) => "is too long to be judged",
            _ => "has a type that the connector does not read there",
        };
        Err(form(format!("`{}` {wrong}", self.text)))
    }
}

impl Subject {
    /// Returns something where `has(…)` holds: a list or a container in a query or form is there as well as a text.
    fn presence(&self, request: &Request<'_>) -> Result<Option<Value>, Unreadable> {
        let named = match self {
            Self::Query(name) => request.query(name)?,
            Self::Form(name) => request.form(name)?,
            Self::Body(_)
            | Self::Fact(_)
            | Self::Header(_)
            | Self::Captured(_)
            | Self::Method
            | Self::Native(_) => {
                return self.value(request);
            }
        };
        let present = named.misfit || named.count > 0;
        Ok(present.then_some(Value::Bool(true)))
    }

    fn value(&self, request: &Request<'_>) -> Result<Option<Value>, Unreadable> {
        let text = match self {
            Self::Body(path) => return body_value(*path, request),
            Self::Native(label) => return label.0.read(request),
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
