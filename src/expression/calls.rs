//! Infers the type and size of what a function returns, and its cost in bytes touched.

mod methods;

use cel::common::ast::operators;

use super::functions::{MATCHES, WITHIN};
use super::tree::spelling;
use super::types::{Extent, Known, Type};

/// How a function was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallForm {
    /// `f(a, b)`, operators too.
    Function,
    /// `a.f(b)`; `a` is the first operand.
    Method,
}

/// Why nothing of that name can be called so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("unknown function `{0}`")]
    Unknown(String),
    #[error("there is no `{name}` for {operands}")]
    NotForThese { name: String, operands: String },
    #[error("nothing is `null` here: a parameter that a request leaves out is absent, see `has`")]
    Null,
    #[error("`{name}` compares {left} with {right}")]
    Mixed {
        name: String,
        left: String,
        right: String,
    },
    #[error("{0} has no order")]
    NoOrder(String),
    #[error("`in` looks for {item} in a list of {kind}")]
    NotInSuchList { item: String, kind: String },
    #[error("`in` needs a list on its right, not {0}")]
    NotAList(String),
}

type CallResult = Result<(Known, u64), CallError>;

/// Answers for everything an expression may call; anything else is an error.
pub(crate) fn call(name: &str, form: CallForm, operands: &[Known]) -> CallResult {
    let found = match (name, operands) {
        (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, [truth])
            if truth.value_type.fits(&Type::Bool) =>
        {
            Some((Known::scalar(Type::Bool), 0))
        }
        (operators::NEGATE, [number]) if number.value_type.is_number() => Some((number.clone(), 0)),
        (operators::EQUALS | operators::NOT_EQUALS, [left, right]) => {
            return equality(name, left, right);
        }
        (
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS,
            [left, right],
        ) => {
            return order(name, left, right);
        }
        (operators::IN, [item, owner]) => return membership(item, owner),
        (operators::ADD, [left, right]) => sum(left, right),
        (
            operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO,
            [left, right],
        ) => arithmetic(name, left, right),
        (operators::INDEX, [list, at]) => index(list, at),
        (MATCHES, [text, _]) if text.value_type.fits(&Type::Text) => Some((
            Known::scalar(Type::Bool),
            text.extent.bytes.saturating_mul(4),
        )),
        (WITHIN, [text, _]) if text.value_type.fits(&Type::Text) => {
            Some((Known::scalar(Type::Bool), text.extent.bytes))
        }
        ("size", [whole]) => matches!(
            whole.value_type,
            Type::Text | Type::List(_) | Type::Query | Type::Any
        )
        .then(|| (Known::scalar(Type::Int), whole.extent.bytes)),
        (name, [value]) if form == CallForm::Function => conversion(name, value),
        (name, [text, rest @ ..]) if form == CallForm::Method => {
            methods::of_text(name, text, rest).or_else(|| methods::of_time(name, text, rest))
        }
        _ => None,
    };
    found.ok_or_else(|| {
        let types: Vec<_> = operands
            .iter()
            .map(|operand| operand.value_type.to_string())
            .collect();
        match types.as_slice() {
            [] => CallError::Unknown(spelling(name).to_owned()),
            _ => CallError::NotForThese {
                name: spelling(name).to_owned(),
                operands: types.join(" and "),
            },
        }
    })
}

fn mixed(name: &str, left: &Known, right: &Known) -> CallError {
    if left.value_type == Type::Null || right.value_type == Type::Null {
        return CallError::Null;
    }
    CallError::Mixed {
        name: spelling(name).to_owned(),
        left: left.value_type.to_string(),
        right: right.value_type.to_string(),
    }
}

fn equality(name: &str, left: &Known, right: &Known) -> CallResult {
    if !left.value_type.comparable(&right.value_type) {
        return Err(mixed(name, left, right));
    }
    Ok((
        Known::scalar(Type::Bool),
        left.extent.bytes.min(right.extent.bytes),
    ))
}

fn order(name: &str, left: &Known, right: &Known) -> CallResult {
    if !left.value_type.comparable(&right.value_type) {
        return Err(mixed(name, left, right));
    }
    if !left.value_type.ordered() || !right.value_type.ordered() {
        return Err(CallError::NoOrder(left.value_type.to_string()));
    }
    Ok((
        Known::scalar(Type::Bool),
        left.extent.bytes.min(right.extent.bytes),
    ))
}

