//! Defines compiled parameters: where a connector reads them, and what they must be.

use std::sync::Arc;

use http::HeaderName;
use regex::Regex;

use crate::connector::model::body_path::PathId;
use crate::connector::model::name_path::NamePath;
use crate::connector::model::native::NativeSource;
use crate::connector::model::operation::Fact;
use crate::expression::Program;
use crate::model::value::ValueType;

/// One compiled parameter of a route.
#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) name: Arc<str>,
    pub(crate) origins: Box<[Origin]>,
    pub(crate) value_type: Option<ValueType>,
    /// Some origin can hold several values, so it always reads as a list.
    pub(crate) list: bool,
    pub(crate) required: bool,
    pub(crate) pattern: Option<Arc<Regex>>,
    pub(crate) fold: Option<Fold>,
    pub(crate) secret: bool,
    /// Of the other parameters, instead of origins.
    pub(crate) computed: Option<Box<Program>>,
}

/// What lists show of a parameter.
#[derive(Debug, Clone, Copy)]
pub struct ParamView<'a> {
    /// The name that policies read as `params.NAME`.
    pub name: &'a str,
    /// As the file declares it; values of a parameter without a type are as the request has them.
    pub value_type: Option<ValueType>,
    /// Whether each request of the route has it.
    pub required: bool,
    /// Whether its values are hidden.
    pub secret: bool,
}

/// Where a value is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Captured(Arc<str>),
    Query(NamePath),
    Header(HeaderName),
    /// Of a body that is read as JSON.
    Body(PathId),
    /// Of a body that is read as a form.
    Form(NamePath),
    /// What a part of a request says of itself.
    Fact(Fact),
    /// What an override reads in the head.
    Native(NativeSource),
}

/// The one spelling that a text is brought into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    Lower,
    Upper,
}

impl Param {
    /// Returns what lists show.
    pub(crate) fn view(&self) -> ParamView<'_> {
        ParamView {
            name: &self.name,
            value_type: self.value_type,
            required: self.required,
            secret: self.secret,
        }
    }

    /// Returns whether it is read from a captured label.
    pub(crate) fn reads_label(&self, name: &str) -> bool {
        self.origins
            .iter()
            .any(|origin| matches!(origin, Origin::Captured(label) if **label == *name))
    }
}

impl Origin {
    pub(crate) fn body_path(&self) -> Option<PathId> {
        match self {
            Self::Body(path) => Some(*path),
            Self::Captured(_)
            | Self::Query(_)
            | Self::Form(_)
            | Self::Header(_)
            | Self::Fact(_)
            | Self::Native(_) => None,
        }
    }

    pub(crate) fn query_name(&self) -> Option<&NamePath> {
        match self {
            Self::Query(name) => Some(name),
            Self::Body(_)
            | Self::Captured(_)
            | Self::Form(_)
            | Self::Header(_)
            | Self::Fact(_)
            | Self::Native(_) => None,
        }
    }

    pub(crate) fn form_name(&self) -> Option<&NamePath> {
        match self {
            Self::Form(name) => Some(name),
            Self::Body(_)
            | Self::Captured(_)
            | Self::Query(_)
            | Self::Header(_)
            | Self::Fact(_)
            | Self::Native(_) => None,
        }
    }
}
