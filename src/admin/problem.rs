//! Defines why the admin API refuses: a problem document (RFC 9457) with a code, what to do, and where it is about one, the field.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::config::diagnostic::Report;
use crate::store::StoreError;

/// A refusal of the admin API; boxed, since it is rare and large.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Problem(Box<ProblemDocument>);

/// The document of a refusal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// Always `about:blank`: `code` tells problems apart.
    #[serde(rename = "type")]
    pub kind: String,
    /// Phrase of the status.
    pub title: String,
    /// Status of the HTTP answer.
    pub status: u16,
    /// Stable name of the problem, such as `unknown_agent`.
    pub code: String,
    /// What is wrong, in one line.
    pub detail: String,
    /// What the operator can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The field of the body that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// More about the problem: `named_by`, `report`, `effect` and `revision`, or `diagnostics`.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Problem {
    /// Describes a problem by its code.
    #[must_use]
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemDocument {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("refused").to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
            help: None,
            field: None,
            more: Map::new(),
        }))
    }

    /// The body, the query or a path is not what the operation takes.
    #[must_use]
    pub fn bad(field: &str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "bad_request", detail);
        problem.0.field = Some(field.to_owned()).filter(|field| !field.is_empty());
        problem
    }

    /// There is nothing of this name.
    #[must_use]
    pub fn unknown(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// The present state does not let it be.
    #[must_use]
    pub fn conflict(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// Says what the operator can do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        let help = help.into();
        self.0.help = Some(help).filter(|help| !help.is_empty());
        self
    }

    /// Adds a field of its own.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.0.more.insert(name.to_owned(), value);
        self
    }

    /// Adds the problems in files that led to it.
    #[must_use]
    pub fn because(self, report: &Report) -> Self {
        let mut problem = self.with("report", report.to_text());
        if let Value::Object(shown) = report.to_json() {
            problem.0.more.extend(shown);
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

/// The store does not answer, or refuses.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (status, code) = match &error {
            StoreError::Exists { .. } => (StatusCode::CONFLICT, "exists"),
            StoreError::NotFound { .. } => (StatusCode::NOT_FOUND, "not_found"),
            StoreError::Unstorable { .. } => (StatusCode::BAD_REQUEST, "bad_request"),
            StoreError::Missing(_)
            | StoreError::Unsupported(_)
            | StoreError::BadUrl(_)
            | StoreError::Foreign(_)
            | StoreError::Newer { .. }
            | StoreError::Older { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Locked(_)
            | StoreError::ReadOnly(_)
            | StoreError::Full(_)
            | StoreError::Unreachable { .. }
            | StoreError::BadRow { .. }
            | StoreError::Failed { .. } => (StatusCode::SERVICE_UNAVAILABLE, "store"),
        };
        let (code, help) = match &error {
            StoreError::Locked(_) => (
                "store_unreached",
                "a gateway, a backup or another command holds it; try again in a moment",
            ),
            StoreError::Unreachable { .. } => ("store_unreached", ""),
            StoreError::Full(_) => (
                code,
                "free some space; nothing leaves the gateway that it cannot record",
            ),
            _ => (code, ""),
        };
        Self::new(status, code, error.to_string()).help(help)
    }
}
