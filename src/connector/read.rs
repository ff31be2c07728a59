//! From a request and its candidate routes to actions: every form of a body, query and header is read here, each in one way.

pub(crate) mod answer;
pub(crate) mod candidates;
pub(crate) mod client_credential;
pub(crate) mod computed;
pub(crate) mod condition;
pub(crate) mod dialect;
pub(crate) mod form;
pub(crate) mod git;
pub(crate) mod graphql;
pub(crate) mod headers;
pub(crate) mod json;
pub(crate) mod members;
pub(crate) mod multipart;
pub(crate) mod names;
pub(crate) mod naming;
pub(crate) mod native;
pub(crate) mod operation;
pub(crate) mod options;
pub(crate) mod override_headers;
pub(crate) mod parameter;
pub(crate) mod reading;
pub(crate) mod request;
pub(crate) mod room;
pub(crate) mod rpc;
pub(crate) mod understand;
pub(crate) mod unreadable;
