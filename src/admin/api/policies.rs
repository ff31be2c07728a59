//! Serves `/api/v1/policies`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::READ;
use crate::admin::extract::{Body, Change, Paging, Params, PathNames, Preview};
use crate::admin::problem::Problem;
use crate::admin::routes::Routes;
use crate::admin::service::Service;
use crate::admin::service::policies::{PolicyList, PolicyView, SetPolicy};
use crate::admin::service::replays::ReplayCandidates;
use crate::admin::service::rules::RemovedRule;
use crate::admin::time::moment;
use crate::config::Role;

pub(super) fn routes(routes: Routes<Service>) -> Routes<Service> {
    routes
        .at(READ, routes!(list_policies))
        .at(READ, routes!(show_policy))
        .at(Role::Editor, routes!(set_policy, remove_policy))
        .at(READ, routes!(replay))
}

/// Which policies, and what is counted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Counting {
    /// Most items, 1 to 1000.
    limit: Option<usize>,
    /// `next` of the answer before.
    cursor: Option<String>,
    /// Count recorded requests since this time: RFC 3339, or an age such as 2h or 7d.
    hits_since: Option<String>,
}

/// Lists policies of files and store
#[utoipa::path(get, path = "/api/v1/policies", params(Counting), responses((status = 200, body = PolicyList), (status = 400, body = Problem)))]
async fn list_policies(
    State(service): State<Arc<Service>>,
    Params(wanted): Params<Counting>,
) -> Result<Json<PolicyList>, Problem> {
    let since = wanted.hits_since.as_deref();
    let since = since.map(|text| moment("hits_since", text, service.clock().utc()));
    let all = service.policies(since.transpose()?).await?.into_iter();
    let paging = Paging {
        limit: wanted.limit,
        cursor: wanted.cursor,
    };
    let (page, next) = paging.page(all.enumerate().collect(), |(at, policy)| {
        match policy.from.as_str() {
            "store" => format!("store {}", policy.id),
            from => format!("file {at:08} {from}"),
        }
    })?;
    let policies = page.into_iter().map(|(_, policy)| policy).collect();
    Ok(Json(PolicyList { policies, next }))
}

/// Shows a policy as written
#[utoipa::path(
    get, path = "/api/v1/policies/{id}", params(("id" = String, Path, description = "Id of the policy")),
    responses((status = 200, body = PolicyView), (status = 404, body = Problem)),
)]
async fn show_policy(
    State(service): State<Arc<Service>>,
    PathNames(id): PathNames<String>,
) -> Result<Json<PolicyView>, Problem> {
    let mut all = service.policies(None).await?.into_iter();
    let found = all.find(|policy| policy.id == id);
    let unknown = || {
        let shown = crate::model::show::escape(&id);
        Problem::unknown("unknown_policy", format!("there is no policy `{shown}`"))
            .help("list them: `tollgate policy list`")
    };
    found.map(Json).ok_or_else(unknown)
}

/// Sets a policy of the store
#[utoipa::path(
    put, path = "/api/v1/policies/{id}", request_body(content = Map<String, Value>, description = "Keys of a policy file's policy, without `id`"),
    params(("id" = String, Path, description = "Id of the policy"), Preview, ("if-match" = Option<String>, Header, description = "Revision of a preview"), ("if-none-match" = Option<String>, Header, description = "`*` to replace nothing")),
    responses((status = 200, body = SetPolicy), (status = 409, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)),
)]
async fn set_policy(
    State(service): State<Arc<Service>>,
    change: Change,
    PathNames(id): PathNames<String>,
    Body(rule): Body<Map<String, Value>>,
) -> Result<Json<SetPolicy>, Problem> {
    let set = service.set_policy(&change.operator, (id, rule, change.is_new), change.mode);
    set.await.map(Json)
}

/// Removes a policy of the store
#[utoipa::path(
    delete, path = "/api/v1/policies/{id}",
    params(("id" = String, Path, description = "Id of the policy"), Preview, ("if-match" = Option<String>, Header, description = "Revision of a preview")),
    responses((status = 200, body = RemovedRule), (status = 404, body = Problem), (status = 412, body = Problem)),
)]
async fn remove_policy(
    State(service): State<Arc<Service>>,
    change: Change,
    PathNames(id): PathNames<String>,
) -> Result<Json<RemovedRule>, Problem> {
    let removed = service.remove_policy(&change.operator, &id, change.mode);
    removed.await.map(Json)
}

/// Decides recorded requests again under candidate rules, and groups what would be different
#[utoipa::path(
    post, path = "/api/v1/replay", request_body = ReplayCandidates,
    responses((status = 200, body = Map<String, Value>), (status = 409, body = Problem), (status = 422, body = Problem)),
)]
async fn replay(
    State(service): State<Arc<Service>>,
    Body(candidates): Body<ReplayCandidates>,
) -> Result<Json<Value>, Problem> {
    let since = candidates.since.as_deref().unwrap_or("7d");
    let since = moment("since", since, service.clock().utc())?;
    let found = service.replay(candidates, since).await?;
    Ok(Json(serde_json::to_value(found).unwrap_or_default()))
}
