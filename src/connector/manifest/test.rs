//! Defines one entry of a route's `tests:` as written.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::yaml::{At, ShortOr};
use crate::connector::manifest::entry::OneOrMany;
use crate::model::action::Risk;

/// A test of the file. At most one of `body`, `form`, `multipart` and `text` gives the body.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestEntry {
    /// Method and URL of the request.
    #[schemars(example = &"POST https://api.github.com/repos/acme/site/issues")]
    pub request: At<String>,
    /// Headers of the request, by name.
    #[schemars(example = serde_json::json!({ "X-Tenant": "acme" }))]
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body of the request, sent as JSON.
    pub body: Option<serde_json::Value>,
    /// Names and values of an urlencoded form.
    pub form: Option<BTreeMap<String, OneOrMany>>,
    /// Names and values of a `multipart/form-data` body.
    pub multipart: Option<BTreeMap<String, OneOrMany>>,
    /// Any other body, as it is sent.
    pub text: Option<String>,
    /// Actions and parameters that the request must be read as.
    pub expect: ExpectEntry,
}

/// The expected reading; omitted keys are not checked. `action` defaults to the route's own.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectEntry {
    /// Name of the only action, full or without the connector's id.
    #[schemars(example = &"issue.create")]
    pub action: Option<At<String>>,
    /// All actions, in order: names, or maps with `action`, `params` and `risk`.
    #[schemars(example = ["issue.close", "issue.update"])]
    pub actions: Option<At<Vec<ActionEntry>>>,
    /// Parameters of the first action.
    #[serde(default)]
    pub params: BTreeMap<String, serde_json::Value>,
    /// Risk of the first action.
    pub risk: Option<At<Risk>>,
    /// Code of the expected refusal.
    #[schemars(example = &"parameter_form")]
    pub refused: Option<At<String>>,
}

/// One of several actions.
pub(crate) type ActionEntry = ShortOr<String, ActionMap>;

/// One of several actions, with what is checked of it.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionMap {
    /// Name of the action, full or without the connector's id.
    #[schemars(example = &"issue.create")]
    pub action: String,
    /// Parameters that the action must have.
    #[serde(default)]
    pub params: BTreeMap<String, serde_json::Value>,
    /// Risk of this action.
    pub risk: Option<Risk>,
}
