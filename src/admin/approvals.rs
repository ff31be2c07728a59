//! Serves `/api/v1/approvals`: lists the requests that wait for approval and takes operators' answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::Facts;
use super::answer::{json, problem};
use super::operator::authorize;
use crate::approval::{Approval, ApprovalStatus, ApprovalVerdict, ResolveError};
use crate::config::Role;
use crate::journal::Changed;

/// Query of the list, `?status=pending`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    status: Option<String>,
}

/// Body of an approval: `opened` is the `fingerprint` of a request that was shown in full.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    opened: Option<String>,
}

pub(super) fn routes() -> Router<Arc<Facts>> {
    Router::new()
        .route("/api/v1/approvals", get(list))
        .route("/api/v1/approvals/{id}", get(show))
        .route("/api/v1/approvals/{id}/approve", post(approve))
        .route("/api/v1/approvals/{id}/deny", post(deny))
}

async fn list(
    State(facts): State<Arc<Facts>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = authorize(&facts, &headers, Role::Viewer) {
        return *refused;
    }
    let Ok(Query(wanted)) = wanted else {
        let detail = "the only key is `status`";
        return problem(StatusCode::BAD_REQUEST, "bad_request", detail);
    };
    let mut approvals = facts.controls.approvals.list();
    if let Some(status) = wanted.status {
        let known = [
            ApprovalStatus::Pending,
            ApprovalStatus::Approved,
            ApprovalStatus::Used,
            ApprovalStatus::Denied,
            ApprovalStatus::Expired,
        ];
        let Some(status) = known.into_iter().find(|known| json!(known) == status) else {
            let detail = "a status is pending, approved, used, denied or expired";
            return problem(StatusCode::BAD_REQUEST, "bad_request", detail);
        };
        approvals.retain(|approval| approval.status == status);
    }
    let approvals: Vec<Json> = approvals.iter().map(Approval::summary).collect();
    json(StatusCode::OK, &json!({ "approvals": approvals }))
}

async fn show(
    State(facts): State<Arc<Facts>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = authorize(&facts, &headers, Role::Viewer) {
        return *refused;
    }
    match facts.controls.approvals.get(&id) {
        Some(approval) => json(StatusCode::OK, &approval),
        None => unresolved(&ResolveError::NotFound(id)),
    }
}

async fn approve(
    State(facts): State<Arc<Facts>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let seen = if body.is_empty() {
        Ok(Seen::default())
    } else {
        serde_json::from_slice(&body)
    };
    let Ok(Seen { opened }) = seen else {
        let detail = "the body is nothing, or `{ \"opened\": fingerprint }`";
        return problem(StatusCode::BAD_REQUEST, "bad_request", detail);
    };
    let answer = (ApprovalVerdict::Approve, opened.as_deref());
    resolve(&facts, &headers, &id, answer).await
}

async fn deny(
    State(facts): State<Arc<Facts>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    resolve(&facts, &headers, &id, (ApprovalVerdict::Deny, None)).await
}

async fn resolve(
    facts: &Facts,
    headers: &HeaderMap,
    id: &str,
    (verdict, opened): (ApprovalVerdict, Option<&str>),
) -> Response {
    let operator = match authorize(facts, headers, Role::Approver) {
        Ok(operator) => operator,
        Err(refused) => return *refused,
    };
    let controls = &facts.controls;
    let approval = match controls
        .approvals
        .resolve(id, verdict, (&operator.name, opened))
    {
        Ok(approval) => approval,
        Err(error) => return unresolved(&error),
    };
    controls
        .record(change(&approval, verdict, &operator.name))
        .await;
    json(StatusCode::OK, &approval)
}

fn change<'a>(approval: &'a Approval, verdict: ApprovalVerdict, operator: &'a str) -> Changed<'a> {
    let request = &approval.request;
    let mut detail = Map::new();
    detail.insert("fingerprint".to_owned(), json!(request.fingerprint));
    detail.insert("actions".to_owned(), request.actions.clone());
    detail.insert("asked_by".to_owned(), request.request_id.as_str().into());
    Changed {
        operator: operator.into(),
        what: match verdict {
            ApprovalVerdict::Approve => "approval.approve".into(),
            ApprovalVerdict::Deny => "approval.deny".into(),
        },
        subject: approval.id.as_str().into(),
        agent: request.agent.as_str().into(),
        action: request.action.as_str().into(),
        detail,
        ..Changed::default()
    }
}

fn unresolved(error: &ResolveError) -> Response {
    match error {
        ResolveError::NotFound(_) => {
            problem(StatusCode::NOT_FOUND, "not_found", &error.to_string())
        }
        ResolveError::Unopened(approval) => {
            let id = &approval.id;
            let detail = format!("{error}; look at all of it first: `tollgate approval show {id}`");
            problem(StatusCode::CONFLICT, "open_first", &detail)
        }
        ResolveError::Another => problem(StatusCode::CONFLICT, "another", &error.to_string()),
        ResolveError::Over(approval) => {
            let by = approval
                .answer
                .as_ref()
                .map_or_else(String::new, |answer| format!(" by {}", answer.by));
            let status = json!(approval.status);
            let status = status.as_str().unwrap_or_default();
            let detail = format!("it is no longer pending: {status}{by}");
            problem(StatusCode::CONFLICT, "not_pending", &detail)
        }
    }
}
