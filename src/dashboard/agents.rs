//! Manages agents and their tokens; a token is shown once, on the page that answers its form.

use askama::Template;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Map, Value as Json, json};

use super::client::segment;
use super::document::Document as _;
use super::fields::Fields;
use super::frame::Frame;
use super::refused::Refused;
use super::show::{When, html};
use super::visitor::{Posted, Visitor};

const AGENTS: &str = "/api/v1/agents";

#[derive(Template)]
#[template(path = "agents.html")]
struct AgentsPage {
    frame: Frame,
    agents: Vec<AgentRow>,
    name: String,
    labels: String,
    added: Option<NewSecret>,
}

/// An agent in the list.
struct AgentRow {
    name: String,
    labels: Vec<(String, String)>,
    from: String,
    tokens: u64,
    created: When,
}

/// A token that is shown this once.
pub(super) struct NewSecret {
    pub(super) owner: String,
    pub(super) token: String,
    pub(super) use_it: String,
}

#[derive(Template)]
#[template(path = "agent.html")]
struct AgentPage {
    frame: Frame,
    agent: AgentRow,
    labels: String,
    is_stored: bool,
    tokens: Vec<TokenRow>,
    permissions: Vec<String>,
    added: Option<NewSecret>,
}

/// A token, without itself.
struct TokenRow {
    id: String,
    created: When,
    used: When,
    expires: When,
}

/// Lists the agents of configuration and store.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Refused> {
    let frame = Frame::of(&visitor, "agents", "Agents").await?;
    show_list(&visitor, frame, (&Fields::default(), None)).await
}

async fn show_list(
    visitor: &Visitor,
    frame: Frame,
    (fields, added): (&Fields, Option<NewSecret>),
) -> Result<Response, Refused> {
    let list = visitor.client.get(AGENTS).await?;
    let row = |agent: &Json| AgentRow::of(agent, visitor);
    Ok(html(&AgentsPage {
        frame,
        agents: list.list("agents").iter().map(row).collect(),
        name: fields.text("name").to_owned(),
        labels: fields.text("labels").to_owned(),
        added,
    }))
}

/// Adds an agent and shows its token.
pub(super) async fn add(posted: Posted) -> Result<Response, Refused> {
    let Posted { visitor, fields } = posted;
    let mut body = json!({ "name": fields.text("name"), "labels": labels(fields.text("labels")) });
    expire(&mut body, &fields);
    let added = visitor.client.send(Method::POST, AGENTS, &body).await;
    let mut frame = Frame::of(&visitor, "agents", "Agents").await?;
    match added {
        Ok(added) => {
            frame.notices = added.words("warnings");
            frame.notices.extend(
                added
                    .words("revived")
                    .iter()
                    .map(|rule| format!("It names this agent already: {rule}")),
            );
            let shown = NewSecret::of_agent(&added.text("name"), &added);
            show_list(&visitor, frame, (&Fields::default(), Some(shown))).await
        }
        Err(refused) if refused.status() == StatusCode::FORBIDDEN => Err(refused),
        Err(refused) => {
            frame.problems = refused.lines();
            show_list(&visitor, frame, (&fields, None)).await
        }
    }
}

/// Shows an agent with its tokens and permissions.
pub(super) async fn page(visitor: Visitor, Path(name): Path<String>) -> Result<Response, Refused> {
    show(&visitor, &name, (Vec::new(), None)).await
}

async fn show(
    visitor: &Visitor,
    name: &str,
    (problems, added): (Vec<String>, Option<NewSecret>),
) -> Result<Response, Refused> {
    let mut frame = Frame::of(visitor, "agents", format!("Agent {name}")).await?;
    frame.problems = problems;
    let list = visitor.client.get(AGENTS).await?;
    let mut agents = list.list("agents").iter();
    let found = agents.find(|agent| agent.text("name") == name);
    let path = format!("{AGENTS}/{}/tokens", segment(name));
    let tokens = visitor.client.get(&path).await?;
    let permissions = visitor.client.get("/api/v1/permissions").await?;
    let none = Json::Null;
    let agent = AgentRow::of(found.unwrap_or(&none), visitor);
    let now = visitor.app.shared.setup.clock.utc();
    let token = |token: &Json| TokenRow {
        id: token.text("id"),
        created: When::of(&token.text("created_at"), now),
        used: When::of(&token.text("used_at"), now),
        expires: When::of(&token.text("expires_at"), now),
    };
    let permissions = permissions.list("permissions").iter();
    let names = permissions.filter(|rule| rule.words("agents").iter().any(|agent| agent == name));
    Ok(html(&AgentPage {
        frame,
        labels: agent
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(", "),
        is_stored: agent.from == "store",
        tokens: tokens.list("tokens").iter().map(token).collect(),
        permissions: names.map(super::matrix::in_words).collect(),
        agent,
        added,
    }))
}

