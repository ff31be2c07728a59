//! Describes what expressions can read: names, their types, and how large their values can be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::model::value::{MAX_LIST, MAX_TEXT};

/// Bytes of a query; a longer target is refused before anything is judged.
const MAX_QUERY: u64 = 64 * 1024;

/// The static type of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// A boolean, `true` or `false`.
    Bool,
    /// A signed 64-bit integer.
    Int,
    /// An unsigned 64-bit integer, `1u`.
    Uint,
    /// A 64-bit float, as in `1.5`.
    Double,
    /// Any JSON number, integer or not.
    Number,
    /// A string of UTF-8 text.
    Text,
    /// A risk, `risk("high")`; `low` is the least.
    Risk,
    /// A moment in time.
    Time,
    /// A length of time.
    Duration,
    /// The literal `null` and nothing else.
    Null,
    /// A list of one type.
    List(Box<Self>),
    /// Names to texts; a name that is absent reads "".
    Labels,
    /// Names to lists of texts, as a query has them once it is decoded.
    Query,
    /// An object whose fields are all known.
    Record(Arc<Record>),
    /// Not known before the request.
    Any,
}

/// The fields that a name has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Description of a field for messages: ``a parameter of `jira.issue.create` ``.
    pub what: String,
    /// Types of the fields, by name.
    pub fields: BTreeMap<String, Type>,
    /// Those that a request may leave out.
    pub optional: BTreeSet<String>,
}

/// The names that an expression can use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    names: BTreeMap<&'static str, Type>,
}

impl Environment {
    /// Adds a name with its type; an earlier one of the same name goes.
    #[must_use]
    pub fn with(mut self, name: &'static str, value_type: Type) -> Self {
        self.names.insert(name, value_type);
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Type> {
        self.names.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().copied()
    }
}

impl Record {
    /// Returns a record of these fields.
    #[must_use]
    pub fn of(what: impl Into<String>, fields: impl IntoIterator<Item = (String, Type)>) -> Type {
        Type::Record(Arc::new(Self {
            what: what.into(),
            fields: fields.into_iter().collect(),
            optional: BTreeSet::new(),
        }))
    }

    /// Returns a record of these fields, of which some may be absent.
    #[must_use]
    pub fn with_optional(
        what: impl Into<String>,
        fields: impl IntoIterator<Item = (String, Type)>,
        optional: BTreeSet<String>,
    ) -> Type {
        Type::Record(Arc::new(Self {
            what: what.into(),
            fields: fields.into_iter().collect(),
            optional,
        }))
    }
}

impl Type {
    /// Returns whether `==` between the two can ever hold.
    pub(crate) fn comparable(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => {
                !matches!((self, other), (Self::Null, _) | (_, Self::Null))
            }
            (Self::Number, number) | (number, Self::Number) => number.is_number(),
            (Self::List(one), Self::List(other)) => one.comparable(other),
            (Self::Null | Self::Labels | Self::Query | Self::Record(_), _) => false,
            (one, other) => one == other,
        }
    }

    /// Returns whether values of this type have an order.
    pub(crate) fn ordered(&self) -> bool {
        self.is_number()
            || matches!(
                self,
                Self::Text | Self::Risk | Self::Time | Self::Duration | Self::Any
            )
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double | Self::Number)
    }

    /// Returns whether a value of this type can be given where `wanted` is asked for.
    pub(crate) fn fits(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::List(one), Self::List(other)) => one.fits(other),
            (one, other) => one == other,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "a bool",
            Self::Int => "an int",
            Self::Uint => "a uint",
            Self::Double => "a double",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Risk => "a risk",
            Self::Time => "a timestamp",
            Self::Duration => "a duration",
            Self::Null => "null",
            Self::List(_) => "a list",
            Self::Labels => "labels",
            Self::Query => "a query",
            Self::Record(_) => "a record",
            Self::Any => "a value of any type",
        })
    }
}

/// How large a value can be at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Items of a list, characters of a text.
    pub(crate) items: u64,
    /// Bytes of all of it.
    pub(crate) bytes: u64,
    /// Bytes of the largest item.
    pub(crate) each: u64,
}

impl Extent {
    /// A number, a truth, a moment.
    pub(crate) const SCALAR: Self = Self {
        items: 1,
        bytes: 16,
        each: 16,
    };

    pub(crate) fn text(bytes: u64) -> Self {
        Self {
            items: bytes,
            bytes,
            each: bytes,
        }
    }

    /// A list item costs its box too.
    pub(crate) fn list(items: u64, each: u64) -> Self {
        Self {
            items,
            bytes: items.saturating_mul(each.saturating_add(32)),
            each,
        }
    }

    /// Returns the most that a value from outside can have.
    pub(crate) fn outside(value_type: &Type) -> Self {
        match value_type {
            Type::Text => Self::text(MAX_TEXT as u64),
            Type::Any | Type::List(_) => Self::list(MAX_LIST as u64, MAX_TEXT as u64),
            Type::Query => Self {
                items: MAX_LIST as u64,
                bytes: 2 * MAX_QUERY,
                each: MAX_TEXT as u64,
            },
            Type::Labels | Type::Record(_) => Self {
                items: 64,
                bytes: 64,
                each: MAX_TEXT as u64,
            },
            Type::Bool
            | Type::Int
            | Type::Uint
            | Type::Double
            | Type::Number
            | Type::Risk
            | Type::Time
            | Type::Duration
            | Type::Null => Self::SCALAR,
        }
    }

    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            items: self.items.max(other.items),
            bytes: self.bytes.max(other.bytes),
            each: self.each.max(other.each),
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            items: self.items.saturating_add(other.items),
            bytes: self.bytes.saturating_add(other.bytes),
            each: self.each.max(other.each),
        }
    }
}

/// Type and size of a value, known before the request.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) value_type: Type,
    pub(crate) extent: Extent,
}

impl Known {
    pub(crate) fn scalar(value_type: Type) -> Self {
        Self {
            value_type,
            extent: Extent::SCALAR,
        }
    }

    pub(crate) fn outside(value_type: Type) -> Self {
        let extent = Extent::outside(&value_type);
        Self { value_type, extent }
    }
}
