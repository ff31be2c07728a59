//! Serves `/api/v1/kill-switch`: halts everything, a connector or an agent at once, or lifts a halt.
//!
//! INVARIANT: a halt takes effect before anything can fail. One that cannot be persisted is reported and stays in effect here.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Map, json};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Facts;
use super::answer::{json, problem};
use super::extract::{Body, PathNames};
use super::operator::Operator;
use super::problem::Problem;
use super::routes::Routes;
use crate::config::Role;
use crate::journal::Changed;
use crate::model::halt::{Halt, Scope};

/// Longest reason, in bytes.
const MAX_REASON: usize = 1024;

/// Body of `PUT`; it may be empty.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct Wish {
    /// For other operators, at most 1024 bytes.
    reason: Option<String>,
}

/// Approvers can halt in an emergency; lifting a halt requires the role that changes permissions.
const HALTING: Role = Role::Approver;
const LIFTING: Role = Role::Editor;

/// A halt in effect.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Halt` serialises to")]
struct HaltView {
    /// `all`, `connector` or `agent`.
    scope: String,
    /// Of the connector or agent; absent for `all`.
    name: Option<String>,
    /// Since when, as RFC 3339 has it.
    since: String,
    /// Name of the operator.
    by: String,
    /// What the operator gave for a reason.
    reason: Option<String>,
}

/// The halts in effect.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes an answer")]
struct HaltList {
    halts: Vec<HaltView>,
}

/// A halt that was lifted.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes an answer")]
struct Lifted {
    /// `all`, `connector` or `agent`.
    scope: String,
    /// Of the connector or agent; empty for `all`.
    name: String,
    /// False where nothing was halted.
    lifted: bool,
}

pub(super) fn routes(routes: Routes<Facts>) -> Routes<Facts> {
    routes
        .at(Role::Viewer, routes!(list_halts))
        .at(HALTING, routes!(halt_all))
        .at(LIFTING, routes!(lift_all))
        .at(HALTING, routes!(halt_one))
        .at(LIFTING, routes!(lift_one))
}

/// Lists the halts in effect
#[utoipa::path(get, path = "/api/v1/kill-switch", responses((status = 200, body = HaltList)))]
async fn list_halts(State(facts): State<Arc<Facts>>) -> Response {
    let halts = facts.controls.kill_switch.list();
    json(StatusCode::OK, &json!({ "halts": halts }))
}

/// Halts the requests of everything
#[utoipa::path(
    put, path = "/api/v1/kill-switch/{scope}", request_body = Wish, params(("scope" = String, Path, description = "`all`")),
    responses((status = 200, body = HaltView), (status = 404, body = Problem), (status = 503, body = Problem)),
)]
async fn halt_all(
    State(facts): State<Arc<Facts>>,
    Extension(operator): Extension<Operator>,
    PathNames(scope): PathNames<String>,
    Body(wish): Body<Wish>,
) -> Response {
    halt(&facts, operator, (&[scope], wish)).await
}

/// Halts a connector or an agent
#[utoipa::path(
    put, path = "/api/v1/kill-switch/{scope}/{name}", request_body = Wish,
    params(("scope" = String, Path, description = "`connector` or `agent`"), ("name" = String, Path, description = "Its name")),
    responses((status = 200, body = HaltView), (status = 404, body = Problem), (status = 503, body = Problem)),
)]
async fn halt_one(
    State(facts): State<Arc<Facts>>,
    Extension(operator): Extension<Operator>,
    PathNames((scope, name)): PathNames<(String, String)>,
    Body(wish): Body<Wish>,
) -> Response {
    halt(&facts, operator, (&[scope, name], wish)).await
}

/// Lifts the halt of everything
#[utoipa::path(
    delete, path = "/api/v1/kill-switch/{scope}", params(("scope" = String, Path, description = "`all`")),
    responses((status = 200, body = Lifted), (status = 404, body = Problem), (status = 503, body = Problem)),
)]
async fn lift_all(
    State(facts): State<Arc<Facts>>,
    Extension(operator): Extension<Operator>,
    PathNames(scope): PathNames<String>,
) -> Response {
    lift(&facts, operator, &[scope]).await
}

