//! Shows permissions as a matrix of agents and connectors that is edited in place; each change shows its effect before it is made.

mod cells;

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value as Json, json};

use super::client::{Call, if_match, segment};
use super::document::{Document as _, visible};
use super::effect::confirm;
use super::fields::Fields;
use super::frame::Frame;
use super::overview::summary;
use super::refused::Refused;
use super::show::html;
use super::visitor::{Posted, Visitor};

use cells::Cell;

const PERMISSIONS: &str = "/api/v1/permissions";

/// Presets and what they mean.
pub(super) const PRESETS: [(&str, &str); 5] = [
    ("full", "full"),
    ("supervised", "supervised"),
    ("read_only", "read only"),
    ("ask", "ask"),
    ("none", "none"),
];

#[derive(Template)]
#[template(path = "permissions.html")]
struct PermissionsPage {
    frame: Frame,
    columns: Vec<String>,
    rows: Vec<MatrixRow>,
    rules: Vec<RuleRow>,
    /// Connectors without a column.
    others: Vec<String>,
    presets: [(&'static str, &'static str); 5],
}

/// An agent, and its cell for each column.
struct MatrixRow {
    agent: String,
    cells: Vec<Cell>,
}

/// A permission as it is kept.
struct RuleRow {
    id: String,
    from: String,
    words: String,
    /// Requests of the last seven days that it allowed, asked for and denied.
    outcome: [u64; 3],
}

/// Shows the matrix, and below it every permission.
pub(super) async fn page(visitor: Visitor, fields: Fields) -> Result<Response, Refused> {
    let frame = Frame::of(&visitor, "permissions", "Permissions").await?;
    let permissions = visitor.client.get(PERMISSIONS).await?;
    let agents = visitor.client.get("/api/v1/agents").await?;
    let connectors = visitor.client.get("/api/v1/connectors").await?;
    let rules = permissions.list("permissions");
    let summary = summary(&visitor, "7d").await?;
    let spoke = summary.get("rules").cloned().unwrap_or_default();
    let known: BTreeSet<String> = connectors
        .list("connectors")
        .iter()
        .map(|connector| connector.text("id"))
        .collect();
    let named = rules
        .iter()
        .flat_map(connectors_of)
        .chain(fields.words("connector"));
    let mut columns: BTreeSet<String> = named.filter(|id| known.contains(id)).collect();
    // Where nothing names a connector yet, the first ones show what the matrix is for.
    if columns.is_empty() {
        columns.extend(known.iter().take(6).cloned());
    }
    let others = known.difference(&columns).cloned().collect();
    let columns: Vec<String> = std::iter::once("*".to_owned()).chain(columns).collect();
    let row = |agent: &Json| MatrixRow {
        cells: columns
            .iter()
            .map(|column| Cell::of(agent, column, rules))
            .collect(),
        agent: agent.text("name"),
    };
    Ok(html(&PermissionsPage {
        frame,
        rows: agents.list("agents").iter().map(row).collect(),
        columns,
        rules: rules.iter().map(|rule| RuleRow::of(rule, &spoke)).collect(),
        others,
        presets: PRESETS,
    }))
}

