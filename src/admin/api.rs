//! Serves the resources of `/api/v1` that the service manages. Each handler reads the request, calls the service, and answers.

mod agents;
mod checks;
mod connectors;
mod credentials;
mod operators;
mod permissions;
mod policies;
mod records;
mod summary;

use std::sync::Arc;

use axum::Router;
use utoipa::openapi::{Components, InfoBuilder, OpenApi};

use super::operator::Operator;
use super::problem::{Problem, ProblemDocument};
use super::routes::{Operators, Routes, security};
use super::service::Service;
use crate::config::Role;

impl Operators for Service {
    fn find(&self, token: &str) -> Option<Operator> {
        self.host().operator(token)
    }
}

/// Returns the routes and their description.
pub(super) fn routes(service: Option<&Arc<Service>>) -> (Router, OpenApi) {
    let routes = Routes::new(service);
    let routes = agents::routes(routes);
    let routes = checks::routes(routes);
    let routes = connectors::routes(routes);
    let routes = credentials::routes(routes);
    let routes = operators::routes(routes);
    let routes = permissions::routes(routes);
    let routes = policies::routes(routes);
    let routes = records::routes(routes);
    let routes = summary::routes(routes);
    routes.finish()
}

/// Adds to a description what no handler says.
pub(super) fn describe(mut description: OpenApi) -> OpenApi {
    description.info = InfoBuilder::new()
        .title("Tollgate admin API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The state of a running gateway. `x-role` of an operation is the least role that may call it.",
        ))
        .build();
    let components = description.components.get_or_insert_with(Components::new);
    let (name, scheme) = security();
    components
        .security_schemes
        .insert(name.to_owned(), scheme.into());
    let problem = <ProblemDocument as utoipa::PartialSchema>::schema();
    let schemas = &mut components.schemas;
    schemas.insert("ProblemDocument".to_owned(), problem);
    let problem = <Problem as utoipa::PartialSchema>::schema();
    schemas.insert("Problem".to_owned(), problem);
    description
}

/// Least role of operations that only read.
const READ: Role = Role::Viewer;
