//! Serves `/api/v1/credentials`.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Json, Response};
use utoipa_axum::routes;

use super::READ;
use crate::admin::extract::{
    Body, Cascading, Change, IfMatch, Paging, Params, PathNames, Preview, Removing,
};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::admin::routes::Routes;
use crate::admin::service::Service;
use crate::admin::service::additions::{AddedCredential, NewCredential};
use crate::admin::service::checks::CredentialHealth;
use crate::admin::service::credentials::{CredentialList, CredentialView};
use crate::admin::service::rebinding::Rebound;
use crate::admin::service::removal::Removed;
use crate::admin::service::rotation::{Rotated, Rotation};
use crate::admin::service::rules::Mode;
use crate::config::Role;

pub(super) fn routes(routes: Routes<Service>) -> Routes<Service> {
    routes
        .at(READ, routes!(list_credentials))
        .at(Role::Editor, routes!(add_credential))
        .at(READ, routes!(show_credential))
        .at(Role::Editor, routes!(remove_credential))
        .at(Role::Editor, routes!(test_credential))
        .at(Role::Editor, routes!(rotate_credential))
        .at(Role::Editor, routes!(rebind_credential))
}

/// Lists credentials of configuration and store, without their secrets
#[utoipa::path(get, path = "/api/v1/credentials", params(Paging), responses((status = 200, body = CredentialList)))]
async fn list_credentials(
    State(service): State<Arc<Service>>,
    Params(paging): Params<Paging>,
) -> Result<Json<CredentialList>, Problem> {
    let (all, warnings) = service.credentials().await?;
    let (credentials, next) = paging.page(all, |credential| credential.id.clone())?;
    Ok(Json(CredentialList {
        credentials,
        warnings,
        next,
    }))
}

/// Adds a credential; its fields go in and never come out
#[utoipa::path(
    post, path = "/api/v1/credentials", request_body = NewCredential, params(Preview),
    responses((status = 201, body = AddedCredential), (status = 200, body = AddedCredential), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)),
)]
async fn add_credential(
    State(service): State<Arc<Service>>,
    change: Change,
    Body(new): Body<NewCredential>,
) -> Result<Response, Problem> {
    let status = match change.mode {
        Mode::Preview => StatusCode::OK,
        Mode::Write { .. } => StatusCode::CREATED,
    };
    let added = service.add_credential(&change.operator, new, change.mode);
    Ok((status, Json(added.await?)).into_response())
}

/// Shows a credential, without its secrets
#[utoipa::path(
    get, path = "/api/v1/credentials/{id}", params(("id" = String, Path, description = "Id of the credential")),
    responses((status = 200, body = CredentialView), (status = 404, body = Problem)),
)]
async fn show_credential(
    State(service): State<Arc<Service>>,
    PathNames(id): PathNames<String>,
) -> Result<Json<CredentialView>, Problem> {
    service.credential(&id).await.map(Json)
}

/// Removes a credential of the store
#[utoipa::path(
    delete, path = "/api/v1/credentials/{id}", params(("id" = String, Path, description = "Id of the credential"), Cascading, ("if-match" = Option<String>, Header, description = "Revision of a preview")),
    responses((status = 200, body = Removed), (status = 404, body = Problem), (status = 409, body = Problem), (status = 412, body = Problem)),
)]
async fn remove_credential(
    State(service): State<Arc<Service>>,
    removal: Removing,
    PathNames(id): PathNames<String>,
) -> Result<Json<Removed>, Problem> {
    let how = (removal.cascade, removal.mode);
    let removed = service.remove_credential(&removal.operator, &id, how).await;
    removed.map(Json)
}

/// Tests a credential with its connector's health request
#[utoipa::path(
    post, path = "/api/v1/credentials/{id}/test", params(("id" = String, Path, description = "Id of the credential")),
    responses((status = 200, body = CredentialHealth), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
async fn test_credential(
    State(service): State<Arc<Service>>,
    PathNames(id): PathNames<String>,
) -> Result<Json<CredentialHealth>, Problem> {
    service.test_credential(&id).await.map(Json)
}

/// Replaces the fields of a credential once the new ones are seen to work
#[utoipa::path(
    post, path = "/api/v1/credentials/{id}/rotate", request_body = Rotation,
    params(("id" = String, Path, description = "Id of the credential"), ("if-match" = Option<String>, Header, description = "Revision of the credential")),
    responses((status = 200, body = Rotated), (status = 404, body = Problem), (status = 409, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)),
)]
async fn rotate_credential(
    State(service): State<Arc<Service>>,
    Extension(operator): Extension<Operator>,
    IfMatch(if_match): IfMatch,
    PathNames(id): PathNames<String>,
    Body(rotation): Body<Rotation>,
) -> Result<Json<Rotated>, Problem> {
    let rotated = service.rotate_credential(&operator, (&id, if_match), rotation);
    rotated.await.map(Json)
}

/// Binds a credential to where its connector puts it now
#[utoipa::path(
    post, path = "/api/v1/credentials/{id}/rebind",
    params(("id" = String, Path, description = "Id of the credential"), Preview, ("if-match" = Option<String>, Header, description = "Revision of the credential")),
    responses((status = 200, body = Rebound), (status = 404, body = Problem), (status = 409, body = Problem), (status = 412, body = Problem)),
)]
async fn rebind_credential(
    State(service): State<Arc<Service>>,
    change: Change,
    PathNames(id): PathNames<String>,
) -> Result<Json<Rebound>, Problem> {
    let rebound = service.rebind_credential(&change.operator, &id, change.mode);
    rebound.await.map(Json)
}
