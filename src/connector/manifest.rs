//! Defines the connector file as it is written: raw values with their places. `compile` makes the checked value.

pub(crate) mod entry;
pub(crate) mod route;
pub(crate) mod test;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::auth::SchemeManifest;
use crate::config::yaml::At;
use crate::connector::manifest::entry::{
    Auth, DomainEntry, ErrorsEntry, OneOrMany, Params, Tls, UnknownHeaders,
};
use crate::connector::manifest::route::{Cookies, LimitsEntry, RouteEntry};
use crate::model::action::Risk;
use crate::model::target::Oddity;

/// A connector file of `connectors.d`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("patternProperties" = { "^x-": true }))]
pub struct Manifest {
    /// Id of the connector, first part of every action: `[a-z][a-z0-9_-]*`. The id of a built-in connector replaces it.
    #[schemars(example = &"tickets")]
    pub connector: At<String>,
    /// Id of a connector that this file extends. Keys of this file override, and its routes are added.
    #[schemars(example = &"github")]
    pub extends: Option<At<String>>,
    /// Actions of the extended connector whose routes are removed, without its id.
    #[schemars(example = ["repo.delete"])]
    #[serde(default)]
    pub remove: Vec<At<String>>,
    /// Display name of the API.
    pub name: Option<At<String>>,
    /// Version of the file or the API; a number or a text.
    pub version: Option<serde_json::Value>,
    /// URL of the API's documentation.
    #[schemars(example = &"https://docs.github.com/rest")]
    pub docs: Option<At<String>>,
    /// Hosts of the API.
    #[schemars(example = ["{site}.atlassian.net"])]
    #[serde(default)]
    pub domains: Vec<At<DomainEntry>>,
    /// Also cover port 80 without TLS.
    pub http: Option<bool>,
    /// `passthrough`: do not terminate the agent's TLS, for clients that pin certificates. The only action is `<id>.tunnel.open`,
    /// without a credential.
    pub tls: Option<At<Tls>>,
    /// Prefixes of all routes and of `health`.
    #[schemars(example = ["/rest"])]
    #[serde(default)]
    pub base_paths: Vec<At<String>>,
    /// Schemes that put a credential on, the default first; or `none`.
    pub auth: Option<At<Auth>>,
    /// A request that tests a credential.
    pub health: Option<HealthEntry>,
    /// What holds for every route that does not say otherwise.
    #[serde(default)]
    pub defaults: Defaults,
    /// Error shape of this API, so that its SDKs show refusals: a known one, or `{ status, body }`.
    #[schemars(example = &"github")]
    pub errors: Option<At<ErrorsEntry>>,
    /// Exceptions from the rules for canonical paths.
    pub paths: Option<PathsEntry>,
    /// Headers to add when the agent does not send them.
    #[schemars(example = serde_json::json!({ "Accept-Language": "en" }))]
    #[serde(default)]
    pub headers: BTreeMap<String, At<String>>,
    /// Further headers that may go upstream: names, or prefixes such as `x-vendor-*`. A header that changes the effect should be
    /// a parameter instead (`header:X-Dry-Run`). Other headers are dropped if every action is low, and refuse the request
    /// otherwise.
    #[schemars(example = ["openai-organization", "x-vendor-*"])]
    #[serde(default)]
    pub allow_headers: Vec<At<String>>,
    /// `pass`: every header goes upstream; only for an API of your own.
    #[schemars(example = &"pass")]
    pub unknown_headers: Option<At<UnknownHeaders>>,
    /// Further places where the API accepts a credential: `header:X-Key`, `query:key`, `form:token`, `$.token`, `protocol:name.*`
    /// (an entry of `Sec-WebSocket-Protocol`). An agent's value there never goes upstream.
    #[schemars(example = ["query:key", "header:X-Api-Key"])]
    #[serde(default)]
    pub credentials_in: Vec<At<String>>,
    /// Method-override headers and parameters that the API ignores.
    #[schemars(example = ["_method"])]
    #[serde(default)]
    pub method_override: Vec<At<String>>,
    /// A built-in reader: `aws` provides `service`, `region` and `operation`.
    #[schemars(example = &"aws")]
    pub native: Option<At<String>>,
    /// Body formats, the default first; default for routes. `json`, `form`, `multipart`, `none`, or a media type that is read as
    /// JSON, such as `application/merge-patch+json`.
    pub body: Option<At<OneOrMany>>,
    /// Further places of a parameter that is read in the body: `query`, `form`; default for routes.
    #[schemars(example = ["query"])]
    #[serde(default)]
    pub merge: Vec<At<String>>,
    /// Sizes and times; default for routes.
    pub limits: Option<LimitsEntry>,
    /// Whether `Range` goes upstream; default for routes.
    pub range: Option<bool>,
    /// Whether cookies pass in both directions; default for routes.
    pub cookies: Option<Cookies>,
    /// Routes, which map requests to actions.
    #[serde(default)]
    pub routes: Vec<RouteEntry>,
    /// The action of requests that match no route.
    pub fallback: Option<FallbackEntry>,
    /// Send requests without the gateway's credential, as presigned URLs require.
    pub no_credential: Option<bool>,
}

/// A request that tests a credential.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthEntry {
    /// Method and path of a low-risk route of this connector.
    #[schemars(example = &"GET /user")]
    pub request: At<String>,
    /// `JSONPath` in the answer to the credential's account. An answer without it says that the API does not know the credential.
    #[schemars(example = &"$.login")]
    pub identity: Option<At<String>>,
    /// Where the answer says when the credential expires: a `JSONPath`, or `header:name`.
    #[schemars(example = &"$.expires_at")]
    pub expires: Option<At<String>>,
}

/// Default risks, by method.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Risk of each HTTP method.
    #[serde(default)]
    pub risk: BTreeMap<String, At<Risk>>,
    /// Options of captured labels (`pattern`, `fold`, `secret`), for routes that do not list the label under `params`.
    #[schemars(example = serde_json::json!({ "owner": { "pattern": "[A-Za-z0-9-]+", "fold": "lower" } }))]
    #[serde(default)]
    pub params: Params,
}

/// Exceptions from the rules for paths.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathsEntry {
    /// Spellings and differences that are otherwise refused.
    #[serde(default)]
    pub allow: Vec<Oddity>,
}

/// The action of requests that match no route.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FallbackEntry {
    /// Risk of the action `<id>.unknown`.
    pub risk: Risk,
}
