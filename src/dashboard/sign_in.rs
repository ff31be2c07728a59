//! Signs operators in, by a token or by a one-time link, and out.

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Json, Redirect, Response};
use serde_json::json;

use super::App;
use super::assets::Assets;
use super::fields::Fields;
use super::refused::Refused;
use super::session::LINK_LASTS;
use super::show::html;
use super::visitor::{Posted, Visitor, cookie};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    assets: Assets,
    next: String,
    problem: &'static str,
}

/// Shows the form for a token.
pub(super) async fn page(fields: Fields) -> Response {
    html(&SignInPage {
        assets: Assets,
        next: local(fields.text("next")),
        problem: "",
    })
}

/// Signs in with an operator token.
pub(super) async fn by_token(State(app): State<App>, form: Bytes) -> Response {
    let form = Fields::parse(&form);
    let (token, next) = (form.text("token"), form.text("next"));
    if (app.shared.setup.operators)(token).is_none() {
        return refused(next, "No operator has this token.");
    }
    signed_in(&app, token, next)
}

/// Signs in with the secret of a link, which works once.
pub(super) async fn by_link(State(app): State<App>, form: Bytes) -> Response {
    let form = Fields::parse(&form);
    let now = app.shared.setup.clock.now();
    let token = app.shared.sessions.redeem(form.text("secret"), now);
    let known = token.filter(|token| (app.shared.setup.operators)(token).is_some());
    match known {
        Some(token) => signed_in(&app, &token, form.text("next")),
        None => refused(
            form.text("next"),
            "This link was used already, or is older than a minute. Run `tollgate dashboard` again.",
        ),
    }
}

/// Makes a link for the owner of a bearer token; `tollgate dashboard` asks for it.
pub(super) async fn make_link(State(app): State<App>, headers: HeaderMap) -> Response {
    let setup = &app.shared.setup;
    let bearer = headers.get(header::AUTHORIZATION);
    let bearer = bearer.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let Some(token) = bearer.filter(|token| (setup.operators)(token).is_some()) else {
        let detail = "an operator token is needed: `Authorization: Bearer tgo_…`";
        let document = json!({ "code": "operator_required", "detail": detail });
        return (StatusCode::UNAUTHORIZED, Json(document)).into_response();
    };
    let secret = app.shared.sessions.link(token, setup.clock.now());
    let scheme = if setup.tls { "https" } else { "http" };
    let link = |address: &std::net::SocketAddr| {
        let address = crate::admin::Hosts::reachable(*address);
        format!("{scheme}://{address}/sign-in#{secret}")
    };
    let links: Vec<String> = setup.addresses.iter().map(link).collect();
    let document = json!({ "links": links, "expires_in": LINK_LASTS.as_secs() });
    Json(document).into_response()
}

/// Says whether the browser is signed in; a page that was opened from elsewhere asks before it shows the form.
pub(super) async fn session(State(app): State<App>, headers: HeaderMap) -> Response {
    match Visitor::find(&app, &headers) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => Refused::plain(StatusCode::UNAUTHORIZED, "you are signed out").into_response(),
    }
}

/// Ends the session that the cookie names.
pub(super) async fn sign_out(State(app): State<App>, headers: HeaderMap, _: Posted) -> Response {
    let sessions = &app.shared.sessions;
    if let Some(cookie) = cookie(&headers, &sessions.cookie) {
        sessions.close(cookie);
    }
    let ended = sessions.set_cookie("");
    ([(header::SET_COOKIE, ended)], Redirect::to("/sign-in")).into_response()
}

fn signed_in(app: &App, token: &str, next: &str) -> Response {
    let (sessions, setup) = (&app.shared.sessions, &app.shared.setup);
    let secret = sessions.open(token, setup.clock.now());
    let cookie = sessions.set_cookie(&secret);
    ([(header::SET_COOKIE, cookie)], Redirect::to(&local(next))).into_response()
}

fn refused(next: &str, problem: &'static str) -> Response {
    let page = SignInPage {
        assets: Assets,
        next: local(next),
        problem,
    };
    (StatusCode::UNAUTHORIZED, html(&page)).into_response()
}

/// Returns an address of this site; anything else is the first page.
fn local(next: &str) -> String {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && !next.chars().any(|c| c == '\\' || c.is_control());
    if is_local { next } else { "/" }.to_owned()
}
