//! A route's `when`, compiled.

use std::sync::Arc;

use http::HeaderName;

use crate::connector::model::body_path::PathId;
use crate::connector::model::name_path::NamePath;
use crate::connector::model::operation::Fact;
use crate::model::value::Value;

/// A compiled condition of `when`.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) test: Test,
    /// What is compared; all must be there for the condition to hold.
    pub(crate) reads: Vec<Read>,
    /// Body paths, those of `has` included.
    pub(crate) body_paths: Vec<PathId>,
    /// Names in the query, those of `has` included.
    pub(crate) query: Vec<NamePath>,
    /// Names in a form, those of `has` included.
    pub(crate) form: Vec<NamePath>,
    /// Headers that it reads, in lower case.
    pub(crate) headers: Vec<String>,
}

/// One value that literals are compared with.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) subject: Subject,
    /// As written, for messages.
    pub(crate) text: String,
    pub(crate) kinds: Kinds,
}

/// Where a value is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    Body(PathId),
    Query(NamePath),
    Form(NamePath),
    Header(HeaderName),
    Captured(Arc<str>),
    Method,
    Fact(Fact),
}

/// The types of the literals that a value is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(crate) text: bool,
    pub(crate) int: bool,
    pub(crate) number: bool,
    pub(crate) truth: bool,
}

#[derive(Debug)]
pub(crate) enum Test {
    All(Vec<Self>),
    Any(Vec<Self>),
    Has(Subject),
    Lacks(Subject),
    /// A list of the part has one of the literals.
    Lists(Fact, Vec<Value>),
    /// The read of this number against any of the literals.
    Compare(usize, Operator, Vec<Value>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}
