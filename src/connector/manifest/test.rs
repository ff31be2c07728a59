//! One entry of a route's `tests:` as written.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::yaml::{At, ShortOr};
use crate::connector::manifest::entry::OneOrMany;
use crate::model::action::Risk;

/// One entry of `tests:`. At most one of `body`, `form`, `multipart` and `text` says what the body is.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestEntry {
    /// `METHOD URL`
    #[schemars(example = &"POST https://api.github.com/repos/acme/site/issues")]
    pub request: At<String>,
    /// Request headers.
    #[schemars(example = serde_json::json!({ "X-Tenant": "acme" }))]
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// JSON.
    pub body: Option<serde_json::Value>,
    /// Names and values of an urlencoded form.
    pub form: Option<BTreeMap<String, OneOrMany>>,
    /// Names and values of a `multipart/form-data` body.
    pub multipart: Option<BTreeMap<String, OneOrMany>>,
    /// Any other body, as it is sent.
    pub text: Option<String>,
    /// What it must be read as.
    pub expect: ExpectEntry,
}

/// `expect:` of a test; what is not written is not checked, but for `action`, which is the route's own unless written.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectEntry {
    /// The one action, full or without the connector's id.
    #[schemars(example = &"issue.create")]
    pub action: Option<At<String>>,
    /// All actions, in order: names, or maps with `action`, `params` and `risk`.
    #[schemars(example = ["issue.close", "issue.update"])]
    pub actions: Option<At<Vec<ActionEntry>>>,
    /// Parameters of the first action.
    #[serde(default)]
    pub params: BTreeMap<String, serde_json::Value>,
    /// Of the first action.
    pub risk: Option<At<Risk>>,
    /// The code of the refusal.
    #[schemars(example = &"parameter_form")]
    pub refused: Option<At<String>>,
}

/// One of several actions.
pub(crate) type ActionEntry = ShortOr<String, ActionMap>;

/// One of several actions, with what is checked of it.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionMap {
    /// Full or without the connector's id.
    #[schemars(example = &"issue.create")]
    pub action: String,
    /// Parameters that must be there with these values.
    #[serde(default)]
    pub params: BTreeMap<String, serde_json::Value>,
    /// Of this action.
    pub risk: Option<Risk>,
}
