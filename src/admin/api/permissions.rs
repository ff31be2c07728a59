//! Serves `/api/v1/permissions`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use serde_json::{Map, Value};
use utoipa_axum::routes;

use super::READ;
use crate::admin::extract::{Body, Change, Paging, Params, PathNames, Preview};
use crate::admin::problem::Problem;
use crate::admin::routes::Routes;
use crate::admin::service::Service;
use crate::admin::service::permissions::{PermissionList, SetPermission};
use crate::admin::service::rules::RemovedRule;
use crate::config::Role;

pub(super) fn routes(routes: Routes<Service>) -> Routes<Service> {
    routes
        .at(READ, routes!(list_permissions))
        .at(Role::Editor, routes!(set_permission))
        .at(Role::Editor, routes!(change_permission, remove_permission))
}

/// Lists permissions of files and store
#[utoipa::path(get, path = "/api/v1/permissions", params(Paging), responses((status = 200, body = PermissionList)))]
async fn list_permissions(
    State(service): State<Arc<Service>>,
    Params(paging): Params<Paging>,
) -> Result<Json<PermissionList>, Problem> {
    let all = service.permissions().await?.into_iter().enumerate();
    let (page, next) = paging.page(all.collect(), |(at, shown)| match shown.id {
        Some(id) => format!("store {id:020}"),
        None => format!("file {at:08} {}", shown.from),
    })?;
    let permissions = page.into_iter().map(|(_, shown)| shown).collect();
    Ok(Json(PermissionList { permissions, next }))
}

/// Sets a permission; one for the same agents and connector is replaced
#[utoipa::path(
    post, path = "/api/v1/permissions", request_body(content = Map<String, Value>, description = "Keys of a policy file's permission"),
    params(Preview, ("if-match" = Option<String>, Header, description = "Revision of a preview"), ("if-none-match" = Option<String>, Header, description = "`*` to replace nothing")),
    responses((status = 200, body = SetPermission), (status = 409, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)),
)]
async fn set_permission(
    State(service): State<Arc<Service>>,
    change: Change,
    Body(rule): Body<Map<String, Value>>,
) -> Result<Json<SetPermission>, Problem> {
    let set = service.set_permission(&change.operator, (None, rule, change.is_new), change.mode);
    set.await.map(Json)
}

/// Changes a permission of the store
#[utoipa::path(
    put, path = "/api/v1/permissions/{id}", request_body(content = Map<String, Value>, description = "Keys of a policy file's permission"),
    params(("id" = i64, Path, description = "Number of the permission"), Preview, ("if-match" = Option<String>, Header, description = "Revision of a preview"), ("if-none-match" = Option<String>, Header, description = "`*` to replace nothing")),
    responses((status = 200, body = SetPermission), (status = 404, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)),
)]
async fn change_permission(
    State(service): State<Arc<Service>>,
    change: Change,
    PathNames(id): PathNames<i64>,
    Body(rule): Body<Map<String, Value>>,
) -> Result<Json<SetPermission>, Problem> {
    let set = service.set_permission(
        &change.operator,
        (Some(id), rule, change.is_new),
        change.mode,
    );
    set.await.map(Json)
}

/// Removes a permission of the store
#[utoipa::path(
    delete, path = "/api/v1/permissions/{id}",
    params(("id" = i64, Path, description = "Number of the permission"), Preview, ("if-match" = Option<String>, Header, description = "Revision of a preview")),
    responses((status = 200, body = RemovedRule), (status = 404, body = Problem), (status = 412, body = Problem)),
)]
async fn remove_permission(
    State(service): State<Arc<Service>>,
    change: Change,
    PathNames(id): PathNames<i64>,
) -> Result<Json<RemovedRule>, Problem> {
    let removed = service.remove_permission(&change.operator, id, change.mode);
    let removed = removed.await?;
    Ok(Json(removed))
}
