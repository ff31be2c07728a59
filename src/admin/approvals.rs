//! Serves `/api/v1/approvals`: lists the requests that wait for approval and takes operators' answers.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Facts;
use super::answer::{json, problem};
use super::extract::{Body, Params, PathNames};
use super::operator::Operator;
use super::problem::Problem;
use super::routes::Routes;
use crate::approval::{Approval, ApprovalStatus, ApprovalVerdict, ResolveError};
use crate::config::Role;
use crate::journal::Changed;
use crate::model::clock::stamp;

/// Query of the list, `?status=pending`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// `pending`, `approved`, `used`, `denied` or `expired`.
    status: Option<String>,
}

/// Body of an approval: `opened` is the `fingerprint` of a request that was shown in full.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// Required where a list cannot show everything that would be sent.
    opened: Option<String>,
    /// Seconds, at most a day, for which requests of the same agent with the same actions and parameters pass without asking; absent
    /// for this request alone.
    #[serde(default)]
    seconds: Option<u64>,
}

/// Longest time that an approval may last, in seconds.
const LONGEST: u64 = 24 * 3600;

/// Requests that wait for an operator, or were answered.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes an answer")]
struct ApprovalList {
    approvals: Vec<Json>,
}

pub(super) fn routes(routes: Routes<Facts>) -> Routes<Facts> {
    routes
        .at(Role::Viewer, routes!(list_approvals))
        .at(Role::Viewer, routes!(show_approval))
        .at(Role::Approver, routes!(approve))
        .at(Role::Approver, routes!(deny))
}

/// Lists requests that wait for approval
#[utoipa::path(get, path = "/api/v1/approvals", params(Wanted), responses((status = 200, body = ApprovalList)))]
async fn list_approvals(
    State(facts): State<Arc<Facts>>,
    Params(wanted): Params<Wanted>,
) -> Response {
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

/// Shows everything that would be sent, but for secrets
#[utoipa::path(
    get, path = "/api/v1/approvals/{id}", params(("id" = String, Path, description = "Id of the approval")),
    responses((status = 200, body = Map<String, Json>), (status = 404, body = Problem)),
)]
async fn show_approval(
    State(facts): State<Arc<Facts>>,
    PathNames(id): PathNames<String>,
) -> Response {
    match facts.controls.approvals.get(&id) {
        Some(approval) => json(StatusCode::OK, &approval),
        None => unresolved(&ResolveError::NotFound(id)),
    }
}

/// Approves a request, once or for a time
#[utoipa::path(
    post, path = "/api/v1/approvals/{id}/approve", request_body = Seen, params(("id" = String, Path, description = "Id of the approval")),
    responses((status = 200, body = Map<String, Json>), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
async fn approve(
    State(facts): State<Arc<Facts>>,
    Extension(operator): Extension<Operator>,
    PathNames(id): PathNames<String>,
    Body(Seen { opened, seconds }): Body<Seen>,
) -> Response {
    if seconds.is_some_and(|seconds| seconds == 0 || seconds > LONGEST) {
        let detail = "`seconds` is between 1 and 86400";
        return Problem::bad("seconds", detail).into_response();
    }
    let Some(seconds) = seconds else {
        let answer = (ApprovalVerdict::Approve, opened.as_deref());
        return resolve(&facts, &operator, &id, answer).await;
    };
    let (controls, by) = (&facts.controls, (operator.name.as_str(), opened.as_deref()));
    let approved = controls
        .approvals
        .approve_for(&id, by, Duration::from_secs(seconds));
    let approval = match approved {
        Ok(approval) => approval,
        Err(error) => return unresolved(&error),
    };
    let mut changed = change(&approval, ApprovalVerdict::Approve, &operator.name);
    let until = approval.answer.as_ref().and_then(|answer| answer.until);
    let until = until.map(stamp);
    changed.detail.insert("until".to_owned(), json!(until));
    controls.record(changed).await;
    json(StatusCode::OK, &approval)
}

/// Refuses a waiting request, or ends an approval for a time
#[utoipa::path(
    post, path = "/api/v1/approvals/{id}/deny", params(("id" = String, Path, description = "Id of the approval")),
    responses((status = 200, body = Map<String, Json>), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
async fn deny(
    State(facts): State<Arc<Facts>>,
    Extension(operator): Extension<Operator>,
    PathNames(id): PathNames<String>,
) -> Response {
    let controls = &facts.controls;
    if let Some(approval) = controls.approvals.end(&id, &operator.name) {
        let ended = change(&approval, ApprovalVerdict::Deny, &operator.name);
        controls.record(ended).await;
        return json(StatusCode::OK, &approval);
    }
    resolve(&facts, &operator, &id, (ApprovalVerdict::Deny, None)).await
}

async fn resolve(
    facts: &Facts,
    operator: &Operator,
    id: &str,
    (verdict, opened): (ApprovalVerdict, Option<&str>),
) -> Response {
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
        ResolveError::Unnamed => problem(StatusCode::CONFLICT, "unnamed", &error.to_string()),
        ResolveError::Another => problem(StatusCode::CONFLICT, "another", &error.to_string()),
        ResolveError::Over(approval) => {
            problem(StatusCode::CONFLICT, "not_pending", &over(approval))
        }
    }
}

/// Returns what became of an approval that can no longer be answered.
fn over(approval: &Approval) -> String {
    let answer = approval.answer.as_ref();
    let by = answer.map_or("nobody", |answer| answer.by.as_str());
    if let Some(ended_by) = answer.and_then(|answer| answer.ended_by.as_ref()) {
        return format!("it was approved by {by} and ended by {ended_by}");
    }
    match approval.status {
        ApprovalStatus::Used => format!("it was used already, approved by {by}"),
        ApprovalStatus::Approved => format!("it was approved already, by {by}"),
        ApprovalStatus::Denied => format!("it was denied already, by {by}"),
        ApprovalStatus::Expired => "it has expired; the same request asks again".to_owned(),
        ApprovalStatus::Pending => "it waits for another answer".to_owned(),
    }
}
