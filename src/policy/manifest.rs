//! Describes a policy file as written: names and texts with their places, not yet checked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Decision;
use crate::config::yaml::At;
use crate::model::action::Risk;

/// One file of `policies.d`, or the permissions of the store.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Manifest {
    /// Which agents may use which connectors and actions.
    pub permissions: Vec<At<PermissionEntry>>,
    /// Rules that narrow what permissions allow.
    pub policies: Vec<At<PolicyEntry>>,
    /// Tests that `check` and `policy test` run.
    pub tests: Vec<At<TestEntry>>,
}

/// A permission: what some agents may do with a connector or with listed actions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PermissionEntry {
    /// Names, `label=value`, or `*` for all.
    #[schemars(example = ["default", "team=payments"])]
    pub agents: Vec<At<String>>,
    /// A connector's id, or `*`; with `access`.
    #[serde(default)]
    pub connector: Option<At<String>>,
    /// Preset of allowed actions; requires `connector`.
    #[serde(default)]
    pub access: Option<At<Access>>,
    /// Actions or globs that may go.
    #[schemars(example = ["github.issue.*"])]
    #[serde(default)]
    pub allow: Vec<At<String>>,
    /// Actions or globs that a human must allow.
    #[serde(default)]
    pub ask: Vec<At<String>>,
    /// Actions or globs that may not go, whatever else says so.
    #[serde(default)]
    pub deny: Vec<At<String>>,
    /// An expression; where it is not true the permission is silent.
    #[schemars(example = &"params.owner == \"acme\"")]
    #[serde(default, rename = "where")]
    pub condition: At<Option<String>>,
    /// The credential to inject.
    #[serde(default)]
    pub credential: Option<At<String>>,
    /// Hosts of a wildcard domain that the credential is not bound to, but that may be reached.
    #[serde(default)]
    pub hosts: Vec<At<String>>,
    /// `pass`: a credential that an answer issues goes to the agent as it is.
    #[serde(default)]
    pub response_secrets: Option<At<ResponseSecrets>>,
}

/// Handling of a credential that an answer issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseSecrets {
    /// The agent reads it.
    Pass,
}

/// Presets of allowed actions, by risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everything that is not special, and requests that match no route (`<id>.unknown`) where it is for one connector and nothing denies
    /// or asks for actions of that connector.
    Full,
    /// Low risks go, medium ones ask.
    Supervised,
    /// Low risks are allowed; all others are denied.
    ReadOnly,
    /// Every action needs an operator's approval.
    Ask,
    /// Nothing goes, whatever else says so.
    None,
}

/// A rule that narrows what permissions allow.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyEntry {
    /// Unique among all files, `[a-z0-9][a-z0-9._-]*`; named in records and errors.
    #[schemars(example = &"no-deletions")]
    pub id: At<String>,
    /// Names, `label=value`, or `*`; all where it is left out.
    #[serde(default)]
    pub agents: Option<Vec<At<String>>>,
    /// Names of actions, or globs such as `github.repo.*`.
    #[schemars(example = ["*.delete"])]
    pub actions: Vec<At<String>>,
    /// An expression; where it is not true the policy is silent.
    #[schemars(example = &"action.risk >= risk(\"high\")")]
    #[serde(default)]
    pub when: At<Option<String>>,
    /// What the policy decides when it applies.
    pub decision: At<Decision>,
    /// Shown to the agent.
    #[schemars(example = &"Only people delete.")]
    #[serde(default)]
    pub reason: Option<String>,
    /// Shown to the agent: what to do instead.
    #[serde(default)]
    pub suggest: Option<String>,
    /// False for a policy that is checked and decides nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    #[schemars(skip)]
    pub(crate) budget: Option<At<IgnoredAny>>,
    #[serde(default)]
    #[schemars(skip)]
    pub(crate) rate: Option<At<IgnoredAny>>,
    #[serde(default)]
    #[schemars(skip)]
    pub(crate) approval: Option<At<IgnoredAny>>,
    #[serde(default)]
    #[schemars(skip)]
    pub(crate) shadow: Option<At<IgnoredAny>>,
}

fn yes() -> bool {
    true
}

/// One thing to try out: an action with parameters, or a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestEntry {
    /// Name of the agent that would ask.
    pub agent: At<String>,
    /// The action; or `request`.
    #[serde(default)]
    pub action: Option<At<String>>,
    /// Values of the action's parameters, by name.
    #[serde(default)]
    pub params: BTreeMap<String, serde_json::Value>,
    /// The action's risk, where it can have several.
    #[serde(default)]
    pub risk: Option<Risk>,
    /// `POST https://acme.atlassian.net/rest/api/3/issue`; or `action`.
    #[schemars(example = &"POST https://api.github.com/repos/acme/site/issues")]
    #[serde(default)]
    pub request: Option<At<String>>,
    /// The request's body, sent as JSON.
    #[serde(default)]
    pub body: Option<serde_json::Value>,
    /// The expected action and decision.
    pub expect: Expectation,
}

/// The expected result of a test; omitted keys accept anything.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// An action that the request is.
    #[serde(default)]
    pub action: Option<At<String>>,
    /// The decision that must come out.
    #[serde(default)]
    pub decision: Option<At<Decision>>,
    /// Ids of policies that must be among those that spoke for it.
    #[serde(default)]
    pub by: Vec<At<String>>,
}
