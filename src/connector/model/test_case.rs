//! Defines an inline test of a connector file: a request, and what it must be read as.

use std::collections::BTreeMap;

use http::{HeaderMap, Method};

use crate::config::diagnostic::Place;
use crate::model::action::Risk;

/// An inline test of a connector file.
#[derive(Debug, Clone)]
pub struct Case {
    /// The action of the route that it stands at, full.
    pub route: String,
    /// Method as the test writes it.
    pub method: Method,
    /// As written, with scheme and host.
    pub url: String,
    /// As written; `Content-Type` is that of the body, unless it says.
    pub headers: HeaderMap,
    /// As it is sent; empty where the request has none.
    pub body: Vec<u8>,
    /// What must come out.
    pub expect: Expectation,
    /// File, line and column of the test.
    pub place: Place,
}

/// What a request must be read as.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// Exactly these actions, in this order.
    Actions(Vec<ExpectedAction>),
    /// A refusal with this code.
    Refused(String),
}

/// What one action of a request must be.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedAction {
    /// Full name, with the connector's id.
    pub name: String,
    /// Parameters that must be there with these values; others may be there too.
    pub params: BTreeMap<String, serde_json::Value>,
    /// `None` is not checked.
    pub risk: Option<Risk>,
}
