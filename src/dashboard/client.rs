//! Calls the admin API in this process as the operator who is signed in.
//!
//! INVARIANT: what comes back has no character that changes the text around it: answers hold what agents and upstreams wrote.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, Method, Request, StatusCode, header};
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use tower::ServiceExt as _;

use super::document::{Document as _, visible};
use super::refused::Refused;
use crate::admin::Operator;

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// The API, for one operator.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) api: Router,
    pub(super) operator: Operator,
}

/// A change that is asked for.
#[derive(Debug)]
pub(super) struct Call<'c> {
    pub(super) method: Method,
    pub(super) path: &'c str,
    pub(super) body: &'c Json,
    /// Preconditions of a change, or `Last-Event-ID` of a stream.
    pub(super) headers: Vec<(HeaderName, String)>,
}

impl Client {
    /// Reads a document, made safe to be shown.
    pub(super) async fn get(&self, path: &str) -> Result<Json, Refused> {
        self.get_as_written(path).await.map(visible)
    }

    /// Reads a document as it is, to be edited or copied.
    pub(super) async fn get_as_written(&self, path: &str) -> Result<Json, Refused> {
        self.call(Call {
            method: Method::GET,
            path,
            body: &Json::Null,
            headers: Vec::new(),
        })
        .await
    }

    /// Returns the number of the newest record of the journal: without a filter, so that no other is read.
    pub(super) async fn newest(&self) -> Result<u64, Refused> {
        let newest = self.get("/api/v1/records?limit=1").await?;
        let newest = newest.list("records").first();
        Ok(newest.map_or(0, |record| record.number("seq")))
    }

    /// Sends a change, and returns the answer made safe to be shown.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Json,
    ) -> Result<Json, Refused> {
        let call = Call {
            method,
            path,
            body,
            headers: Vec::new(),
        };
        self.call(call).await.map(visible)
    }

    /// Makes a call and reads its answer.
    pub(super) async fn call(&self, call: Call<'_>) -> Result<Json, Refused> {
        let response = self.request(call).await?;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), MAX_ANSWER).await;
        let document = bytes
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let document: Json = document.unwrap_or_default();
        if status.is_success() {
            Ok(document)
        } else {
            Err(Refused::new(status, visible(document)))
        }
    }

    /// Makes a call and returns its answer unread.
    pub(super) async fn request(&self, call: Call<'_>) -> Result<Response, Refused> {
        let mut request = Request::builder().method(call.method).uri(call.path);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let body = match call.body {
            Json::Null => Body::empty(),
            document => Body::from(document.to_string()),
        };
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        let mut request =
            request.map_err(|error| Refused::plain(StatusCode::BAD_REQUEST, &error.to_string()))?;
        request.extensions_mut().insert(self.operator.clone());
        match self.api.clone().oneshot(request).await {
            Ok(response) => Ok(response),
            Err(never) => match never {},
        }
    }
}

/// Returns the precondition that the state is still the one of a preview.
pub(super) fn if_match(revision: &str) -> (HeaderName, String) {
    (header::IF_MATCH, format!("\"{revision}\""))
}

/// Returns a segment of a path.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}