/// Replaces all labels of an agent.
pub(super) async fn label(Path(name): Path<String>, posted: Posted) -> Result<Response, Refused> {
    let body = json!({ "labels": labels(posted.fields.text("labels")) });
    let path = format!("{AGENTS}/{}", segment(&name));
    let set = posted
        .visitor
        .client
        .send(Method::PATCH, &path, &body)
        .await;
    match set {
        Ok(_) => Ok(Redirect::to(&format!("/agents/{}", segment(&name))).into_response()),
        Err(refused) if refused.status() == StatusCode::FORBIDDEN => Err(refused),
        Err(refused) => show(&posted.visitor, &name, (refused.lines(), None)).await,
    }
}

/// Removes the agent, with the permissions that name it where the form says so.
pub(super) async fn remove(Path(name): Path<String>, posted: Posted) -> Result<Response, Refused> {
    let cascade = posted.fields.given("cascade").is_some();
    let path = format!("{AGENTS}/{}?cascade={cascade}", segment(&name));
    posted
        .visitor
        .client
        .send(Method::DELETE, &path, &Json::Null)
        .await?;
    Ok(Redirect::to("/agents").into_response())
}

/// Adds a token and shows it.
pub(super) async fn add_token(
    Path(name): Path<String>,
    posted: Posted,
) -> Result<Response, Refused> {
    let Posted { visitor, fields } = posted;
    let mut body = json!({});
    expire(&mut body, &fields);
    let path = format!("{AGENTS}/{}/tokens", segment(&name));
    match visitor.client.send(Method::POST, &path, &body).await {
        Ok(added) => {
            let shown = NewSecret::of_agent(&name, &added);
            show(&visitor, &name, (Vec::new(), Some(shown))).await
        }
        Err(refused) if refused.status() == StatusCode::FORBIDDEN => Err(refused),
        Err(refused) => show(&visitor, &name, (refused.lines(), None)).await,
    }
}

/// Revokes a token; it fails from now on.
pub(super) async fn revoke(
    Path((name, id)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, Refused> {
    let agent = segment(&name);
    let path = format!("{AGENTS}/{agent}/tokens/{}", segment(&id));
    posted
        .visitor
        .client
        .send(Method::DELETE, &path, &Json::Null)
        .await?;
    Ok(Redirect::to(&format!("/agents/{agent}")).into_response())
}

impl AgentRow {
    fn of(agent: &Json, visitor: &Visitor) -> Self {
        let now = visitor.app.shared.setup.clock.utc();
        Self {
            name: agent.text("name"),
            labels: agent.pairs("labels"),
            from: agent.text("from"),
            tokens: agent.number("tokens"),
            created: When::of(&agent.text("created_at"), now),
        }
    }
}

impl NewSecret {
    fn of_agent(name: &str, added: &Json) -> Self {
        Self {
            owner: format!("agent {name}"),
            token: added.text("token"),
            use_it: "Keep it where the agent runs: it is the password of its proxy.".to_owned(),
        }
    }
}

/// Reads `name=value` pairs, separated by commas or lines.
fn labels(text: &str) -> Map<String, Json> {
    let pairs = text
        .split([',', '\n'])
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .map(|(name, value)| (name.trim().to_owned(), value.trim().into()))
        .collect()
}

/// Adds the life of a token where the form has one, in days.
fn expire(body: &mut Json, fields: &Fields) {
    let days = fields
        .given("days")
        .and_then(|days| days.parse::<u64>().ok());
    if let (Some(days), Some(body)) = (days, body.as_object_mut()) {
        body.insert(
            "expires_in".to_owned(),
            (days.saturating_mul(86_400)).into(),
        );
    }
}
