//! Shows credentials without their secrets, and takes new ones: a secret goes in and never comes out.

mod page;
mod row;

use askama::Template;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value as Json, json};

use super::client::segment;
use super::document::Document as _;
use super::fields::Fields;
use super::frame::Frame;
use super::refused::Refused;
use super::show::{brief, html};
use super::visitor::{Posted, Visitor};

pub(super) use page::{page, rebind, remove, rotate, test};
use row::{CredentialRow, FIELD, Input, given, inputs};

const CREDENTIALS: &str = "/api/v1/credentials";

#[derive(Template)]
#[template(path = "credentials.html")]
struct CredentialsPage {
    frame: Frame,
    rows: Vec<CredentialRow>,
    trouble: Vec<Trouble>,
    warnings: Vec<String>,
    /// Ids of connectors that take credentials.
    connectors: Vec<String>,
    form: Option<AddForm>,
}

/// A form for a credential of one connector.
struct AddForm {
    connector: String,
    scheme: String,
    schemes: Vec<String>,
    inputs: Vec<Input>,
    id: String,
    hosts: String,
    /// The domain that it goes to where none is named, unless that is a pattern.
    first: String,
    domains: String,
    path: String,
    agents: String,
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
        "Their rows in the store were changed. Take them out and add them again.",
    ),
    (
        "credentials_unbound",
        "Bound to another placement",
        "Their connectors put them elsewhere now, so nothing is sent with them. Open each and bind it again.",
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

/// Lists credentials, and those that need an operator; with a connector, also the form for one more.
pub(super) async fn list(visitor: Visitor, fields: Fields) -> Result<Response, Refused> {
    show(&visitor, &fields, Vec::new()).await
}

async fn show(
    visitor: &Visitor,
    fields: &Fields,
    problems: Vec<String>,
) -> Result<Response, Refused> {
    let mut frame = Frame::of(visitor, "credentials", "Credentials").await?;
    let list = visitor.client.get(CREDENTIALS).await?;
    let connectors = visitor.client.get("/api/v1/connectors").await?;
    let connectors = connectors.list("connectors");
    let chosen = fields.text("connector");
    let found = connectors.iter().find(|known| known.text("id") == chosen);
    frame.problems = problems;
    if found.is_none() && !chosen.is_empty() && frame.problems.is_empty() {
        frame.problems = vec![format!("There is no connector `{}`.", brief(chosen))];
    }
    let takes = connectors
        .iter()
        .filter(|known| !known.list("auth").is_empty());
    Ok(html(&CredentialsPage {
        rows: list
            .list("credentials")
            .iter()
            .map(|credential| CredentialRow::of(credential, visitor))
            .collect(),
        trouble: TROUBLE
            .iter()
            .filter_map(|known| Trouble::of(&frame.status, known))
            .collect(),
        warnings: list.words("warnings"),
        connectors: takes.map(|known| known.text("id")).collect(),
        form: found.map(|connector| AddForm::of(connector, fields)),
        frame,
    }))
}

impl AddForm {
    fn of(connector: &Json, fields: &Fields) -> Self {
        let schemes = connector.list("auth");
        let wanted = fields.text("scheme");
        let scheme = schemes.iter().find(|scheme| scheme.text("id") == wanted);
        let scheme = scheme.or(schemes.first());
        let none = Json::Null;
        Self {
            connector: connector.text("id"),
            scheme: scheme.unwrap_or(&none).text("id"),
            schemes: schemes.iter().map(|scheme| scheme.text("id")).collect(),
            inputs: inputs(scheme.unwrap_or(&none), |name| {
                fields.text(&format!("{FIELD}{name}")).to_owned()
            }),
            id: fields.text("id").to_owned(),
            hosts: fields.words("hosts").join(", "),
            first: connector
                .words("domains")
                .first()
                .cloned()
                .unwrap_or_default(),
            domains: connector.words("domains").join(", "),
            path: fields.text("path").to_owned(),
            agents: fields.words("agents").join(", "),
        }
    }
}

/// Adds a credential, or shows the form again with what is wrong; a secret has to be given again.
pub(super) async fn add(posted: Posted) -> Result<Response, Refused> {
    let Posted { visitor, fields } = posted;
    let body = json!({
        "connector": fields.text("connector"),
        "id": fields.given("id"),
        "scheme": fields.given("scheme"),
        "hosts": fields.words("hosts"),
        "path": fields.given("path"),
        "agents": fields.words("agents"),
        "fields": given(&fields),
    });
    match visitor.client.send(Method::POST, CREDENTIALS, &body).await {
        Ok(added) => {
            let id = added.get("credential").map(|kept| kept.text("id"));
            let id = segment(&id.unwrap_or_default());
            Ok(Redirect::to(&format!("/credentials/{id}")).into_response())
        }
        Err(refused) if refused.status() == StatusCode::FORBIDDEN => Err(refused),
        Err(refused) => {
            let mut page = show(&visitor, &fields, refused.lines()).await?;
            *page.status_mut() = refused.status();
            Ok(page)
        }
    }
}
