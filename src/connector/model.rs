//! What a connector file means, compiled: values that know nothing of how they were written, or of how a request is read by them.

pub(crate) mod binding;
pub(crate) mod condition;
pub(crate) mod connector;
pub(crate) mod describe;
pub(crate) mod domain;
pub(crate) mod error_shape;
pub(crate) mod matches;
pub(crate) mod name_path;
pub(crate) mod naming;
pub(crate) mod operation;
pub(crate) mod options;
pub(crate) mod pattern;
pub(crate) mod plan;
pub(crate) mod route;
pub(crate) mod standard_headers;
pub(crate) mod summary;
