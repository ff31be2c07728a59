//! Shows why something cannot be done: the problem document of the API as a page, with what to do instead.

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value as Json, json};

use super::assets::Assets;
use super::document::Document as _;
use crate::admin::Problem;

/// A refusal of the API; boxed, since it is rare and large.
#[derive(Debug)]
pub(super) struct Refused(Box<(StatusCode, Json)>);

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage {
    assets: Assets,
    status: u16,
    title: String,
    detail: String,
    help: String,
    named_by: Vec<String>,
    report: String,
}

impl Refused {
    pub(super) fn new(status: StatusCode, document: Json) -> Self {
        Self(Box::new((status, document)))
    }

    /// Refuses for a reason of the dashboard's own.
    pub(super) fn plain(status: StatusCode, detail: &str) -> Self {
        Self::new(status, json!({ "detail": detail }))
    }

    pub(super) fn status(&self) -> StatusCode {
        self.0.0
    }

    pub(super) fn document(&self) -> &Json {
        &self.0.1
    }

    /// Returns what is wrong and what to do, in lines.
    pub(super) fn lines(&self) -> Vec<String> {
        let document = self.document();
        let report = document.text("report");
        let mut lines = vec![document.text("detail")];
        lines.extend(report.lines().map(str::to_owned));
        lines.push(document.text("help"));
        lines.retain(|line| !line.trim().is_empty());
        lines
    }
}

/// Answers at an address that nothing is served at: a page for browsers, a problem document for programs.
pub(super) async fn unknown_page(headers: HeaderMap) -> Response {
    let accept = headers.get_all(header::ACCEPT).iter();
    let mut accept = accept.filter_map(|value| value.to_str().ok());
    if accept.any(|value| value.contains("text/html")) {
        let detail = "The dashboard has no page at this address.";
        return Refused::plain(StatusCode::NOT_FOUND, detail).into_response();
    }
    Problem::unknown("not_found", "there is nothing here").into_response()
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, document) = *self.0;
        let title = match status {
            StatusCode::FORBIDDEN => "Your role does not allow this",
            StatusCode::NOT_FOUND => "There is nothing here",
            StatusCode::CONFLICT => "Not in the present state",
            StatusCode::PRECONDITION_FAILED => "Somebody else changed this meanwhile",
            _ => "That did not work",
        };
        let page = RefusedPage {
            assets: Assets,
            status: status.as_u16(),
            title: title.to_owned(),
            detail: document.text("detail"),
            help: document.text("help"),
            named_by: document.words("named_by"),
            report: document.text("report"),
        };
        (status, Html(page.render().unwrap_or_default())).into_response()
    }
}
