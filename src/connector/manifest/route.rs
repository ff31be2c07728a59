//! Defines one entry of `routes:` as written.

use serde::Deserialize;

use crate::config::units::{Period, Size};
use crate::config::yaml::At;
use crate::connector::manifest::entry::{BatchEntry, OneOrMany, Params, RiskEntry, Sources};
use crate::connector::manifest::test::TestEntry;

/// One entry of `routes:`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteEntry {
    /// Name without the connector's id: `issue.create`, or a name made from the request: `tool.{rpc.params.name}`.
    #[schemars(example = &"issue.create")]
    pub action: At<String>,
    /// Requests that the route matches: `METHOD[|METHOD] [host]/path[?key=value]`
    #[schemars(example = &"POST /repos/{owner}/{repo}/issues")]
    #[serde(rename = "match")]
    pub matches: At<String>,
    /// In a file that extends another: replace the other file's routes of this action.
    #[serde(default, rename = "override")]
    pub replaces: bool,
    /// Display name of the action.
    pub name: Option<At<String>>,
    /// URL of the action's documentation.
    pub docs: Option<At<String>>,
    /// Values to read from the request. Labels in braces of `match` and the domain are parameters already.
    #[serde(default)]
    pub params: Params,
    /// A sentence about the action, with `{parameter}` for values.
    #[schemars(example = &"create issue in {owner}/{repo}")]
    pub summary: Option<At<String>>,
    /// Condition over `body`, `form`, `query`, `headers`, `path`, `method`, `graphql` and `rpc`.
    #[schemars(example = &"body.state == \"closed\"")]
    pub when: Option<At<String>>,
    /// Body keys that a `when` route covers; any other key adds the plain route's action.
    #[schemars(example = ["state"])]
    pub only: Option<At<Vec<String>>>,
    /// Risk of the action; for a name made from the request a list: `[{ match: '*delete*', risk: high }, { risk: medium }]`.
    pub risk: Option<At<RiskEntry>>,
    /// The route only reads although its method is not GET, HEAD or OPTIONS, such as a search by POST. Informs people and the
    /// linter; `risk` is separate.
    #[serde(default)]
    pub reads: bool,
    /// Body formats, the default first: `json`, `form`, `multipart`, `none`, or a media type that is read as JSON.
    #[schemars(example = &"form")]
    pub body: Option<At<OneOrMany>>,
    /// Further places of a parameter that is read in the body: `query`, `form`.
    #[schemars(example = ["query"])]
    #[serde(default)]
    pub merge: Vec<At<String>>,
    /// Root fields of GraphQL operations: `mutation.createPullRequest`, globs allowed; `persisted.<id>` for a persisted document.
    #[schemars(example = &"mutation.createIssue")]
    pub graphql: Option<Sources>,
    /// JSON-RPC methods: `tools/call`, globs allowed.
    #[schemars(example = &"tools/call")]
    pub rpc: Option<Sources>,
    /// Requests inside this one: a `JSONPath` to members with method, path and body, `multipart` (Google's batch), or
    /// `undecoded`, which makes the action critical and requires its name in a permission.
    #[schemars(example = &"$.requests[*]")]
    pub batch: Option<At<BatchEntry>>,
    /// The route is `git-receive-pack`: one action for each ref, with `ref`, `force` and `delete`.
    #[serde(default)]
    pub git: bool,
    /// The route opens a WebSocket (RFC 6455) and matches no other requests. A permission must name the action.
    #[serde(default)]
    pub websocket: bool,
    /// Whether `Range` goes upstream.
    pub range: Option<bool>,
    /// Whether cookies pass in both directions.
    pub cookies: Option<Cookies>,
    /// Places of a credential in the answer: `$.access_token`, `header:X-Key`. The action is critical, and a permission must name
    /// it. `[]` states that the answer was checked and has none.
    #[schemars(example = ["$.access_token"])]
    pub response_secrets: Option<Vec<At<String>>>,
    /// Values to record from the answer: name to `$.key` or `header:X-Id`.
    #[serde(default)]
    pub response_params: Params,
    /// Limits of sizes and times.
    pub limits: Option<LimitsEntry>,
    /// Send requests without the gateway's credential, as presigned URLs require.
    pub no_credential: Option<bool>,
    /// Former names of the action; policies that name one still match, with a warning.
    #[schemars(example = ["issue.open"])]
    #[serde(default)]
    pub renamed_from: Vec<At<String>>,
    /// Requests, and the actions that they must be read as.
    #[serde(default)]
    pub tests: Vec<At<TestEntry>>,
}

impl RouteEntry {
    /// Returns whether the answer holds a credential.
    pub(crate) fn hands_out(&self) -> bool {
        self.response_secrets
            .as_ref()
            .is_some_and(|places| !places.is_empty())
    }
}

/// Limits of sizes and times.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsEntry {
    /// Largest body after decoding: `256KiB`, `32MiB`.
    #[schemars(example = &"32MiB")]
    pub body: Option<At<Size>>,
    /// Time for the answer to begin: `10m`.
    #[schemars(example = &"10m")]
    pub first_byte: Option<At<Period>>,
}

/// Tells whether cookies pass in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cookies {
    /// Cookies pass in both directions.
    Pass,
    /// Cookies pass in neither direction.
    Drop,
}
