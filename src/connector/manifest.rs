//! The connector file as written: YAML in, raw values with their places out. `compile` makes the checked value.

pub(crate) mod entry;
pub(crate) mod route;
pub(crate) mod test;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::auth::SchemeManifest;
use crate::config::yaml::At;
use crate::connector::manifest::entry::{
    Auth, DomainEntry, ErrorsEntry, OneOrMany, Tls, UnknownHeaders,
};
use crate::connector::manifest::route::{Cookies, LimitsEntry, RouteEntry};
use crate::model::action::Risk;
use crate::model::target::Oddity;

/// One file of `connectors.d`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("patternProperties" = { "^x-": true }))]
pub struct Manifest {
    /// The id, first part of every action: `[a-z][a-z0-9_-]*`. The id of a built-in replaces it.
    #[schemars(example = &"tickets")]
    pub connector: At<String>,
    /// The id of a connector that this file is laid over: keys of this file win, its routes are added.
    #[schemars(example = &"github")]
    pub extends: Option<At<String>>,
    /// Actions of the extended connector whose routes are dropped, without its id.
    #[schemars(example = ["repo.delete"])]
    #[serde(default)]
    pub remove: Vec<At<String>>,
    /// For people.
    pub name: Option<At<String>>,
    /// Of the file or of the API; a number or a text.
    pub version: Option<serde_json::Value>,
    /// Where the API is documented.
    #[schemars(example = &"https://docs.github.com/rest")]
    pub docs: Option<At<String>>,
    /// Hosts that belong to it.
    #[schemars(example = ["{site}.atlassian.net"])]
    #[serde(default)]
    pub domains: Vec<At<DomainEntry>>,
    /// Whether port 80 without TLS is covered too.
    pub http: Option<bool>,
    /// `passthrough`: the agent's TLS is not ended, for clients that pin certificates. One action, `<id>.tunnel.open`, and
    /// no credential.
    pub tls: Option<At<Tls>>,
    /// What routes and health are relative to.
    #[schemars(example = ["/rest"])]
    #[serde(default)]
    pub base_paths: Vec<At<String>>,
    /// Ways to put a credential on, the default first, or `none`.
    pub auth: Option<At<Auth>>,
    /// A request that shows whether a credential works.
    pub health: Option<HealthEntry>,
    /// What holds for routes that do not say.
    #[serde(default)]
    pub defaults: Defaults,
    /// The shape in which this API tells errors, so that its SDKs show refusals: a known one, or `{ status, body }`.
    #[schemars(example = &"github")]
    pub errors: Option<At<ErrorsEntry>>,
    /// Exceptions from canonical paths.
    pub paths: Option<PathsEntry>,
    /// Headers put on when absent.
    #[schemars(example = serde_json::json!({ "Accept-Language": "en" }))]
    #[serde(default)]
    pub headers: BTreeMap<String, At<String>>,
    /// Headers that go upstream beside the usual ones: names, or beginnings as `x-vendor-*`. What says what is done is better read
    /// as a parameter (`header:X-Dry-Run`). Others are dropped where every action is low, and refuse the request elsewhere.
    #[schemars(example = ["openai-organization", "x-vendor-*"])]
    #[serde(default)]
    pub allow_headers: Vec<At<String>>,
    /// `pass`: every header goes upstream. For an API of your own only.
    #[schemars(example = &"pass")]
    pub unknown_headers: Option<At<UnknownHeaders>>,
    /// More places where the API takes a credential: `header:X-Key`, `query:key`, `form:token`, `$.token`,
    /// `protocol:name.*` (an entry of `Sec-WebSocket-Protocol`). What an agent puts there never goes upstream.
    #[schemars(example = ["query:key", "header:X-Api-Key"])]
    #[serde(default)]
    pub credentials_in: Vec<At<String>>,
    /// Method-override headers and parameters that the API does not obey.
    #[schemars(example = ["_method"])]
    #[serde(default)]
    pub method_override: Vec<At<String>>,
    /// A built-in reader for what data cannot say: `aws` gives `service`, `region` and `operation`.
    #[schemars(example = &"aws")]
    pub native: Option<At<String>>,
    /// How bodies are read, the default first; for routes that do not say. `json`, `form`, `multipart`, `none`, or a media
    /// type that is read as JSON, as `application/merge-patch+json`.
    pub body: Option<At<OneOrMany>>,
    /// Where else a parameter that is read in the body may stand: `query`, `form`; for routes that do not say.
    #[schemars(example = ["query"])]
    #[serde(default)]
    pub merge: Vec<At<String>>,
    /// Sizes and times; for routes that do not say.
    pub limits: Option<LimitsEntry>,
    /// Whether `Range` goes upstream; for routes that do not say.
    pub range: Option<bool>,
    /// Whether cookies go upstream and come back; for routes that do not say.
    pub cookies: Option<Cookies>,
    /// What requests mean, in order.
    #[serde(default)]
    pub routes: Vec<RouteEntry>,
    /// What a request is that no route accepts.
    pub fallback: Option<FallbackEntry>,
    /// Whether requests go out without the gateway's credential, as presigned URLs do.
    pub no_credential: Option<bool>,
}

/// `health:`
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthEntry {
    /// `METHOD /path`, a low-risk route of this connector.
    #[schemars(example = &"GET /user")]
    pub request: At<String>,
    /// `JSONPath` in the answer to who the credential belongs to.
    #[schemars(example = &"$.login")]
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
