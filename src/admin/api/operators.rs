//! Serves `/api/v1/operators`.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Json;
use utoipa_axum::routes;

use super::READ;
use crate::admin::extract::{Body, Paging, Params, PathNames};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::admin::routes::Routes;
use crate::admin::service::Service;
use crate::admin::service::operators::{AddedOperator, NewOperator, OperatorList, OperatorView};
use crate::admin::service::removal::Removed;
use crate::config::Role;

pub(super) fn routes(routes: Routes<Service>) -> Routes<Service> {
    routes
        .at(READ, routes!(list_operators))
        .at(Role::Owner, routes!(add_operator))
        .at(Role::Owner, routes!(remove_operator))
        .at(Role::Owner, routes!(rotate_operator))
}

/// Lists the operators of configuration and store
#[utoipa::path(get, path = "/api/v1/operators", params(Paging), responses((status = 200, body = OperatorList)))]
async fn list_operators(
    State(service): State<Arc<Service>>,
    Params(paging): Params<Paging>,
) -> Result<Json<OperatorList>, Problem> {
    let key = |operator: &OperatorView| format!("{} {}", operator.from, operator.name);
    let (operators, next) = paging.page(service.operators().await?, key)?;
    Ok(Json(OperatorList { operators, next }))
}

/// Adds an operator with a token
#[utoipa::path(
    post, path = "/api/v1/operators", request_body = NewOperator,
    responses((status = 201, body = AddedOperator), (status = 409, body = Problem), (status = 400, body = Problem)),
)]
async fn add_operator(
    State(service): State<Arc<Service>>,
    Extension(operator): Extension<Operator>,
    Body(new): Body<NewOperator>,
) -> Result<(StatusCode, Json<AddedOperator>), Problem> {
    let added = service.add_operator(&operator, new).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// Removes an operator of the store
#[utoipa::path(
    delete, path = "/api/v1/operators/{name}", params(("name" = String, Path, description = "Name of the operator")),
    responses((status = 200, body = Removed), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
async fn remove_operator(
    State(service): State<Arc<Service>>,
    Extension(operator): Extension<Operator>,
    PathNames(name): PathNames<String>,
) -> Result<Json<Removed>, Problem> {
    service.remove_operator(&operator, &name).await.map(Json)
}

/// Replaces the token of an operator
#[utoipa::path(
    post, path = "/api/v1/operators/{name}/rotate", params(("name" = String, Path, description = "Name of the operator")),
    responses((status = 200, body = AddedOperator), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
async fn rotate_operator(
    State(service): State<Arc<Service>>,
    Extension(operator): Extension<Operator>,
    PathNames(name): PathNames<String>,
) -> Result<Json<AddedOperator>, Problem> {
    service.rotate_operator(&operator, &name).await.map(Json)
}
