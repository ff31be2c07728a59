//! Shows the gateway's settings as far as the API says them, and manages operators; an operator's token is shown once.

use askama::Template;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value as Json, json};

use super::agents::NewSecret;
use super::client::segment;
use super::document::Document as _;
use super::frame::Frame;
use super::refused::Refused;
use super::show::html;
use super::visitor::{Posted, Visitor};

const OPERATORS: &str = "/api/v1/operators";

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    facts: Vec<(&'static str, String)>,
    warnings: Vec<String>,
    operators: Vec<OperatorRow>,
    added: Option<NewSecret>,
}

/// An operator in the list.
struct OperatorRow {
    name: String,
    role: String,
    groups: String,
    from: String,
}

/// Shows settings and operators.
pub(super) async fn page(visitor: Visitor) -> Result<Response, Refused> {
    show(&visitor, (Vec::new(), None)).await
}

async fn show(
    visitor: &Visitor,
    (problems, added): (Vec<String>, Option<NewSecret>),
) -> Result<Response, Refused> {
    let mut frame = Frame::of(visitor, "settings", "Settings").await?;
    frame.problems = problems;
    let list = visitor.client.get(OPERATORS).await?;
    let row = |operator: &Json| OperatorRow {
        name: operator.text("name"),
        role: operator.text("role"),
        groups: operator.words("groups").join(", "),
        from: operator.text("from"),
    };
    let reload = frame.status.get("reload").cloned().unwrap_or_default();
    Ok(html(&SettingsPage {
        facts: facts(&frame.status),
        warnings: reload.words("warnings"),
        operators: list.list("operators").iter().map(row).collect(),
        added,
        frame,
    }))
}

fn facts(status: &Json) -> Vec<(&'static str, String)> {
    let counts = status.get("snapshot").cloned().unwrap_or_default();
    let reload = status.get("reload").cloned().unwrap_or_default();
    let mut facts = vec![
        ("Version", status.text("version")),
        ("Started", status.text("started_at")),
        ("Agents connect to", status.words("proxy").join(", ")),
        ("Configuration", status.text("config")),
        ("State", status.text("data_dir")),
        ("Connectors", counts.text("connectors")),
        ("Routes", counts.text("routes")),
        ("Permissions and policies", counts.text("policies")),
        ("Active since", reload.text("snapshot_since")),
        ("Open exchanges", status.text("exchanges_active")),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

/// Adds an operator and shows the token.
pub(super) async fn add(posted: Posted) -> Result<Response, Refused> {
    let Posted { visitor, fields } = posted;
    let body = json!({
        "name": fields.text("name"),
        "role": fields.text("role"),
        "groups": fields.words("groups"),
    });
    let added = visitor.client.send(Method::POST, OPERATORS, &body).await;
    answer(&visitor, added).await
}

/// Replaces an operator's token and shows the new one.
pub(super) async fn rotate(Path(name): Path<String>, posted: Posted) -> Result<Response, Refused> {
    let path = format!("{OPERATORS}/{}/rotate", segment(&name));
    let rotated = posted
        .visitor
        .client
        .send(Method::POST, &path, &json!({}))
        .await;
    answer(&posted.visitor, rotated).await
}

/// Removes an operator; its sessions end.
pub(super) async fn remove(Path(name): Path<String>, posted: Posted) -> Result<Response, Refused> {
    let path = format!("{OPERATORS}/{}", segment(&name));
    posted
        .visitor
        .client
        .send(Method::DELETE, &path, &Json::Null)
        .await?;
    Ok(Redirect::to("/settings").into_response())
}

async fn answer(visitor: &Visitor, done: Result<Json, Refused>) -> Result<Response, Refused> {
    match done {
        Ok(added) => {
            let shown = NewSecret {
                owner: format!("operator {} ({})", added.text("name"), added.text("role")),
                token: added.text("token"),
                use_it: "It signs in here, and commands read it from TOLLGATE_OPERATOR_TOKEN."
                    .to_owned(),
            };
            show(visitor, (Vec::new(), Some(shown))).await
        }
        Err(refused) if refused.status() == StatusCode::FORBIDDEN => Err(refused),
        Err(refused) => show(visitor, (refused.lines(), None)).await,
    }
}
