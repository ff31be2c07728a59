//! Serves `/api/v1/credentials`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use utoipa_axum::routes;

use crate::admin::extract::{Cascading, PathNames, Removing};
use crate::admin::problem::Problem;
use crate::admin::routes::Routes;
use crate::admin::service::Service;
use crate::admin::service::removal::Removed;
use crate::config::Role;

pub(super) fn routes(routes: Routes<Service>) -> Routes<Service> {
    routes.at(Role::Editor, routes!(remove_credential))
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
