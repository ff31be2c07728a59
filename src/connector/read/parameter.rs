//! Reads a parameter in a request.
//!
//! INVARIANT: nothing is truncated or guessed: a value that does not fit refuses the request, an over-long one is `Oversize`.

use crate::connector::model::parameter::{Fold, Origin, Param};
use crate::connector::read::names::Named;
use crate::connector::read::request::Request;
use crate::connector::read::unreadable::{Unreadable, ambiguous, form};
use crate::model::value::{MAX_LIST, Value, ValueType};

/// What one origin says.
#[derive(Debug, PartialEq)]
struct Found {
    values: Vec<Value>,
    /// How many there were, at least as many as `values`.
    count: usize,
}

impl Param {
    /// Returns the value, or `None` where the request does not have it.
    pub(crate) fn read(&self, request: &Request<'_>) -> Result<Option<Value>, Unreadable> {
        // What every path is made of is one value in one place.
        if let ([Origin::Captured(name)], false) = (&*self.origins, self.list)
            && let Some(text) = request.captured(name)
        {
            return self.typed_text(text).map(Some);
        }
        let mut found: Option<Found> = None;
        let mut misfit = false;
        for origin in &self.origins {
            let Some(next) = self.read_origin(origin, request, &mut misfit)? else {
                continue;
            };
            found = Some(match found {
                Some(known) if known != next && known.count > 0 && next.count > 0 => {
                    return Err(ambiguous(format!(
                        "`{}` is in two places that differ",
                        self.name
                    )));
                }
                Some(known) if next.count == 0 => known,
                _ => next,
            });
        }
        match found {
            Some(found) => self.finish(found).map(Some),
            None if misfit => Err(self.misfit("another kind of value than the connector reads")),
            None if self.required => Err(form(format!("`{}` is missing", self.name))),
            None => Ok(None),
        }
    }

    fn read_origin(
        &self,
        origin: &Origin,
        request: &Request<'_>,
        misfit: &mut bool,
    ) -> Result<Option<Found>, Unreadable> {
        let read;
        let text = match origin {
            Origin::Captured(name) => request.captured(name),
            Origin::Native(source) => {
                read = source.read(request)?;
                read.as_deref()
            }
            Origin::Header(name) => request.header(name)?,
            Origin::Query(name) => return self.named(&request.query(name)?, misfit),
            Origin::Form(name) => return self.named(&request.form(name)?, misfit),
            Origin::Fact(field) => {
                let value = request
                    .operation
                    .and_then(|operation| operation.get(*field));
                return value.map(|value| self.said(value)).transpose();
            }
            Origin::Body(path) => {
                let fields = request.body.fields();
                let Some(slot) = fields.and_then(|fields| fields.get(*path)) else {
                    return Ok(None);
                };
                *misfit |= slot.misfit;
                if slot.count == 0 && (slot.misfit || !slot.reached) {
                    return Ok(None);
                }
                // One item that cannot be read would be missing from the list that is judged.
                if slot.misfit && slot.count > 0 {
                    return Err(self.misfit("values of different kinds"));
                }
                let values = slot
                    .values
                    .iter()
                    .map(|value| self.typed(value))
                    .collect::<Result<_, _>>()?;
                return Ok(Some(Found {
                    values,
                    count: slot.count,
                }));
            }
        };
        let Some(text) = text else { return Ok(None) };
        Ok(Some(Found {
            values: vec![self.typed_text(text)?],
            count: 1,
        }))
    }

    /// Takes what a part says of itself; lists come as one value.
    fn said(&self, value: &Value) -> Result<Found, Unreadable> {
        let items = match value {
            Value::List(items) => items.to_vec(),
            other => vec![other.clone()],
        };
        let values = items.iter().map(|item| self.typed(item));
        Ok(Found {
            count: items.len(),
            values: values.collect::<Result<_, _>>()?,
        })
    }

    fn named(&self, named: &Named<'_>, misfit: &mut bool) -> Result<Option<Found>, Unreadable> {
        *misfit |= named.misfit;
        if named.misfit && named.count > 0 {
            return Err(self.misfit("values of different kinds"));
        }
        let texts = named.values.iter().take(MAX_LIST);
        let values = texts
            .map(|text| self.typed_text(text))
            .collect::<Result<_, _>>()?;
        let count = named.count;
        Ok((count > 0).then_some(Found { values, count }))
    }

