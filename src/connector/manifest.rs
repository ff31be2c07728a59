//! The connector file as written: YAML in, raw values with their places out. `compile` makes the checked value.

mod entry;

use std::collections::BTreeMap;

use serde::Deserialize;

pub(super) use entry::{Auth, DomainEntry, Fold, OneOrMany, ParamEntry, Params, Size};

use crate::auth::SchemeManifest;
use crate::config::yaml::At;
use crate::model::action::Risk;
use crate::model::target::Oddity;

/// One file of `connectors.d`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("patternProperties" = { "^x-": true }))]
pub struct Manifest {
    /// The id, first part of every action: `[a-z0-9][a-z0-9_-]*`.
    pub connector: At<String>,
    /// For people.
    pub name: Option<At<String>>,
    /// Of the file or of the API; a number or a text.
    pub version: Option<serde_json::Value>,
    /// Where the API is documented.
    pub docs: Option<At<String>>,
    /// Hosts that belong to it.
    #[serde(default)]
    pub domains: Vec<At<DomainEntry>>,
    /// Whether port 80 without TLS is covered too.
    #[serde(default)]
    pub http: bool,
    /// What routes and health are relative to.
    #[serde(default)]
    pub base_paths: Vec<At<String>>,
    /// Ways to put a credential on, the default first, or `none`.
    pub auth: Option<At<Auth>>,
    /// A request that shows whether a credential works.
    pub health: Option<HealthEntry>,
    /// What holds for routes that do not say.
    #[serde(default)]
    pub defaults: Defaults,
    /// Exceptions from canonical paths.
    #[serde(default)]
    pub paths: PathsEntry,
    /// Headers put on when absent.
    #[serde(default)]
    pub headers: BTreeMap<String, At<String>>,
    /// More places where the API takes a credential: `header:X-Key`, `query:key`.
    #[serde(default)]
    pub credentials_in: Vec<At<String>>,
    /// Method-override headers and parameters that the API does not obey.
    #[serde(default)]
    pub method_override: Vec<At<String>>,
    /// What requests mean, in order.
    #[serde(default)]
    pub routes: Vec<RouteEntry>,
    /// What a request is that no route accepts.
    pub fallback: Option<FallbackEntry>,
    /// Whether requests go out without the gateway's credential, as presigned URLs do.
    #[serde(default)]
    pub no_credential: bool,
}

/// `health:`
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthEntry {
    /// `METHOD /path`, a low-risk route of this connector.
    pub request: At<String>,
    /// `JSONPath` in the answer to who the credential belongs to.
    pub identity: Option<At<String>>,
}

/// `defaults:`
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// By method.
    #[serde(default)]
    pub risk: BTreeMap<String, At<Risk>>,
}

/// `paths:`
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathsEntry {
    /// What is otherwise refused.
    #[serde(default)]
    pub allow: Vec<Oddity>,
}

/// `fallback:`
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FallbackEntry {
    /// Of `<id>.unknown`.
    pub risk: Risk,
}

/// One entry of `routes:`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteEntry {
    /// Name without the connector's id.
    pub action: At<String>,
    /// `METHOD[|METHOD] [host]/path[?key=value]`
    #[serde(rename = "match")]
    pub matches: At<String>,
    /// For people.
    pub name: Option<At<String>>,
    /// Where it is documented.
    pub docs: Option<At<String>>,
    /// What is taken out of the request.
    #[serde(default)]
    pub params: Params,
    /// A sentence with `{parameter}` in it.
    pub summary: Option<At<String>>,
    /// Condition over body, query, headers, path and method.
    pub when: Option<At<String>>,
    /// The body keys that a `when` route stands for.
    pub only: Option<At<Vec<String>>>,
    /// Stated risk.
    pub risk: Option<At<Risk>>,
    /// `json` or `none`.
    pub body: Option<At<OneOrMany>>,
    /// Sizes.
    pub limits: Option<LimitsEntry>,
    /// Whether requests go out without the gateway's credential.
    #[serde(default)]
    pub no_credential: bool,
    /// What requests must be read as.
    #[serde(default)]
    pub tests: Vec<At<TestEntry>>,
    /// Former names of the action.
    #[serde(default)]
    pub was: Vec<At<String>>,
}

/// `limits:` of a route.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsEntry {
    /// Bytes of a body after decoding: `262144`, `256KiB`, `32MiB`.
    pub body: Option<At<Size>>,
}

/// One entry of `tests:`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestEntry {
    /// `METHOD URL`
    pub request: At<String>,
    /// Request headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// JSON.
    pub body: Option<serde_json::Value>,
    /// What it must be read as.
    pub expect: ExpectEntry,
}

/// `expect:` of a test; what is not written is not checked, but for `action`, which is the route's own unless written.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectEntry {
    /// The one action, full or without the connector's id.
    pub action: Option<At<String>>,
    /// All actions, in order.
    pub actions: Option<At<Vec<String>>>,
    /// Parameters of the first action.
    #[serde(default)]
    pub params: BTreeMap<String, serde_json::Value>,
    /// Of the first action.
    pub risk: Option<At<Risk>>,
    /// The code of the refusal.
    pub refused: Option<At<String>>,
}
