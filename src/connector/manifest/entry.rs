//! Defines the values of the connector file that have more than one spelling.

mod spelling;

use std::collections::BTreeMap;

use crate::config::yaml::{self, At, ShortOr};
use crate::connector::manifest::SchemeManifest;
use crate::model::action::Risk;
use crate::model::value::ValueType;

/// A text or several, each with its place.
pub(crate) type Sources = yaml::OneOrMany<At<String>>;

/// `risk:`, one or by pattern.
pub(crate) type RiskEntry = ShortOr<Risk, Vec<RiskRule>>;

/// `batch:`, short or in full.
pub(crate) type BatchEntry = ShortOr<String, BatchMap>;

/// `errors:`, a known shape or one of the API's own.
pub(crate) type ErrorsEntry = ShortOr<String, yaml::OneOrMany<ErrorsMap>>;

/// The value of `auth:`, schemes or `none`.
#[derive(Debug)]
pub enum Auth {
    /// `none`: a public API.
    None,
    /// The schemes, the default first.
    Schemes(Vec<SchemeManifest>),
}

/// The value of `tls:` for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// The gateway terminates the agent's TLS and opens its own; the default.
    Terminate,
    /// The agent's TLS goes to the upstream unread.
    Passthrough,
}

/// The value of `unknown_headers:` for the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownHeaders {
    /// Unknown headers go upstream.
    Pass,
}

/// An entry of `domains:`: a host, or a host with what is its own.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DomainMap {
    /// `host`, `*.host`, `**.host`, `{name}.host`, each with an optional port.
    #[schemars(example = &"{site}.atlassian.net")]
    pub host: String,
    /// Replaces the connector's value.
    #[schemars(example = ["/ex/jira/{cloud_id}/rest"])]
    pub base_paths: Option<Vec<At<String>>>,
    /// Ids of the schemes that this host accepts, or `none` for a public host. With `none` beside schemes, requests go out without a
    /// credential if none is bound to the host.
    #[schemars(example = &"oauth")]
    pub auth: Option<Sources>,
    /// Replaces the connector's value.
    pub tls: Option<Tls>,
}

/// An entry of `domains:`, in its long form.
#[derive(Debug)]
pub struct DomainEntry(pub DomainMap);

/// `params:`, in the order of the file.
#[derive(Debug, Default)]
pub struct Params(pub Vec<(String, At<ParamEntry>)>);

/// One parameter: a source, a list of sources, or a map with options.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParamMap {
    /// Place of the value, or several of which the request has one: `$.key`, `query:key`, `form:key`, `header:X-Key`,
    /// `path:name`, `arg:name`. Absent for a captured label.
    #[schemars(example = &"$.fields.project.key")]
    pub from: Option<OneOrMany>,
    /// Expression that computes the value from the route's other parameters: `params.owner + "/" + params.repo`. Replaces `from`.
    #[schemars(example = &"params.owner + '/' + params.repo")]
    pub cel: Option<String>,
    /// Required type of the value.
    #[serde(rename = "type")]
    pub value_type: Option<ValueType>,
    /// Refuse requests without the parameter.
    #[serde(default)]
    pub required: bool,
    /// Anchored regular expression; a value that does not match refuses the request.
    #[schemars(example = &"[A-Z][A-Z0-9_]+")]
    pub pattern: Option<String>,
    /// Case that the value is converted to.
    pub fold: Option<Fold>,
    /// Policies can compare the value; it is shown and recorded only as a keyed hash.
    #[serde(default)]
    pub secret: bool,
    /// Further places of the same name: `query`, `form`. If two have a value, they must agree.
    #[schemars(example = ["query"])]
    pub merge: Option<Vec<String>>,
}

impl ParamMap {
    /// Returns whether nothing but a source is said.
    pub fn is_plain(&self) -> bool {
        let Self {
            from: _,
            cel,
            value_type,
            required,
            pattern,
            fold,
            secret,
            merge,
        } = self;
        let options = cel.is_some() || value_type.is_some() || pattern.is_some() || fold.is_some();
        !options && !required && !secret && merge.is_none()
    }
}

/// The value of `fold:` for a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fold {
    /// Convert ASCII letters to lower case.
    Lower,
    /// Convert ASCII letters to upper case.
    Upper,
}

/// One parameter, in its long form.
#[derive(Debug, Default)]
pub struct ParamEntry(pub ParamMap);

/// One line of a risk list; the first that matches counts.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskRule {
    /// Pattern for the text that the name is made from, without case; absent: any.
    #[schemars(example = &"*delete*")]
    #[serde(rename = "match")]
    pub pattern: Option<At<String>>,
    /// Risk of actions that match.
    pub risk: Risk,
}

/// `batch:` in full. Paths start at a member.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchMap {
    /// `JSONPath` to the members, as `$.requests[*]`.
    #[schemars(example = &"$.requests[*]")]
    pub members: At<String>,
    /// Place of the member's method; default: `$.method`, and GET if absent.
    #[schemars(example = &"$.method")]
    pub method: Option<At<String>>,
    /// Place of the member's path and query, or URL; default: `$.path` or `$.url`.
    #[schemars(example = &"$.url")]
    pub path: Option<At<String>>,
    /// Place of the member's body; default: `$.body`.
    #[schemars(example = &"$.body")]
    pub body: Option<At<String>>,
    /// Place of the member's headers, a map; default: `$.headers`.
    #[schemars(example = &"$.headers")]
    pub headers: Option<At<String>>,
    /// Prefix of a member's path, such as `/v1.0`.
    #[schemars(example = &"/v1.0")]
    pub base: Option<At<String>>,
}

/// An error shape in its long form.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorsMap {
    /// Prefix of the request's `Content-Type` that the shape applies to; default: all.
    #[schemars(example = &"application/json")]
    #[serde(rename = "for")]
    pub media: Option<String>,
    /// Status of a refusal by decision; default: 403.
    pub status: Option<u16>,
    /// Content type of the answer; default: `application/json`.
    #[schemars(example = &"application/xml")]
    pub content_type: Option<At<String>>,
    /// Further headers of the answer.
    #[schemars(example = serde_json::json!({ "X-Reason": "{code}" }))]
    #[serde(default)]
    pub headers: BTreeMap<String, At<String>>,
    /// Body as JSON or text, with `{detail}`, `{code}`, `{status}`, `{title}`, `{request_id}`, `{action}`, `{rpc_id}` filled in.
    pub body: serde_json::Value,
    /// Framing of a text for git; default: none.
    pub framing: Option<Framing>,
}

/// How a text is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// One packet line of git's protocol.
    PacketLine,
    /// A report that refuses each ref of a push for the reason that the text gives.
    ReportStatus,
}

/// A text or a list of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany(pub Vec<String>);
