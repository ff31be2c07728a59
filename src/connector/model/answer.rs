//! Says where an answer holds something, as a route has it: a credential, or what is recorded.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;

use crate::connector::model::body_path::PathId;
use crate::connector::model::plan::Plan;

/// Where an answer holds something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerPlace {
    /// `$.access_token`: a `JSONPath` into a JSON body, as written.
    Body(Arc<str>),
    /// A header of the answer, `header:X-Key`.
    Header(HeaderName),
}

/// What is taken out of an answer for the record.
#[derive(Debug, Default)]
pub(crate) struct AnswerParams {
    pub(crate) names: Vec<(Arc<str>, AnswerSource)>,
    pub(crate) plan: Plan,
}

#[derive(Debug)]
pub(crate) enum AnswerSource {
    Body(PathId),
    Header(HeaderName),
}

impl fmt::Display for AnswerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(path) => f.write_str(path),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}

impl AnswerParams {
    /// Returns whether nothing is taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns whether the body is looked at.
    pub(crate) fn reads_body(&self) -> bool {
        !self.plan.is_empty()
    }
}
