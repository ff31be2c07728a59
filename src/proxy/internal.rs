//! Answers requests to `tollgate.internal`; they are never forwarded.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;

use super::respond::{After, DRAIN, GatewayResponse, set_request_id};
use crate::model::agent::Agent;
use crate::model::target::{Authority, Host};
use crate::pipeline::{Gateway, Head};

/// The name. `.internal` is reserved for private use, so no upstream can have it.
const NAME: &str = "tollgate.internal";

const APPROVALS: &str = "/approvals/";

/// Pages of the internal host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// The certificate that agents must trust; no token.
    Certificate,
    /// Name and labels of the token's agent.
    WhoAmI,
    /// State of one of the agent's approvals, by its id.
    Approval,
    /// A path without a page.
    Unknown,
}

/// Returns whether this is the internal host.
pub(super) fn is_internal(authority: &Authority) -> bool {
    matches!(&authority.host, Host::Name(name) if &**name == NAME)
}

/// Returns the page of a path.
pub(super) fn page(path: &str) -> Page {
    match path {
        "/ca.pem" => Page::Certificate,
        "/whoami" => Page::WhoAmI,
        path if path.starts_with(APPROVALS) => Page::Approval,
        _ => Page::Unknown,
    }
}

/// Answers with the state of one of the agent's approvals.
pub(super) fn approval(gateway: &Gateway, agent: &Agent, head: &Head) -> GatewayResponse {
    let id = head.path.strip_prefix(APPROVALS).unwrap_or_default();
    match gateway.question(agent, id) {
        Some(question) => answer(
            &head.method,
            &head.request_id,
            "application/json",
            Bytes::from(question.to_string()),
        ),
        None => problem(
            StatusCode::NOT_FOUND,
            "not_found",
            "this agent has no such approval",
            &head.request_id,
        ),
    }
}

/// Answers with the CA certificate.
pub(super) fn certificate(pem: &str, method: &Method, request_id: &str) -> GatewayResponse {
    answer(
        method,
        request_id,
        "application/x-pem-file",
        Bytes::copy_from_slice(pem.as_bytes()),
    )
}

/// Answers with the agent's name and labels.
pub(super) fn who_am_i(agent: &Agent, method: &Method, request_id: &str) -> GatewayResponse {
    let body = json!({ "agent": agent.name.as_str(), "labels": agent.labels });
    answer(
        method,
        request_id,
        "application/json",
        Bytes::from(body.to_string()),
    )
}

/// Answers that there is no such page.
pub(super) fn unknown(request_id: &str) -> GatewayResponse {
    problem(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is `/ca.pem`, `/whoami` and `/approvals/{id}`",
        request_id,
    )
}

fn answer(method: &Method, request_id: &str, media: &'static str, body: Bytes) -> GatewayResponse {
    if method != Method::GET && method != Method::HEAD {
        let mut answer = problem(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "this can only be read",
            request_id,
        );
        answer
            .headers
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    GatewayResponse {
        status: StatusCode::OK,
        phrase: "".into(),
        headers: headers(media, request_id),
        body,
        drain_time: DRAIN,
        after: After::Stay,
    }
}

/// Builds a problem document, RFC 9457.
fn problem(status: StatusCode, code: &str, detail: &str, request_id: &str) -> GatewayResponse {
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({
        "type": "about:blank", "title": title, "status": status.as_u16(),
        "code": code, "detail": detail, "request_id": request_id,
    });
    GatewayResponse {
        status,
        phrase: "".into(),
        headers: headers("application/problem+json", request_id),
        body: Bytes::from(body.to_string()),
        drain_time: DRAIN,
        after: After::Stay,
    }
}

fn headers(media: &'static str, request_id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    set_request_id(&mut headers, request_id);
    headers
}
