//! Shows one credential, tests it, rotates it, binds it again and removes it.

use askama::Template;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value as Json, json};

use super::CREDENTIALS;
use super::row::{CredentialRow, Input, given, inputs};
use crate::dashboard::client::{Call, if_match, segment};
use crate::dashboard::document::{Document as _, visible};
use crate::dashboard::frame::Frame;
use crate::dashboard::refused::Refused;
use crate::dashboard::show::{Id, html};
use crate::dashboard::visitor::{Posted, Visitor};

#[derive(Template)]
#[template(path = "credential.html")]
struct CredentialPage {
    frame: Frame,
    row: CredentialRow,
    id: Id,
    facts: Vec<(&'static str, String)>,
    /// Fields that a rotation asks for; none where the agent brings the credential, or the configuration declares it.
    inputs: Vec<Input>,
    is_stored: bool,
}

/// Shows one credential, and what can be done with it.
pub(in crate::dashboard) async fn page(
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    open(&visitor, &id, (Vec::new(), Vec::new())).await
}

async fn open(
    visitor: &Visitor,
    id: &str,
    (notices, problems): (Vec<String>, Vec<String>),
) -> Result<Response, Refused> {
    let path = format!("{CREDENTIALS}/{}", segment(id));
    let credential = visitor.client.get(&path).await?;
    let mut frame = Frame::of(visitor, "credentials", "Credential").await?;
    (frame.notices, frame.problems) = (notices, problems);
    let row = CredentialRow::of(&credential, visitor);
    let is_stored = row.from == "store";
    let mut shown = Vec::new();
    if is_stored && !credential.is("agent_owned") {
        let path = format!("/api/v1/connectors/{}", segment(&row.connector));
        // A connector that is gone leaves its credentials to be removed.
        if let Ok(connector) = visitor.client.get(&path).await {
            let public = credential.get("public_fields").cloned().unwrap_or_default();
            let schemes = connector.list("auth").iter();
            let scheme = schemes.filter(|scheme| scheme.text("id") == row.scheme);
            shown = scheme
                .flat_map(|scheme| inputs(scheme, |name| public.text(name)))
                .collect();
        }
    }
    let binding = credential.get("binding").cloned().unwrap_or_default();
    let mut facts = vec![
        ("Placed in", credential.text("placement")),
        ("Hosts", binding.words("hosts").join(", ")),
        ("Below", binding.text("path")),
        ("For tokens", binding.words("urls").join(", ")),
        ("Agents", binding.words("agents").join(", ")),
        ("Kept in", row.from.clone()),
        ("Added", credential.text("created_at")),
    ];
    facts.extend([("Identity", row.identity.clone())]);
    facts.retain(|(_, value)| !value.is_empty());
    Ok(html(&CredentialPage {
        id: Id::of(&row.id),
        frame,
        row,
        facts,
        inputs: shown,
        is_stored,
    }))
}

/// Asks the API whether the credential works.
pub(in crate::dashboard) async fn test(
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Refused> {
    let call = (format!("{CREDENTIALS}/{}/test", segment(&id)), Json::Null);
    let told = |health: &Json| {
        format!(
            "The test says: {} {}",
            health.text("state"),
            health.text("detail")
        )
    };
    change(&posted, &id, (call, None), told).await
}

/// Replaces the fields, once the API has accepted the new ones.
pub(in crate::dashboard) async fn rotate(
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Refused> {
    let untested = posted.fields.given("untested").is_some();
    let body = json!({ "fields": given(&posted.fields), "untested": untested });
    let call = (format!("{CREDENTIALS}/{}/rotate", segment(&id)), body);
    let told = |rotated: &Json| {
        let health = rotated.get("health").cloned().unwrap_or_default();
        format!(
            "It is replaced. The test says: {} {}",
            health.text("state"),
            health.text("detail")
        )
    };
    let revision = posted.fields.given("revision");
    change(&posted, &id, (call, revision), told).await
}

/// Binds it to where its connector puts it now.
pub(in crate::dashboard) async fn rebind(
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Refused> {
    let call = (format!("{CREDENTIALS}/{}/rebind", segment(&id)), Json::Null);
    let told = |rebound: &Json| format!("It is bound again: {}", rebound.text("now"));
    let revision = posted.fields.given("revision");
    change(&posted, &id, (call, revision), told).await
}

/// Makes a change and shows the credential with what came of it.
async fn change(
    posted: &Posted,
    id: &str,
    ((path, body), revision): ((String, Json), Option<&str>),
    told: impl Fn(&Json) -> String,
) -> Result<Response, Refused> {
    let visitor = &posted.visitor;
    let call = Call {
        method: Method::POST,
        path: &path,
        body: &body,
        headers: revision.map(if_match).into_iter().collect(),
    };
    match visitor.client.call(call).await.map(visible) {
        Ok(done) => {
            let mut notices = vec![told(&done).trim_end().to_owned()];
            notices.extend(done.words("warnings"));
            open(visitor, id, (notices, Vec::new())).await
        }
        Err(refused)
            if refused.status() == StatusCode::CONFLICT
                || refused.status() == StatusCode::UNPROCESSABLE_ENTITY
                || refused.status() == StatusCode::PRECONDITION_FAILED =>
        {
            let mut page = open(visitor, id, (Vec::new(), refused.lines())).await?;
            *page.status_mut() = refused.status();
            Ok(page)
        }
        Err(refused) => Err(refused),
    }
}

/// Removes a credential of the store.
pub(in crate::dashboard) async fn remove(
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Refused> {
    let cascade = posted.fields.given("cascade").is_some();
    let path = format!("{CREDENTIALS}/{}?cascade={cascade}", segment(&id));
    posted
        .visitor
        .client
        .send(Method::DELETE, &path, &Json::Null)
        .await?;
    Ok(Redirect::to("/credentials").into_response())
}
