//! Shows the catalogue: each connector with its routes, their risk and what they are for.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use serde_json::Value as Json;

use super::client::segment;
use super::document::Document as _;
use super::fields::Fields;
use super::frame::Frame;
use super::refused::Refused;
use super::show::{Mark, html};
use super::visitor::Visitor;

/// Routes that a page shows at once; more are found by the filter.
const ROUTES: usize = 400;

#[derive(Template)]
#[template(path = "connectors.html")]
struct ConnectorsPage {
    frame: Frame,
    connectors: Vec<ConnectorRow>,
    q: String,
}

/// A connector in the list.
struct ConnectorRow {
    id: String,
    name: String,
    domains: String,
    routes: u64,
    auth: String,
}

#[derive(Template)]
#[template(path = "connector.html")]
struct ConnectorPage {
    frame: Frame,
    row: ConnectorRow,
    docs: String,
    q: String,
    shown: usize,
    routes: Vec<RouteRow>,
}

/// A route of a connector.
struct RouteRow {
    action: String,
    matches: String,
    when: String,
    risk: Mark,
    summary: String,
    params: Vec<String>,
}

/// Lists connectors whose id, name or domain has the words of `q`.
pub(super) async fn list(visitor: Visitor, fields: Fields) -> Result<Response, Refused> {
    let frame = Frame::of(&visitor, "connectors", "Connectors").await?;
    let list = visitor.client.get("/api/v1/connectors").await?;
    let q = fields.text("q").to_lowercase();
    let rows = list.list("connectors").iter().map(ConnectorRow::of);
    let matches = |row: &ConnectorRow| {
        [&row.id, &row.name, &row.domains]
            .iter()
            .any(|text| text.to_lowercase().contains(&q))
    };
    Ok(html(&ConnectorsPage {
        frame,
        connectors: rows.filter(matches).collect(),
        q: fields.text("q").to_owned(),
    }))
}

/// Shows a connector whole.
pub(super) async fn page(
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Refused> {
    let path = format!("/api/v1/connectors/{}", segment(&id));
    let connector = visitor.client.get(&path).await?;
    let frame = Frame::of(&visitor, "connectors", connector.text("name")).await?;
    let q = fields.text("q").to_lowercase();
    let routes = connector.list("routes");
    let matches = |route: &&Json| {
        let texts = ["action", "match", "summary"];
        texts
            .iter()
            .any(|name| route.text(name).to_lowercase().contains(&q))
    };
    let found: Vec<RouteRow> = routes.iter().filter(matches).map(RouteRow::of).collect();
    Ok(html(&ConnectorPage {
        frame,
        row: ConnectorRow {
            routes: routes.len() as u64,
            ..ConnectorRow::of(&connector)
        },
        docs: Some(connector.text("docs"))
            .filter(|docs| docs.starts_with("https://"))
            .unwrap_or_default(),
        q: fields.text("q").to_owned(),
        shown: found.len().min(ROUTES),
        routes: found.into_iter().take(ROUTES).collect(),
    }))
}

impl ConnectorRow {
    fn of(connector: &Json) -> Self {
        let schemes = connector
            .list("auth")
            .iter()
            .map(|scheme| scheme.text("id"));
        let schemes: Vec<String> = schemes.collect();
        Self {
            id: connector.text("id"),
            name: connector.text("name"),
            domains: connector.words("domains").join(", "),
            routes: connector.number("routes"),
            auth: if connector.is("public") {
                "needs no credential".to_owned()
            } else {
                schemes.join(", ")
            },
        }
    }
}

impl RouteRow {
    fn of(route: &Json) -> Self {
        let params = route.list("params").iter();
        Self {
            action: route.text("action"),
            matches: route.text("match"),
            when: route.text("when"),
            risk: Mark::risk(&route.text("risk")),
            summary: match route.text("summary") {
                summary if summary.is_empty() => route.text("name"),
                summary => summary,
            },
            params: params.map(|param| param.text("name")).collect(),
        }
    }
}
