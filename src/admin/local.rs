//! Calls the API's own handlers in this process, for commands that run without a gateway.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use tower::ServiceExt as _;

use super::api;
use super::operator::Operator;
use super::service::Service;

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 256 * 1024 * 1024;

/// The API without a listener.
#[derive(Debug, Clone)]
pub struct Local {
    router: Router,
    operator: Operator,
}

impl Local {
    /// Serves the API to one operator.
    #[must_use]
    pub fn new(service: &Arc<Service>, operator: Operator) -> Self {
        let (router, _) = api::routes(Some(service));
        Self { router, operator }
    }

    /// Answers a request as the gateway would, without asking for a token.
    pub async fn call(&self, request: Request<Bytes>) -> (StatusCode, Bytes) {
        let mut request = request.map(Body::from);
        request.extensions_mut().insert(self.operator.clone());
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status();
        let body = to_bytes(response.into_body(), MAX_ANSWER).await;
        (status, body.unwrap_or_default())
    }
}
