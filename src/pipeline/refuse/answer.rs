//! Builds the answer for a refusal: problem+json, or the error shape of the API.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PROXY_AUTHENTICATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use super::{CODE, Code, DECISION, Question, REQUEST_ID, RETRY_SECONDS, RefusedExchange};
use crate::connector::{ErrorFacts, ErrorShape, Push};

/// How the client of an API reads errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    /// Error shape of the API.
    pub shape: ErrorShape,
    /// Of the JSON-RPC calls that the request holds.
    pub rpc_ids: Vec<serde_json::Value>,
    /// The push that the request is.
    pub push: Option<Push>,
}

/// A problem document, RFC 9457.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggest: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<&'a Question>,
    /// As `detail`: SDKs that do not know RFC 9457 look here.
    message: &'a str,
    error: ProblemError<'a>,
}

/// The member without which `stripe-node` and others take a refusal for a success, or show a status alone.
#[derive(Serialize)]
struct ProblemError<'a> {
    message: &'a str,
    r#type: &'static str,
    code: &'a str,
}

/// Returns the kind of an error as SDKs of model vendors and Stripe name it.
fn error_type(status: StatusCode) -> &'static str {
    match status {
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => "authentication_error",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_server_error() => "api_error",
        _ => "invalid_request_error",
    }
}

impl Native {
    /// Starts with a shape; what the answer must name is not known yet.
    #[must_use]
    pub fn new(shape: ErrorShape) -> Self {
        Self {
            shape,
            rpc_ids: Vec::new(),
            push: None,
        }
    }
}

impl RefusedExchange {
    /// Returns the answer: status, headers (`Content-Type`, `Tollgate-*`, `Proxy-Authenticate`, `Retry-After`), problem+json body.
    #[must_use]
    pub fn answer(&self) -> (StatusCode, HeaderMap, Bytes) {
        let native = self.native.as_deref();
        let (status, mut headers, body) = native
            .and_then(|native| self.native(native))
            .unwrap_or_else(|| self.problem());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CODE, HeaderValue::from_static(self.refusal.code.as_str()));
        headers.insert(
            DECISION,
            HeaderValue::from_static(self.refusal.code.decision()),
        );
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        match self.refusal.code {
            Code::ProxyAuthenticationRequired => {
                // Basic first: git sends its first CONNECT bare and goes on only if Basic is offered.
                headers.append(
                    PROXY_AUTHENTICATE,
                    HeaderValue::from_static("Basic realm=\"tollgate\""),
                );
                headers.append(
                    PROXY_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"tollgate\""),
                );
            }
            Code::Busy | Code::Draining | Code::JournalUnavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
            }
            _ => {}
        }
        (status, headers, body)
    }

    /// A policy's suggestion and a question have no field of their own in other shapes, so they follow the detail.
    ///
    /// `None` where the shape would have to name what was not read: a call's id, a push's refs.
    fn native(&self, native: &Native) -> Option<(StatusCode, HeaderMap, Bytes)> {
        let mut detail = self.refusal.detail.to_string();
        if let Some(suggest) = &self.refusal.suggest {
            detail.extend([" ", suggest]);
        }
        if let Some(approval) = &self.refusal.approval {
            detail.extend([" See ", &approval.url, "."]);
        }
        let facts = ErrorFacts {
            status: self.refusal.code.status(),
            code: self.refusal.code.as_str(),
            detail: &detail,
            request_id: &self.request_id,
            action: self.action.as_deref().unwrap_or_default(),
            rpc_ids: &native.rpc_ids,
            push: native.push.as_ref(),
        };
        let (status, headers, body) = native
            .shape
            .fits(&facts)
            .then(|| native.shape.answer(&facts))?;
        Some((status, headers, Bytes::from(body)))
    }

    fn problem(&self) -> (StatusCode, HeaderMap, Bytes) {
        let status = self.refusal.code.status();
        let problem = Problem {
            r#type: format!("urn:tollgate:refusal:{}", self.refusal.code.as_str()),
            title: status.canonical_reason().unwrap_or("Refused"),
            status: status.as_u16(),
            code: self.refusal.code.as_str(),
            detail: &self.refusal.detail,
            action: self.action.as_deref(),
            request_id: &self.request_id,
            suggest: self.refusal.suggest.as_deref(),
            approval: self.refusal.approval.as_deref(),
            message: &self.refusal.detail,
            error: ProblemError {
                message: &self.refusal.detail,
                r#type: error_type(status),
                code: self.refusal.code.as_str(),
            },
        };
        let mut body = serde_json::to_vec(&problem).unwrap_or_default();
        body.push(b'\n');
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        (status, headers, Bytes::from(body))
    }
}
