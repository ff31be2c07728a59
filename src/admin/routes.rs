//! Declares routes with their role: the layer finds the operator before the handler runs, and the description says the role.
//!
//! INVARIANT: a handler of `Routes` runs only for an operator whose role is at least the declared one.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder, SecurityRequirement};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::operator::Operator;
use super::problem::Problem;
use crate::config::Role;

/// Extension of an operation in the description that names its role.
pub(super) const ROLE: &str = "x-role";

/// Media type of refusals (RFC 9457).
const PROBLEM: &str = "application/problem+json";

/// Name of the security scheme.
const TOKEN: &str = "operator_token";

/// Knows operators by their tokens.
pub(super) trait Operators: Send + Sync + 'static {
    /// Returns whose token this is.
    fn find(&self, token: &str) -> Option<Operator>;
}

/// Routes of one state, with their description.
pub(super) struct Routes<S> {
    /// `None` where only the description is wanted.
    state: Option<Arc<S>>,
    router: OpenApiRouter<Arc<S>>,
}

/// What the layer of a route needs.
struct Guard<S> {
    state: Arc<S>,
    role: Role,
}

impl<S> Clone for Guard<S> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            role: self.role,
        }
    }
}

impl<S: Operators> Routes<S> {
    pub(super) fn new(state: Option<&Arc<S>>) -> Self {
        Self {
            state: state.cloned(),
            router: OpenApiRouter::with_openapi(OpenApi::default()),
        }
    }

    /// Adds operations of one path that need this role.
    pub(super) fn at(self, role: Role, routes: UtoipaMethodRouter<Arc<S>>) -> Self {
        let (schemas, mut paths, methods) = routes;
        for operation in paths.paths.values_mut().flat_map(operations) {
            describe(operation, role);
        }
        let guard = self.state.as_ref().map(|state| Guard {
            state: Arc::clone(state),
            role,
        });
        let methods = match guard {
            Some(guard) => {
                methods.route_layer(middleware::from_fn_with_state(guard, authorize::<S>))
            }
            None => methods,
        };
        Self {
            router: self.router.routes((schemas, paths, methods)),
            ..self
        }
    }

    /// Returns the routes and their description; no routes without a state.
    pub(super) fn finish(self) -> (Router, OpenApi) {
        let (router, description) = self.router.split_for_parts();
        let router = self.state.map(|state| router.with_state(state));
        (router.unwrap_or_default(), description)
    }
}

/// Iterates over the operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ];
    all.into_iter().flatten()
}

fn describe(operation: &mut Operation, role: Role) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            let text = match status.as_str() {
                "404" => "There is nothing of this name",
                "409" => "The present state does not let it be",
                "412" => "Rules or files have changed since the preview",
                "422" => "The rule has errors; `diagnostics` lists them",
                "503" => "The change cannot be persisted",
                _ => "What was asked for",
            };
            response.description = text.to_owned();
        }
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && let Some(content) = response.content.swap_remove("application/json")
        {
            response.content.insert(PROBLEM.to_owned(), content);
        }
    }
    let extensions = operation.extensions.get_or_insert_default();
    extensions.insert(ROLE.to_owned(), role.as_str().into());
    let scopes: [&str; 0] = [];
    operation.security = Some(vec![SecurityRequirement::new(TOKEN, scopes)]);
    for (status, text) in [
        ("400", "The request does not fit; `field` says where"),
        ("401", "No operator has this token"),
        ("403", "The operator's role is too low"),
    ] {
        let problem = Ref::from_schema_name("Problem");
        let content = ContentBuilder::new().schema(Some(problem)).build();
        let response = ResponseBuilder::new().description(text);
        let response = response.content(PROBLEM, content).build();
        let responses = &mut operation.responses.responses;
        responses.insert(status.to_owned(), response.into());
    }
}

/// Returns the scheme by which operators are known.
pub(super) fn security() -> (&'static str, SecurityScheme) {
    (
        TOKEN,
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    )
}

/// Finds the operator and checks the role. A command that calls the routes in its own process has put its operator there already.
async fn authorize<S: Operators>(
    State(guard): State<Guard<S>>,
    mut request: Request,
    next: Next,
) -> Response {
    let found = match request.extensions().get::<Operator>() {
        Some(operator) => Some(operator.clone()),
        None => bearer(request.headers()).and_then(|token| guard.state.find(token)),
    };
    let Some(operator) = found else {
        let detail = "an operator token is needed: `Authorization: Bearer tgo_…`";
        return Problem::new(StatusCode::UNAUTHORIZED, "operator_required", detail).into_response();
    };
    if operator.role < guard.role {
        let detail = format!(
            "operator `{}` may not do this: it needs the role `{}`",
            operator.name,
            guard.role.as_str()
        );
        return Problem::new(StatusCode::FORBIDDEN, "role_required", detail).into_response();
    }
    request.extensions_mut().insert(operator);
    next.run(request).await
}

/// Returns the token of an `Authorization` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}
