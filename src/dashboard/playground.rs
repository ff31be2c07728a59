//! Explains a request or a `curl` command without sending it: its actions, parameters, risk, decision, credential and why.

use askama::Template;
use axum::http::Method;
use axum::response::Response;
use serde_json::{Value as Json, json};

use super::document::Document as _;
use super::fields::Fields;
use super::frame::Frame;
use super::refused::Refused;
use super::show::{Mark, html};
use super::visitor::{Posted, Visitor};
use crate::import::curl;

/// Header lines that are read.
const MOST_HEADERS: usize = 100;

/// Parameters of an action: names and values.
type Pairs = Vec<(String, String)>;

#[derive(Template)]
#[template(path = "playground.html")]
struct PlaygroundPage {
    frame: Frame,
    agents: Vec<String>,
    agent: String,
    request: String,
    headers: String,
    body: String,
    found: Option<Explained>,
}

/// What the gateway would do.
struct Explained {
    decision: Mark,
    code: String,
    detail: String,
    suggest: String,
    facts: Vec<(&'static str, String)>,
    actions: Vec<(String, Mark, String, Pairs)>,
    by: Vec<String>,
    failures: Vec<String>,
    is_unknown: bool,
    builder: String,
    /// A route that would match, to copy into a connector.
    drafted: String,
}

/// A request as it was typed.
#[derive(Debug, Default)]
struct Typed {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// Shows an empty form, or one that a link fills in; such a request is explained at once.
pub(super) async fn page(visitor: Visitor, fields: Fields) -> Result<Response, Refused> {
    show(&visitor, &fields).await
}

/// Explains what the form holds.
pub(super) async fn ask(posted: Posted) -> Result<Response, Refused> {
    show(&posted.visitor, &posted.fields).await
}

async fn show(visitor: &Visitor, fields: &Fields) -> Result<Response, Refused> {
    let mut frame = Frame::of(visitor, "playground", "Playground").await?;
    let list = visitor.client.get("/api/v1/agents").await?;
    let agents: Vec<String> = list
        .list("agents")
        .iter()
        .map(|agent| agent.text("name"))
        .collect();
    let agent = fields
        .given("agent")
        .or_else(|| agents.first().map(String::as_str));
    let agent = agent.unwrap_or_default().to_owned();
    let mut found = None;
    if fields.given("request").is_some() {
        match explain(visitor, &agent, fields).await {
            Ok(explained) => found = Some(explained),
            Err(problems) => frame.problems = problems,
        }
    }
    Ok(html(&PlaygroundPage {
        frame,
        agents,
        agent,
        request: fields.text("request").to_owned(),
        headers: fields.text("headers").to_owned(),
        body: fields.text("body").to_owned(),
        found,
    }))
}

async fn explain(
    visitor: &Visitor,
    agent: &str,
    fields: &Fields,
) -> Result<Explained, Vec<String>> {
    let typed = Typed::of(fields).map_err(|problem| vec![problem])?;
    let question = json!({
        "agent": agent,
        "method": typed.method,
        "url": typed.url,
        "headers": typed.headers,
        "body": typed.body,
    });
    let explained = visitor
        .client
        .send(Method::POST, "/api/v1/explain", &question)
        .await;
    explained
        .map(|explained| Explained::of(&explained, (agent, &typed)))
        .map_err(|refused| refused.lines())
}

impl Typed {
    /// Reads a `curl` command, or a method and a URL with headers and body beside them.
    fn of(fields: &Fields) -> Result<Self, String> {
        let request = fields.text("request");
        if request.starts_with("curl") {
            let read = curl::request(request).map_err(|error| error.to_string())?;
            return Ok(Self {
                method: read.method,
                url: read.url,
                headers: read.headers,
                body: read.body,
            });
        }
        let (method, url) = request
            .split_once(char::is_whitespace)
            .unwrap_or(("GET", request));
        let lines = fields.text("headers").lines().take(MOST_HEADERS);
        let headers = lines.filter_map(|line| line.split_once(':'));
        Ok(Self {
            method: method.to_uppercase(),
            url: url.trim().to_owned(),
            headers: headers
                .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                .collect(),
            body: fields.text("body").to_owned(),
        })
    }
}

impl Explained {
    fn of(explained: &Json, (agent, typed): (&str, &Typed)) -> Self {
        let action = |action: &Json| {
            let risk = Mark::risk(&action.text("risk"));
            (
                action.text("name"),
                risk,
                action.text("summary"),
                action.pairs("params"),
            )
        };
        let actions: Vec<_> = explained.list("actions").iter().map(action).collect();
        let mut facts = vec![
            ("Sent as", explained.text("sent")),
            ("Connector", explained.text("connector")),
            ("Credential", explained.text("credential")),
            (
                "Headers not sent on",
                explained.words("dropped_headers").join(", "),
            ),
        ];
        facts.retain(|(_, value)| !value.is_empty());
        let names: Vec<String> = actions.iter().map(|(name, ..)| name.clone()).collect();
        let is_unknown = names.iter().any(|name| name.ends_with(".unknown"));
        let mut builder = form_urlencoded::Serializer::new(String::new());
        builder
            .append_pair("agents", agent)
            .append_pair("actions", &names.join(", "));
        Self {
            decision: Mark::decision(&explained.text("decision")),
            code: explained.text("code"),
            detail: explained.text("detail"),
            suggest: explained.text("suggest"),
            facts,
            actions,
            by: explained.words("by"),
            failures: explained.words("failures"),
            drafted: if is_unknown {
                drafted(typed)
            } else {
                String::new()
            },
            is_unknown,
            builder: format!("/policies/new?{}", builder.finish()),
        }
    }
}

/// Drafts a route for a request that none matches; numbers and long segments become parameters.
fn drafted(typed: &Typed) -> String {
    let rest = typed.url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut resource = String::from("thing");
    let segments = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| {
            let varies = segment.chars().any(|c| c.is_ascii_digit()) || segment.len() > 24;
            if varies {
                format!("{{{}_id}}", resource.trim_end_matches('s'))
            } else {
                resource = segment.replace('-', "_");
                segment.to_owned()
            }
        });
    let path = segments.collect::<Vec<_>>().join("/");
    let verb = match typed.method.as_str() {
        "GET" | "HEAD" => "get",
        "POST" => "create",
        "DELETE" => "delete",
        _ => "update",
    };
    let resource = resource.trim_end_matches('s');
    let written = json!(format!("{} /{path}", typed.method));
    crate::model::show::escape(&format!(
        "  - {{ action: {resource}.{verb}, match: {written} }}"
    ))
    .into_owned()
}
