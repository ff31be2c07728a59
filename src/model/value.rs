//! Defines parameter values: what a request says, in the few types that a policy can compare.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// Longest string, in bytes, that a policy may judge; a longer one becomes [`Value::Oversize`].
pub const MAX_TEXT: usize = 8 * 1024;

/// Longest list that a policy may judge; a longer one becomes [`Value::Oversize`].
pub const MAX_LIST: usize = 1_000;

/// A parameter's value. `null` in a body is absence, so there is no null here.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A boolean, `true` or `false`.
    Bool(bool),
    /// A whole number; integers outside `i64` refuse the request.
    Int(i64),
    /// A number with a fraction or an exponent.
    Number(f64),
    /// UTF-8 text of at most [`MAX_TEXT`] bytes.
    Text(Arc<str>),
    /// At most [`MAX_LIST`] values.
    List(Arc<[Self]>),
    /// Something over a limit: every policy that reads it denies. Holds its size in bytes or items.
    Oversize(usize),
}

impl Value {
    /// Returns a text value, or [`Value::Oversize`] where it is over [`MAX_TEXT`].
    #[must_use]
    pub fn text(text: &str) -> Self {
        if text.len() > MAX_TEXT {
            Self::Oversize(text.len())
        } else {
            Self::Text(text.into())
        }
    }

    /// Returns a list value, or [`Value::Oversize`] where it is over [`MAX_LIST`].
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        if items.len() > MAX_LIST {
            Self::Oversize(items.len())
        } else {
            Self::List(items.into())
        }
    }

    /// Returns how many bytes it takes beside itself.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(items) => items
                .iter()
                .map(|item| size_of::<Self>() + item.bytes())
                .sum(),
            Self::Bool(_) | Self::Int(_) | Self::Number(_) | Self::Oversize(_) => 0,
        }
    }

    /// Returns whether it, or an item of it, is over a limit, so that two of them may differ and compare equal.
    #[must_use]
    pub fn is_oversize(&self) -> bool {
        match self {
            Self::Oversize(_) => true,
            Self::List(items) => items.iter().any(Self::is_oversize),
            Self::Bool(_) | Self::Int(_) | Self::Number(_) | Self::Text(_) => false,
        }
    }

    /// Returns the text, where this is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bool(_) | Self::Int(_) | Self::Number(_) | Self::List(_) | Self::Oversize(_) => {
                None
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items.iter()),
            Self::Oversize(size) => {
                serializer.collect_str(&format_args!("(over the limit: {size})"))
            }
        }
    }
}

/// The type that a connector gives a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// A string of UTF-8 text.
    String,
    /// A whole number within `i64`.
    Int,
    /// A number in JSON's sense, integer or not.
    Number,
    /// A boolean, `true` or `false`.
    Bool,
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Number => "number",
            Self::Bool => "bool",
        })
    }
}
