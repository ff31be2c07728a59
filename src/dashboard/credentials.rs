//! Shows credentials without their secrets: a secret goes in elsewhere and never comes out.

use askama::Template;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::Value as Json;

use super::client::segment;
use super::document::Document as _;
use super::frame::Frame;
use super::refused::Refused;
use super::show::{When, html};
use super::visitor::{Posted, Visitor};

const CREDENTIALS: &str = "/api/v1/credentials";

#[derive(Template)]
#[template(path = "credentials.html")]
struct CredentialsPage {
    frame: Frame,
    /// Whether the API lists credentials; else only those with trouble are known.
    is_listed: bool,
    rows: Vec<CredentialRow>,
    trouble: Vec<Trouble>,
}

/// A credential, without any secret.
struct CredentialRow {
    id: String,
    connector: String,
    scheme: String,
    hosts: String,
    health: String,
    from: String,
    used: When,
    expires: When,
}

/// Credentials that need an operator, and what to do.
struct Trouble {
    title: &'static str,
    help: &'static str,
    ids: Vec<String>,
}

/// Fields of the status, and what they mean.
const TROUBLE: [(&str, &str, &str); 3] = [
    (
        "credentials_unhealthy",
        "Do not open",
        "Their rows in the store were changed. Add them again: tollgate credential add",
    ),
    (
        "credentials_unbound",
        "Bound to another placement",
        "Their connectors put them elsewhere now, so nothing is sent with them. Bind them again: tollgate credential rebind",
    ),
    (
        "credentials_resealed",
        "Sealed again at this start",
        "They came from an older build.",
    ),
];

impl Trouble {
    fn of(
        status: &Json,
        (field, title, help): &(&str, &'static str, &'static str),
    ) -> Option<Self> {
        let ids = status.words(field);
        (!ids.is_empty()).then_some(Self { title, help, ids })
    }
}

/// Lists credentials, and those that need an operator.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Refused> {
    let frame = Frame::of(&visitor, "credentials", "Credentials").await?;
    let list = match visitor.client.get(CREDENTIALS).await {
        Ok(list) => Some(list),
        Err(refused) if refused.status() == StatusCode::METHOD_NOT_ALLOWED => None,
        Err(refused) if refused.status() == StatusCode::NOT_FOUND => None,
        Err(refused) => return Err(refused),
    };
    let row = |credential: &Json| CredentialRow::of(credential, &visitor);
    let rows = list.iter().flat_map(|list| list.list("credentials"));
    Ok(html(&CredentialsPage {
        is_listed: list.is_some(),
        rows: rows.map(row).collect(),
        trouble: TROUBLE
            .iter()
            .filter_map(|known| Trouble::of(&frame.status, known))
            .collect(),
        frame,
    }))
}

impl CredentialRow {
    fn of(credential: &Json, visitor: &Visitor) -> Self {
        let now = visitor.app.shared.setup.clock.utc();
        let health = match credential.get("health") {
            Some(Json::Object(_)) => credential.get("health").map(|health| health.text("state")),
            Some(_) | None => None,
        };
        Self {
            id: credential.text("id"),
            connector: credential.text("connector"),
            scheme: credential.text("scheme"),
            hosts: credential.words("hosts").join(", "),
            health: health.unwrap_or_else(|| credential.text("health")),
            from: credential.text("from"),
            used: When::of(&credential.text("used_at"), now),
            expires: When::of(&credential.text("expires_at"), now),
        }
    }
}

/// Removes a credential of the store.
pub(super) async fn remove(Path(id): Path<String>, posted: Posted) -> Result<Response, Refused> {
    let cascade = posted.fields.given("cascade").is_some();
    let path = format!("{CREDENTIALS}/{}?cascade={cascade}", segment(&id));
    posted
        .visitor
        .client
        .send(Method::DELETE, &path, &Json::Null)
        .await?;
    Ok(Redirect::to("/credentials").into_response())
}
