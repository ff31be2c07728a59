//! Serves `/api/v1/agents` and their tokens.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Json;
use utoipa_axum::routes;

use super::READ;
use crate::admin::extract::{Body, Cascading, Paging, Params, PathNames, Removing};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::admin::routes::Routes;
use crate::admin::service::Service;
use crate::admin::service::agents::{AddedAgent, AgentList, AgentView, Labels, NewAgent};
use crate::admin::service::removal::Removed;
use crate::admin::service::tokens::{AddedToken, NewToken, TokenList};
use crate::config::Role;

pub(super) fn routes(routes: Routes<Service>) -> Routes<Service> {
    routes
        .at(READ, routes!(list_agents))
        .at(Role::Editor, routes!(add_agent))
        .at(Role::Editor, routes!(label_agent, remove_agent))
        .at(READ, routes!(list_tokens))
        .at(Role::Editor, routes!(add_token))
        .at(Role::Editor, routes!(revoke_token))
}

/// Lists the agents of configuration and store
#[utoipa::path(get, path = "/api/v1/agents", params(Paging), responses((status = 200, body = AgentList)))]
async fn list_agents(
    State(service): State<Arc<Service>>,
    Params(paging): Params<Paging>,
) -> Result<Json<AgentList>, Problem> {
    // Those of the configuration come first: `configuration` is before `store`.
    let key = |agent: &AgentView| format!("{} {}", agent.from, agent.name);
    let (agents, next) = paging.page(service.agents().await?, key)?;
    Ok(Json(AgentList { agents, next }))
}

/// Adds an agent with a token
#[utoipa::path(
    post, path = "/api/v1/agents", request_body = NewAgent,
    responses((status = 201, body = AddedAgent), (status = 409, body = Problem), (status = 400, body = Problem)),
)]
async fn add_agent(
    State(service): State<Arc<Service>>,
    Extension(operator): Extension<Operator>,
    Body(new): Body<NewAgent>,
) -> Result<(StatusCode, Json<AddedAgent>), Problem> {
    let added = service.add_agent(&operator, new).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// Replaces the labels of an agent
#[utoipa::path(
    patch, path = "/api/v1/agents/{name}", request_body = Labels, params(("name" = String, Path, description = "Name of the agent")),
    responses((status = 200, body = AgentView), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
async fn label_agent(
    State(service): State<Arc<Service>>,
    Extension(operator): Extension<Operator>,
    PathNames(name): PathNames<String>,
    Body(labels): Body<Labels>,
) -> Result<Json<AgentView>, Problem> {
    service
        .label_agent(&operator, &name, labels)
        .await
        .map(Json)
}

/// Removes an agent and its tokens
#[utoipa::path(
    delete, path = "/api/v1/agents/{name}", params(("name" = String, Path, description = "Name of the agent"), Cascading, ("if-match" = Option<String>, Header, description = "Revision of a preview")),
    responses((status = 200, body = Removed), (status = 404, body = Problem), (status = 409, body = Problem), (status = 412, body = Problem)),
)]
async fn remove_agent(
    State(service): State<Arc<Service>>,
    removal: Removing,
    PathNames(name): PathNames<String>,
) -> Result<Json<Removed>, Problem> {
    let how = (removal.cascade, removal.mode);
    let removed = service.remove_agent(&removal.operator, &name, how).await;
    removed.map(Json)
}

/// Lists the tokens of an agent
#[utoipa::path(
    get, path = "/api/v1/agents/{name}/tokens", params(("name" = String, Path, description = "Name of the agent")),
    responses((status = 200, body = TokenList), (status = 404, body = Problem)),
)]
async fn list_tokens(
    State(service): State<Arc<Service>>,
    PathNames(name): PathNames<String>,
) -> Result<Json<TokenList>, Problem> {
    let tokens = service.tokens(&name).await?;
    Ok(Json(TokenList { tokens }))
}

/// Adds a token to an agent
#[utoipa::path(
    post, path = "/api/v1/agents/{name}/tokens", request_body = NewToken,
    params(("name" = String, Path, description = "Name of the agent")),
    responses((status = 201, body = AddedToken), (status = 404, body = Problem), (status = 400, body = Problem)),
)]
async fn add_token(
    State(service): State<Arc<Service>>,
    Extension(operator): Extension<Operator>,
    PathNames(name): PathNames<String>,
    Body(new): Body<NewToken>,
) -> Result<(StatusCode, Json<AddedToken>), Problem> {
    let added = service.add_token(&operator, &name, new).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// Revokes a token of an agent
#[utoipa::path(
    delete, path = "/api/v1/agents/{name}/tokens/{id}",
    params(("name" = String, Path, description = "Name of the agent"), ("id" = String, Path, description = "Id of the token")),
    responses((status = 200, body = Removed), (status = 404, body = Problem)),
)]
async fn revoke_token(
    State(service): State<Arc<Service>>,
    Extension(operator): Extension<Operator>,
    PathNames((name, id)): PathNames<(String, String)>,
) -> Result<Json<Removed>, Problem> {
    service.revoke_token(&operator, &name, &id).await.map(Json)
}
