//! One entry of `routes:` as written.

use serde::Deserialize;

use crate::config::units::{Period, Size};
use crate::config::yaml::At;
use crate::connector::manifest::entry::{EachEntry, OneOrMany, Params, RiskEntry, Sources};
use crate::connector::manifest::test::TestEntry;

/// One entry of `routes:`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteEntry {
    /// Name without the connector's id: `issue.create`, or one made of what the request says: `tool.{rpc.params.name}`.
    #[schemars(example = &"issue.create")]
    pub action: At<String>,
    /// `METHOD[|METHOD] [host]/path[?key=value]`
    #[schemars(example = &"POST /repos/{owner}/{repo}/issues")]
    #[serde(rename = "match")]
    pub matches: At<String>,
    /// In a file that extends another: replaces that one's routes of this action.
    #[serde(default, rename = "override")]
    pub replaces: bool,
    /// For people.
    pub name: Option<At<String>>,
    /// Where it is documented.
    pub docs: Option<At<String>>,
    /// What is taken out of the request. Labels in braces of `match` and the domain are parameters by themselves.
    #[serde(default)]
    pub params: Params,
    /// A sentence with `{parameter}` in it.
    #[schemars(example = &"create issue in {owner}/{repo}")]
    pub summary: Option<At<String>>,
    /// Condition over `body`, `form`, `query`, `headers`, `path`, `method`, `graphql` and `rpc`.
    #[schemars(example = &"body.state == \"closed\"")]
    pub when: Option<At<String>>,
    /// The body keys that a `when` route stands for; any other key adds the plain route's action.
    #[schemars(example = ["state"])]
    pub only: Option<At<Vec<String>>>,
    /// Stated risk, or by what a dynamic name is made of: `[{ match: '*delete*', risk: high }, { risk: medium }]`.
    pub risk: Option<At<RiskEntry>>,
    /// Whether it only reads although its method is not GET, HEAD or OPTIONS, as a search by POST does. Says so to people and
    /// to the linter; the risk is stated beside it.
    #[serde(default)]
    pub reads: bool,
    /// How bodies are read, the default first: `json`, `form`, `multipart`, `none`, or a media type that is read as JSON.
    #[schemars(example = &"form")]
    pub body: Option<At<OneOrMany>>,
    /// Where else a parameter that is read in the body may stand: `query`, `form`.
    #[schemars(example = ["query"])]
    #[serde(default)]
    pub merge: Vec<At<String>>,
    /// The root fields of GraphQL operations that the route is for: `mutation.createPullRequest`, globs allowed;
    /// `persisted.<id>` for a persisted document.
    #[schemars(example = &"mutation.createIssue")]
    pub graphql: Option<Sources>,
    /// The JSON-RPC methods that the route is for: `tools/call`, globs allowed.
    #[schemars(example = &"tools/call")]
    pub rpc: Option<Sources>,
    /// Where the requests are that this one carries: a `JSONPath` to members with method, path and body, `multipart`
    /// (Google's batch), or `undecoded`: then the action is critical and must be named.
    #[schemars(example = &"$.requests[*]")]
    pub each: Option<At<EachEntry>>,
    /// Whether this is `git-receive-pack`: one action for each ref, with `ref`, `force` and `delete`.
    #[serde(default)]
    pub git: bool,
    /// Whether it opens a WebSocket (RFC 6455); other requests are other routes, and the action must be named.
    #[serde(default)]
    pub websocket: bool,
    /// Whether `Range` goes upstream.
    pub range: Option<bool>,
    /// Whether cookies go upstream and come back.
    pub cookies: Option<Cookies>,
    /// Where the answer holds a credential: `$.access_token`, `header:X-Key`. The action is critical and must be named.
    /// `[]` says that somebody has looked, and that it holds none.
    #[schemars(example = ["$.access_token"])]
    pub issues: Option<Vec<At<String>>>,
    /// What is taken out of the answer for the record: name to `$.key` or `header:X-Id`.
    #[serde(default)]
    pub response_params: Params,
    /// Sizes and times.
    pub limits: Option<LimitsEntry>,
    /// Whether requests go out without the gateway's credential, as presigned URLs do.
    pub no_credential: Option<bool>,
    /// Former names of the action; policies that name one still match, with a warning.
    #[schemars(example = ["issue.open"])]
    #[serde(default)]
    pub was: Vec<At<String>>,
    /// What requests must be read as.
    #[serde(default)]
    pub tests: Vec<At<TestEntry>>,
}

impl RouteEntry {
    /// Returns whether the answer holds a credential.
    pub(crate) fn hands_out(&self) -> bool {
        self.issues
            .as_ref()
            .is_some_and(|places| !places.is_empty())
    }
}

/// `limits:`
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsEntry {
    /// Bytes of a body after decoding: `256KiB`, `32MiB`.
    #[schemars(example = &"32MiB")]
    pub body: Option<At<Size>>,
    /// How long the answer may be awaited: `10m`.
    #[schemars(example = &"10m")]
    pub first_byte: Option<At<Period>>,
}

/// `cookies:`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cookies {
    /// Both ways.
    Pass,
    /// Neither way.
    Drop,
}