/// Previews a cell's change, or makes it once it was previewed.
pub(super) async fn set(posted: Posted) -> Result<Response, Refused> {
    let Posted { visitor, fields } = posted;
    let (agent, connector) = (fields.text("agent"), fields.text("connector"));
    let access = fields.text("access");
    if access.is_empty() {
        return match fields.given("id") {
            Some(id) => take_away(&visitor, id, fields.given("revision")).await,
            None => Ok(Redirect::to("/permissions").into_response()),
        };
    }
    let rule = json!({ "agents": [agent], "connector": connector, "access": access });
    let preview = format!("{PERMISSIONS}?dry_run=true");
    let Some(revision) = fields.given("revision") else {
        let previewed = visitor.client.send(Method::POST, &preview, &rule).await;
        return ask(&visitor, (agent, connector, access), previewed).await;
    };
    let call = Call {
        method: Method::POST,
        path: PERMISSIONS,
        body: &rule,
        headers: vec![if_match(revision)],
    };
    match visitor.client.call(call).await {
        Ok(_) => Ok(Redirect::to("/permissions").into_response()),
        // Somebody else changed rules meanwhile: the new effect is shown, and asked for again.
        Err(refused) if refused.status() == StatusCode::PRECONDITION_FAILED => {
            let mut frame = Frame::of(&visitor, "permissions", "Permissions").await?;
            frame.problems =
                vec!["Rules or files changed since you looked. This is the effect now.".to_owned()];
            let document = refused.document().clone();
            Ok(question(frame, (agent, connector, access), &document))
        }
        Err(refused) => Err(refused),
    }
}

async fn ask(
    visitor: &Visitor,
    cell: (&str, &str, &str),
    previewed: Result<Json, Refused>,
) -> Result<Response, Refused> {
    let frame = Frame::of(visitor, "permissions", "Permissions").await?;
    Ok(question(frame, cell, &previewed?))
}

fn question(
    frame: Frame,
    (agent, connector, access): (&str, &str, &str),
    preview: &Json,
) -> Response {
    let question = format!("Give {agent} {access} on {connector}?");
    let hidden = vec![
        ("agent", agent.to_owned()),
        ("connector", connector.to_owned()),
        ("access", access.to_owned()),
        ("revision", preview.text("revision")),
    ];
    confirm(
        frame,
        (question, "/permissions".to_owned()),
        hidden,
        (preview, "/permissions"),
    )
}

/// Previews a removal, or makes it once it was previewed.
pub(super) async fn remove(Path(id): Path<String>, posted: Posted) -> Result<Response, Refused> {
    take_away(&posted.visitor, &id, posted.fields.given("revision")).await
}

async fn take_away(
    visitor: &Visitor,
    id: &str,
    revision: Option<&str>,
) -> Result<Response, Refused> {
    let path = format!("{PERMISSIONS}/{}", segment(id));
    let preview = format!("{path}?dry_run=true");
    let Some(revision) = revision else {
        let preview = visitor
            .client
            .send(Method::DELETE, &preview, &Json::Null)
            .await?;
        let frame = Frame::of(visitor, "permissions", "Permissions").await?;
        let question = format!("Remove permission {id}?");
        let hidden = vec![("revision", preview.text("revision"))];
        let action = format!("/permissions/{}/remove", segment(id));
        return Ok(confirm(
            frame,
            (question, action),
            hidden,
            (&preview, "/permissions"),
        ));
    };
    let call = Call {
        method: Method::DELETE,
        path: &path,
        body: &Json::Null,
        headers: vec![if_match(revision)],
    };
    visitor.client.call(call).await.map(visible)?;
    Ok(Redirect::to("/permissions").into_response())
}

/// Returns a permission as a sentence.
pub(super) fn in_words(rule: &Json) -> String {
    crate::admin::service::manifest::in_words(rule)
}

fn connectors_of(rule: &Json) -> Vec<String> {
    let lists = ["allow", "ask", "deny"]
        .into_iter()
        .flat_map(|list| rule.words(list));
    let of_actions = lists.filter_map(|action| action.split('.').next().map(str::to_owned));
    of_actions.chain(rule.words("connector")).collect()
}

impl RuleRow {
    fn of(rule: &Json, spoke: &Json) -> Self {
        let outcome = spoke.get(rule.text("label")).cloned().unwrap_or_default();
        Self {
            outcome: ["allow", "require_approval", "deny"].map(|decision| outcome.number(decision)),
            id: rule.text("id"),
            from: rule.text("from"),
            words: in_words(rule),
        }
    }

    fn is_silent(&self) -> bool {
        self.outcome == [0; 3]
    }
}