    /// Brings a text of path, query, form or header into the parameter's type; only the shortest spelling of a number is read.
    fn typed_text(&self, text: &str) -> Result<Value, Unreadable> {
        let value = match self.value_type {
            None | Some(ValueType::String) => return self.spelled(Value::text(text), Some(text)),
            Some(ValueType::Int) => text
                .parse::<i64>()
                .ok()
                .filter(|number| number.to_string() == text)
                .map(Value::Int),
            Some(ValueType::Number) => {
                let number: Option<serde_json::Number> = serde_json::from_str(text).ok();
                number.and_then(|number| match number.as_i64() {
                    Some(whole) => exact_float(whole),
                    None => number
                        .as_f64()
                        .filter(|number| number.abs() < TOO_LARGE)
                        .map(Value::Number),
                })
            }
            Some(ValueType::Bool) => text.parse::<bool>().ok().map(Value::Bool),
        };
        value.ok_or_else(|| self.wrong_type())
    }

    pub(crate) fn typed(&self, value: &Value) -> Result<Value, Unreadable> {
        match (self.value_type, value) {
            (None, value) => Ok(value.clone()),
            (Some(ValueType::String), Value::Text(text)) => self.spelled(value.clone(), Some(text)),
            (Some(ValueType::String), Value::Oversize(_)) => Ok(value.clone()),
            (Some(ValueType::Int), Value::Int(_))
            | (Some(ValueType::Number), Value::Number(_))
            | (Some(ValueType::Bool), Value::Bool(_)) => Ok(value.clone()),
            (Some(ValueType::Number), Value::Int(number)) => {
                exact_float(*number).ok_or_else(|| self.wrong_type())
            }
            (Some(_), _) => Err(self.wrong_type()),
        }
    }

    fn spelled(&self, value: Value, text: Option<&str>) -> Result<Value, Unreadable> {
        let (Value::Text(_), Some(text)) = (&value, text) else {
            return Ok(value);
        };
        // The pattern is for what is sent, and folding never makes one letter of another: the Kelvin sign is not a `k`.
        if let Some(pattern) = self.pattern.as_ref().filter(|one| !one.is_match(text)) {
            // The anchors are put around what the file says.
            let shown = pattern.as_str();
            let shown = shown.strip_prefix(r"\A(?:").unwrap_or(shown);
            let shown = shown.strip_suffix(r")\z").unwrap_or(shown);
            return Err(form(format!(
                "`{}` is not written as this API's {} is, which matches `{shown}`",
                self.name, self.name
            )));
        }
        Ok(match self.fold {
            None => value,
            Some(Fold::Lower) => Value::text(&text.to_ascii_lowercase()),
            Some(Fold::Upper) => Value::text(&text.to_ascii_uppercase()),
        })
    }

    /// Returns whether a text is one of its values.
    pub(crate) fn accepts(&self, text: &str) -> bool {
        self.typed_text(text).is_ok()
    }

    fn finish(&self, found: Found) -> Result<Value, Unreadable> {
        if self.list {
            let whole = found.count == found.values.len();
            let good = whole
                && !found
                    .values
                    .iter()
                    .any(|value| matches!(value, Value::Oversize(_)));
            return Ok(if good {
                Value::list(found.values)
            } else {
                Value::Oversize(found.count)
            });
        }
        let mut values = found.values.into_iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(self.misfit("several values where one is read")),
        }
    }

    fn wrong_type(&self) -> Unreadable {
        let wanted = self
            .value_type
            .map_or_else(|| "value".to_owned(), |wanted| wanted.to_string());
        form(format!("`{}` is not a {wanted}", self.name))
    }

    fn misfit(&self, what: &str) -> Unreadable {
        form(format!("the request has {what} at `{}`", self.name))
    }
}

/// 2 to the power of 63: at and above it, integers are outside `i64`.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

/// Numbers with more than 53 bits have no exact float.
fn exact_float(number: i64) -> Option<Value> {
    const LARGEST: u64 = 1 << 53;
    #[expect(
        clippy::cast_precision_loss,
        reason = "at most 53 bits, as just checked"
    )]
    (number.unsigned_abs() <= LARGEST).then_some(Value::Number(number as f64))
}