fn membership(item: &Known, owner: &Known) -> CallResult {
    let bool = Known::scalar(Type::Bool);
    match &owner.value_type {
        Type::List(kind) if kind.comparable(&item.value_type) => {
            let each = owner.extent.each.min(item.extent.bytes).saturating_add(32);
            Ok((bool, owner.extent.items.saturating_mul(each)))
        }
        Type::List(kind) => Err(CallError::NotInSuchList {
            item: item.value_type.to_string(),
            kind: kind.to_string(),
        }),
        Type::Labels | Type::Query | Type::Record(_) if item.value_type.fits(&Type::Text) => {
            Ok((bool, item.extent.bytes))
        }
        Type::Any => Ok((bool, owner.extent.bytes)),
        other => Err(CallError::NotAList(other.to_string())),
    }
}

fn sum(left: &Known, right: &Known) -> Option<(Known, u64)> {
    let extent = left.extent.plus(right.extent);
    match (&left.value_type, &right.value_type) {
        (Type::Text, Type::Text) => Some((
            Known {
                value_type: Type::Text,
                extent,
            },
            extent.bytes,
        )),
        (Type::List(one), Type::List(other)) if one.fits(other) => {
            let value_type = if **one == Type::Any {
                &right.value_type
            } else {
                &left.value_type
            };
            Some((
                Known {
                    value_type: value_type.clone(),
                    extent,
                },
                extent.bytes,
            ))
        }
        (Type::Time, Type::Duration) | (Type::Duration, Type::Time) => {
            Some((Known::scalar(Type::Time), 0))
        }
        (Type::Duration, Type::Duration) => Some((Known::scalar(Type::Duration), 0)),
        _ => numbers(left, right),
    }
}

fn arithmetic(name: &str, left: &Known, right: &Known) -> Option<(Known, u64)> {
    match (name, &left.value_type, &right.value_type) {
        (operators::SUBSTRACT, Type::Time, Type::Time) => Some((Known::scalar(Type::Duration), 0)),
        (operators::SUBSTRACT, moment @ (Type::Time | Type::Duration), Type::Duration) => {
            Some((Known::scalar(moment.clone()), 0))
        }
        _ => numbers(left, right),
    }
}

fn numbers(left: &Known, right: &Known) -> Option<(Known, u64)> {
    let (one, other) = (&left.value_type, &right.value_type);
    let number = |kind: &Type| kind.is_number() || *kind == Type::Any;
    if !number(one) || !number(other) || !one.comparable(other) {
        return None;
    }
    let value_type = if matches!(one, Type::Any | Type::Number) {
        other
    } else {
        one
    };
    Some((Known::scalar(value_type.clone()), 0))
}

fn index(list: &Known, at: &Known) -> Option<(Known, u64)> {
    if !at.value_type.fits(&Type::Int) && !at.value_type.fits(&Type::Text) {
        return None;
    }
    let value_type = match &list.value_type {
        Type::List(item) if at.value_type.fits(&Type::Int) => (**item).clone(),
        Type::Labels if at.value_type.fits(&Type::Text) => Type::Text,
        Type::Query if at.value_type.fits(&Type::Text) => {
            let known = Known::outside(Type::List(Box::new(Type::Text)));
            let cost = known.extent.bytes;
            return Some((known, cost));
        }
        Type::Any => Type::Any,
        _ => return None,
    };
    Some((
        Known {
            value_type,
            extent: Extent::text(list.extent.each),
        },
        list.extent.each,
    ))
}

fn conversion(name: &str, value: &Known) -> Option<(Known, u64)> {
    let from = &value.value_type;
    let number = from.is_number() || *from == Type::Any;
    let text = *from == Type::Text;
    let (to, possible) = match name {
        "int" => (Type::Int, number || text || *from == Type::Time),
        "uint" => (Type::Uint, number || text),
        "double" => (Type::Double, number || text),
        "bool" => (Type::Bool, text || from.fits(&Type::Bool)),
        "timestamp" => (
            Type::Time,
            text || from.fits(&Type::Time) || *from == Type::Int,
        ),
        "duration" => (Type::Duration, text || from.fits(&Type::Duration)),
        "string" => {
            let extent = if text {
                value.extent
            } else {
                Extent::text(value.extent.bytes.max(64))
            };
            let possible =
                number || text || matches!(from, Type::Bool | Type::Time | Type::Duration);
            let known = Known {
                value_type: Type::Text,
                extent,
            };
            return possible.then_some((known, extent.bytes));
        }
        _ => return None,
    };
    possible.then(|| (Known::scalar(to), value.extent.bytes))
}