/// Lifts the halt of a connector or an agent
#[utoipa::path(
    delete, path = "/api/v1/kill-switch/{scope}/{name}",
    params(("scope" = String, Path, description = "`connector` or `agent`"), ("name" = String, Path, description = "Its name")),
    responses((status = 200, body = Lifted), (status = 404, body = Problem), (status = 503, body = Problem)),
)]
async fn lift_one(
    State(facts): State<Arc<Facts>>,
    Extension(operator): Extension<Operator>,
    PathNames((scope, name)): PathNames<(String, String)>,
) -> Response {
    lift(&facts, operator, &[scope, name]).await
}

async fn halt(facts: &Facts, operator: Operator, (path, wish): (&[String], Wish)) -> Response {
    let Some(scope) = scope(path) else {
        return unknown_scope();
    };
    let is_long = |text: &String| text.len() > MAX_REASON;
    if wish.reason.as_ref().is_some_and(is_long) {
        return Problem::bad("reason", "`reason` is over 1024 bytes").into_response();
    }
    let controls = &facts.controls;
    if !(controls.knows)(&scope) {
        let detail = format!("there is no {scope}");
        return problem(StatusCode::NOT_FOUND, "not_found", &detail);
    }
    let halt = Halt {
        scope,
        since: controls.clock.stamp(),
        by: operator.name,
        reason: wish.reason,
    };
    controls.kill_switch.halt(&halt);
    controls.changes.tell();
    tracing::warn!(operator = %halt.by, "halted {}", halt.scope);
    let kept = controls.store.put_halt(&halt).await;
    let mut detail = Map::new();
    if let Some(reason) = &halt.reason {
        detail.insert("reason".to_owned(), reason.as_str().into());
    }
    controls
        .record(change("kill.on", &halt.by, &halt.scope, detail))
        .await;
    match kept {
        Ok(()) => {
            controls.kill_switch.note_kept(&halt.scope);
            json(StatusCode::OK, &halt)
        }
        Err(error) => {
            let detail = format!(
                "in effect in this gateway, but not persisted: a restart lifts it ({error})"
            );
            problem(StatusCode::SERVICE_UNAVAILABLE, "not_kept", &detail)
        }
    }
}

async fn lift(facts: &Facts, operator: Operator, path: &[String]) -> Response {
    let Some(scope) = scope(path) else {
        return unknown_scope();
    };
    let controls = &facts.controls;
    // The store first: a halt that it still holds would come back with the next change.
    let stored = match controls.store.remove_halt(&scope).await {
        Ok(stored) => stored,
        Err(error) => {
            let detail = format!("still in effect: the store cannot be written ({error})");
            return problem(StatusCode::SERVICE_UNAVAILABLE, "not_kept", &detail);
        }
    };
    let was_halted = stored || controls.kill_switch.get(&scope).is_some();
    if was_halted {
        controls.kill_switch.lift(&scope);
        controls.changes.tell();
        tracing::warn!(operator = %operator.name, "lifted the halt of {scope}");
        controls
            .record(change("kill.off", &operator.name, &scope, Map::new()))
            .await;
    }
    json(
        StatusCode::OK,
        &json!({ "scope": scope.kind(), "name": scope.name(), "lifted": was_halted }),
    )
}

fn scope(path: &[String]) -> Option<Scope> {
    match path {
        [kind] => Scope::of(kind, ""),
        [kind, name] => Scope::of(kind, name),
        _ => None,
    }
}

fn unknown_scope() -> Response {
    let detail = "a scope is `all`, `connector/{id}` or `agent/{name}`";
    problem(StatusCode::NOT_FOUND, "not_found", detail)
}

fn change<'a>(
    what: &'static str,
    operator: &'a str,
    scope: &'a Scope,
    mut detail: Map<String, serde_json::Value>,
) -> Changed<'a> {
    detail.insert("scope".to_owned(), scope.kind().into());
    Changed {
        operator: operator.into(),
        what: what.into(),
        subject: scope.to_string().into(),
        agent: match scope {
            Scope::Agent(name) => name.as_str().into(),
            Scope::All | Scope::Connector(_) => "".into(),
        },
        detail,
        ..Changed::default()
    }
}
