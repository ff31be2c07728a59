//! Tests values against literals: the one evaluator behind policy conditions that need no CEL, and behind a connector's `when`.
//!
//! INVARIANT: a value that is there means the same to both. They differ only in [`Unanswered`].

use std::cmp::Ordering;

use regex::Regex;

use super::scope::Datum;
use crate::model::action::Risk;
use crate::model::value::Value;

/// Tests joined by `&&`, `||` and `!`; an `N` names a value.
#[derive(Debug)]
pub enum Predicate<N> {
    /// Every one of them holds.
    All(Vec<Self>),
    /// At least one holds.
    Any(Vec<Self>),
    /// It does not hold, as in `!params.draft`.
    Not(Box<Self>),
    /// A test of a value, as in `request.body_bytes > 5`.
    Test(N, Test),
    /// There is a value, as in `has(params.a)`.
    Has(N),
}

/// A test of one value.
#[derive(Debug)]
pub enum Test {
    /// The value compares so with a text, number or bool, as in `params.count <= 5`.
    Compares(Order, Value),
    /// The value is equal to one of these, as in `params.a in ["b", "c"]`.
    OneOf(Vec<Value>),
    /// A list, a map's keys or a query's names hold this text, as in `"bug" in params.labels`.
    Holding(Box<str>),
    /// The risk compares so, as in `action.risk >= risk("high")`.
    Risk(Order, Risk),
    /// The text begins with this one.
    StartsWith(Box<str>),
    /// The text ends with this one.
    EndsWith(Box<str>),
    /// The text has this one in it.
    Contains(Box<str>),
    /// The text matches a pattern, which a glob is compiled to as well.
    Matches(Regex),
}

/// How a value must stand to a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It is equal, `==`.
    Equal,
    /// It is less, `<`.
    Less,
    /// It is not greater, `<=`.
    LessOrEqual,
    /// It is greater, `>`.
    Greater,
    /// It is not less, `>=`.
    GreaterOrEqual,
}

/// What a test means whose value is absent, over a limit, or of a type that its literal is not compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// The predicate stays open: its caller asks CEL, which fails and says why.
    StaysOpen,
    /// The test does not hold: its caller has looked for absent values, and refused other types, before.
    DoesNotHold,
}

/// The values that a predicate is evaluated over.
pub trait Values<N> {
    /// What a test means that these values do not answer.
    const UNANSWERED: Unanswered;

    /// Returns a value; `None` where it is absent.
    fn read<'v>(&'v self, name: &'v N) -> Option<Datum<'v>>;
}

impl<N> Predicate<N> {
    /// Returns whether it holds; `None` where it stays open.
    pub fn evaluate<V: Values<N>>(&self, values: &V) -> Option<bool> {
        match self {
            Self::All(parts) => {
                for part in parts {
                    if !part.evaluate(values)? {
                        return Some(false);
                    }
                }
                Some(true)
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.evaluate(values)? {
                        return Some(true);
                    }
                }
                Some(false)
            }
            Self::Not(part) => part.evaluate(values).map(|truth| !truth),
            Self::Test(name, test) => {
                let answer = values.read(name).and_then(|value| test.answer(&value));
                match V::UNANSWERED {
                    Unanswered::StaysOpen => answer,
                    Unanswered::DoesNotHold => Some(answer.unwrap_or(false)),
                }
            }
            Self::Has(name) => Some(values.read(name).is_some()),
        }
    }
}

impl Test {
    /// Returns whether it holds of a value; `None` where it is not a test of such a value.
    fn answer(&self, value: &Datum<'_>) -> Option<bool> {
        Some(match self {
            Self::Compares(order, literal) => order.admits(compare(value, literal)?),
            Self::OneOf(literals) => return one_of(value, literals),
            Self::Holding(text) => match value {
                Datum::Labels(labels) => labels.contains_key(&**text),
                Datum::Query(query) => query.all(text).next().is_some(),
                Datum::Value(Value::List(items)) => {
                    let items: Option<Vec<_>> = items.iter().map(Value::as_text).collect();
                    items?.contains(&&**text)
                }
                _ => return None,
            },
            Self::Risk(order, risk) => match value {
                Datum::Risk(value) => order.admits(value.cmp(risk)),
                _ => return None,
            },
            Self::StartsWith(text) => text_of(value)?.starts_with(&**text),
            Self::EndsWith(text) => text_of(value)?.ends_with(&**text),
            Self::Contains(text) => text_of(value)?.contains(&**text),
            Self::Matches(pattern) => pattern.is_match(text_of(value)?),
        })
    }
}

impl Order {
    /// Parses an operator as it is written; `!=` is `==` negated.
    #[must_use]
    pub fn parse(operator: &str) -> Option<Self> {
        Some(match operator {
            "==" => Self::Equal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// Says the same of the literal on the left.
    #[must_use]
    pub fn turned(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    fn admits(self, found: Ordering) -> bool {
        match self {
            Self::Equal => found.is_eq(),
            Self::Less => found.is_lt(),
            Self::LessOrEqual => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterOrEqual => found.is_ge(),
        }
    }
}

/// A literal that is equal decides; else one of another type leaves it open.
fn one_of(value: &Datum<'_>, literals: &[Value]) -> Option<bool> {
    let mut open = !is_single(value);
    for literal in literals {
        match compare(value, literal) {
            Some(Ordering::Equal) => return Some(true),
            Some(Ordering::Less | Ordering::Greater) => {}
            None => open = true,
        }
    }
    (!open).then_some(false)
}

fn is_single(value: &Datum<'_>) -> bool {
    match value {
        Datum::Bool(_) | Datum::Int(_) | Datum::Text(_) => true,
        Datum::Value(value) => !matches!(value, Value::List(_) | Value::Oversize(_)),
        Datum::Risk(_) | Datum::Time(_) | Datum::Labels(_) | Datum::Query(_) => false,
    }
}

/// Orders a value against a literal; `None` for two types. Numbers are one type, compared as floats where one of them is.
fn compare(value: &Datum<'_>, literal: &Value) -> Option<Ordering> {
    let text = text_of(value).zip(literal.as_text());
    if let Some((text, literal)) = text {
        return Some(text.cmp(literal));
    }
    let value = match value {
        Datum::Bool(truth) => &Value::Bool(*truth),
        Datum::Int(number) => &Value::Int(*number),
        Datum::Value(value) => *value,
        _ => return None,
    };
    match (value, literal) {
        (Value::Bool(one), Value::Bool(two)) => Some(one.cmp(two)),
        (Value::Int(one), Value::Int(two)) => Some(one.cmp(two)),
        (Value::Number(one), Value::Number(two)) => one.partial_cmp(two),
        (Value::Int(one), Value::Number(two)) => as_float(*one).partial_cmp(two),
        (Value::Number(one), Value::Int(two)) => one.partial_cmp(&as_float(*two)),
        _ => None,
    }
}

fn text_of<'v>(value: &'v Datum<'_>) -> Option<&'v str> {
    match value {
        Datum::Text(text) => Some(text),
        Datum::Value(value) => value.as_text(),
        _ => None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "CEL compares an integer with a float so; a literal with a fraction has no more digits than a float"
)]
fn as_float(number: i64) -> f64 {
    number as f64
}
