//! Finds who asks for a page; a form is read only from the session that it was made for.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::App;
use super::client::Client;
use super::fields::Fields;
use super::refused::Refused;
use super::session::Session;
use crate::admin::Operator;

/// An operator who is signed in.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) app: App,
    pub(super) session: Arc<Session>,
    pub(super) operator: Operator,
    pub(super) client: Client,
}

/// A form of a page that the same session was shown.
pub(super) struct Posted {
    pub(super) visitor: Visitor,
    pub(super) fields: Fields,
}

impl Visitor {
    /// Finds the operator by the cookie. The token is looked up each time: a removed or demoted operator is so at once.
    pub(super) fn find(app: &App, headers: &HeaderMap) -> Option<Self> {
        let sessions = &app.shared.sessions;
        let setup = &app.shared.setup;
        let cookie = cookie(headers, &sessions.cookie)?;
        let session = sessions.find(cookie, setup.clock.now())?;
        let Some(operator) = (setup.operators)(session.token()) else {
            sessions.close(cookie);
            return None;
        };
        Some(Self {
            client: Client {
                api: app.api.clone(),
                operator: operator.clone(),
            },
            app: app.clone(),
            session,
            operator,
        })
    }

    /// Sends a browser to the form, from which it comes back; a script is told that the session is over.
    fn sign_in(parts: &Parts) -> Response {
        let wants_page = parts.method == Method::GET
            && parts
                .headers
                .get("sec-fetch-mode")
                .is_none_or(|mode| mode == "navigate");
        if !wants_page {
            let detail = "you are signed out; open the page again";
            return Refused::plain(StatusCode::UNAUTHORIZED, detail).into_response();
        }
        let here = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("next", here);
        Redirect::to(&format!("/sign-in?{}", query.finish())).into_response()
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        Self::find(app, &parts.headers).ok_or_else(|| Self::sign_in(parts))
    }
}

impl FromRequest<App> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, app).await?;
        let request = Request::from_parts(parts, body);
        let body = Bytes::from_request(request, app).await;
        let body = body
            .map_err(|error| Refused::plain(error.status(), &error.body_text()).into_response())?;
        let fields = Fields::parse(&body);
        if !visitor.session.sent(fields.text("csrf")) {
            let detail =
                "this form is not of your session; open the page again and send it from there";
            return Err(Refused::plain(StatusCode::FORBIDDEN, detail).into_response());
        }
        Ok(Self { visitor, fields })
    }
}

/// Returns the value of a cookie.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}
