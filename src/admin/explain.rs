//! Serves `/api/v1/explain`: how the running gateway would read and decide a request. Nothing is sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Facts;
use super::answer::json;
use super::extract::Body;
use super::problem::Problem;
use super::routes::Routes;
use crate::config::Role;
use crate::model::show::escape;
use crate::simulate::explain::Question;

/// A request that is asked about.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Agent that would send it.
    pub agent: String,
    /// HTTP method in upper case.
    pub method: String,
    /// Absolute, as in `https://host/path?query`.
    pub url: String,
    /// Each is `[name, value]`.
    #[serde(default)]
    // Generators of clients do not know tuples.
    #[schema(value_type = Vec<Vec<String>>)]
    pub headers: Vec<(String, String)>,
    /// The body, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}

/// How it would be decided.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Explanation` serialises to")]
struct ExplanationView {
    /// `allow`, `deny` or `require_approval`.
    decision: String,
    /// The connector whose domain it is.
    connector: Option<String>,
    /// Each has `name`, `risk`, `special`, `params`, `from` (where each parameter is read) and `summary`.
    actions: Vec<BTreeMap<String, serde_json::Value>>,
    /// Ids of the policies and permissions that decided.
    by: Vec<String>,
    /// Messages of the expressions that failed.
    failures: Vec<String>,
    /// The credential that would be injected.
    credential: Option<String>,
    /// The refusal's code, where it is one.
    code: Option<String>,
    /// The detail that the agent would get.
    detail: Option<String>,
    /// The next step that a policy suggests.
    suggest: Option<String>,
    /// Method and URL as they would be sent.
    sent: Option<String>,
    /// Headers that would not be sent.
    dropped_headers: Vec<String>,
    /// The routes whose path fits: `action`, `match`, `when`, `place`, and `lost` for why the request is not that action.
    routes: Vec<BTreeMap<String, serde_json::Value>>,
    /// For each `action` its `rules`: `id`, `kind`, `place`, `decision`, `because`, and `condition` with the value of each part.
    rules: Vec<BTreeMap<String, serde_json::Value>>,
    /// `scheme`, `hosts`, `path` and `agents` of the credential.
    binding: Option<BTreeMap<String, serde_json::Value>>,
    /// `host:port` of the target.
    egress: Option<String>,
}

pub(super) fn routes(routes: Routes<Facts>) -> Routes<Facts> {
    routes.at(Role::Viewer, routes!(explain))
}

/// Explains how a request would be read and decided
#[utoipa::path(
    post, path = "/api/v1/explain", request_body = Asked,
    responses((status = 200, body = ExplanationView), (status = 404, body = Problem)),
)]
async fn explain(
    State(facts): State<Arc<Facts>>,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    let body = match (&asked.body_base64, asked.body) {
        (Some(coded), _) => STANDARD
            .decode(coded)
            .map_err(|_| Problem::bad("body_base64", "`body_base64` is not base64"))?,
        (None, text) => text.unwrap_or_default().into_bytes(),
    };
    let question = Question::parse(&asked.method, &asked.url, &asked.headers, body.into());
    let question = question.map_err(|error| Problem::bad("url", error.to_string()))?;
    let explained = (facts.explain)(&asked.agent, &question).ok_or_else(|| {
        let detail = format!("there is no agent `{}`", escape(&asked.agent));
        Problem::unknown("unknown_agent", detail).help("list them: `tollgate agent list`")
    })?;
    Ok(json(StatusCode::OK, &explained))
}
