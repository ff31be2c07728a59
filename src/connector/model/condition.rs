//! Defines a route's compiled `when`.

use std::sync::Arc;

use http::HeaderName;

use crate::connector::model::body_path::PathId;
use crate::connector::model::name_path::NamePath;
use crate::connector::model::operation::Fact;
use crate::connector::model::parameter::Param;
use crate::expression::Predicate;

/// A compiled condition of `when`.
#[derive(Debug)]
pub(crate) struct Condition {
    /// Names what it tests by its number among the reads.
    pub(crate) predicate: Predicate<usize>,
    /// What is tested, each once. What is compared must be there for the condition to hold.
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

/// One value that literals are compared with, or whose presence is tested.
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
    Native(NativeLabel),
}

/// What the connector's override tells, read as the parameter of that name is.
#[derive(Debug, Clone)]
pub(crate) struct NativeLabel(pub(crate) Arc<Param>);

impl PartialEq for NativeLabel {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for NativeLabel {}

/// The types that a value is read as: those of the literals that it is compared with; none where only its presence is tested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(crate) text: bool,
    pub(crate) int: bool,
    pub(crate) number: bool,
    pub(crate) truth: bool,
    /// A list, which a text is looked for in.
    pub(crate) list: bool,
}

impl Read {
    /// Returns whether a literal is compared with it; else only its presence counts.
    pub(crate) fn is_compared(&self) -> bool {
        self.kinds != Kinds::default()
    }
}
