//! Serves `/api/v1/kill-switch`: halts everything, a connector or an agent at once, or lifts a halt.
//!
//! INVARIANT: a halt takes effect before anything can fail. One that cannot be persisted is reported and stays in effect here.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, put};
use serde::Deserialize;
use serde_json::{Map, json};

use super::Facts;
use super::answer::{json, problem};
use super::operator::authorize;
use crate::config::Role;
use crate::journal::Changed;
use crate::model::halt::{Halt, Scope};

/// Longest reason, in bytes.
const MAX_REASON: usize = 1024;

/// Body of `PUT`; it may be empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wish {
    reason: Option<String>,
}

/// Approvers can halt in an emergency; lifting a halt requires the role that changes permissions.
const HALTING: Role = Role::Approver;
const LIFTING: Role = Role::Editor;

pub(super) fn routes() -> Router<Arc<Facts>> {
    Router::new()
        .route("/api/v1/kill-switch", get(list))
        .route("/api/v1/kill-switch/{scope}", put(halt).delete(lift))
        .route("/api/v1/kill-switch/{scope}/{name}", put(halt).delete(lift))
}

async fn list(State(facts): State<Arc<Facts>>, headers: HeaderMap) -> Response {
    match authorize(&facts, &headers, Role::Viewer) {
        Ok(_) => json(
            StatusCode::OK,
            &json!({ "halts": facts.controls.kill_switch.list() }),
        ),
        Err(refused) => *refused,
    }
}

async fn halt(
    State(facts): State<Arc<Facts>>,
    Path(path): Path<Vec<String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let operator = match authorize(&facts, &headers, HALTING) {
        Ok(operator) => operator,
        Err(refused) => return *refused,
    };
    let (scope, wish) = match (scope(&path), wish(&body)) {
        (Some(scope), Ok(wish)) => (scope, wish),
        (None, _) => return unknown_scope(),
        (_, Err(refused)) => return *refused,
    };
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

async fn lift(
    State(facts): State<Arc<Facts>>,
    Path(path): Path<Vec<String>>,
    headers: HeaderMap,
) -> Response {
    let operator = match authorize(&facts, &headers, LIFTING) {
        Ok(operator) => operator,
        Err(refused) => return *refused,
    };
    let Some(scope) = scope(&path) else {
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

fn wish(body: &[u8]) -> Result<Wish, Box<Response>> {
    if body.is_empty() {
        return Ok(Wish::default());
    }
    let bad = |detail: &str| Box::new(problem(StatusCode::BAD_REQUEST, "bad_request", detail));
    let wish: Wish =
        serde_json::from_slice(body).map_err(|error| bad(&format!("the body: {error}")))?;
    if wish
        .reason
        .as_ref()
        .is_some_and(|text| text.len() > MAX_REASON)
    {
        return Err(bad("`reason` is over 1024 bytes"));
    }
    Ok(wish)
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
