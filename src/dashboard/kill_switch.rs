//! Halts everything, a connector or an agent in two clicks from every page, and lifts halts.

use askama::Template;
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value as Json, json};

use super::client::segment;
use super::document::Document as _;
use super::frame::Frame;
use super::refused::Refused;
use super::show::{When, html};
use super::visitor::{Posted, Visitor};

#[derive(Template)]
#[template(path = "kill_switch.html")]
struct KillSwitchPage {
    frame: Frame,
    halts: Vec<HaltRow>,
    agents: Vec<String>,
    connectors: Vec<String>,
}

/// A halt in effect.
struct HaltRow {
    scope: String,
    name: String,
    since: When,
    by: String,
    reason: String,
}

/// Shows the halts in effect and what can be halted.
pub(super) async fn page(visitor: Visitor) -> Result<Response, Refused> {
    let frame = Frame::of(&visitor, "kill", "Kill switch").await?;
    let list = visitor.client.get("/api/v1/kill-switch").await?;
    let agents = visitor.client.get("/api/v1/agents").await?;
    let connectors = visitor.client.get("/api/v1/connectors").await?;
    let now = visitor.app.shared.setup.clock.utc();
    let halt = |halt: &Json| HaltRow {
        scope: halt.text("scope"),
        name: halt.text("name"),
        since: When::of(&halt.text("since"), now),
        by: halt.text("by"),
        reason: halt.text("reason"),
    };
    Ok(html(&KillSwitchPage {
        frame,
        halts: list.list("halts").iter().map(halt).collect(),
        agents: agents
            .list("agents")
            .iter()
            .map(|agent| agent.text("name"))
            .collect(),
        connectors: connectors
            .list("connectors")
            .iter()
            .map(|connector| connector.text("id"))
            .collect(),
    }))
}

/// Halts what the form names.
pub(super) async fn halt(posted: Posted) -> Result<Response, Refused> {
    let body = match posted.fields.given("reason") {
        Some(reason) => json!({ "reason": reason }),
        None => json!({}),
    };
    let path = path(&posted);
    posted
        .visitor
        .client
        .send(Method::PUT, &path, &body)
        .await?;
    Ok(Redirect::to("/kill-switch").into_response())
}

/// Lifts what the form names.
pub(super) async fn lift(posted: Posted) -> Result<Response, Refused> {
    let path = path(&posted);
    posted
        .visitor
        .client
        .send(Method::DELETE, &path, &Json::Null)
        .await?;
    Ok(Redirect::to("/kill-switch").into_response())
}

/// Returns the path of a scope: `all`, or a connector or an agent by its name.
fn path(posted: &Posted) -> String {
    let (scope, name) = (posted.fields.text("scope"), posted.fields.text("name"));
    let path = format!("/api/v1/kill-switch/{}", segment(scope));
    if scope == "all" {
        path
    } else {
        format!("{path}/{}", segment(name))
    }
}
