//! Knows the actions of the catalogue and their parameters, for completion and for typed conditions. It is read once for each snapshot.

use std::sync::Arc;

use axum::response::Json as Answer;
use parking_lot::Mutex;
use serde_json::{Value as Json, json};

use super::client::{Client, segment};
use super::document::Document as _;
use super::fields::Fields;
use super::refused::Refused;
use super::visitor::Visitor;

/// Actions that are suggested at once.
const SUGGESTED: usize = 40;

/// An action of the catalogue.
#[derive(Debug, Clone)]
pub(super) struct CatalogueAction {
    pub(super) name: String,
    pub(super) summary: String,
    pub(super) risk: String,
    /// Names and types of its parameters, as far as the API says them.
    pub(super) params: Vec<(String, String)>,
}

/// The actions of one snapshot.
#[derive(Debug, Default)]
pub(super) struct Catalogue(Mutex<Option<(String, Arc<Vec<CatalogueAction>>)>>);

impl Catalogue {
    /// Returns all actions, sorted by name; asks the API where the snapshot is another one.
    async fn actions(&self, client: &Client) -> Result<Arc<Vec<CatalogueAction>>, Refused> {
        let status = client.get("/api/v1/status").await?;
        let since = status
            .get("reload")
            .map(|reload| reload.text("snapshot_since"));
        let since = since.unwrap_or_default();
        if let Some((known, actions)) = &*self.0.lock()
            && *known == since
        {
            return Ok(Arc::clone(actions));
        }
        let list = client.get("/api/v1/connectors").await?;
        let mut actions = Vec::new();
        for connector in list.list("connectors") {
            let path = format!("/api/v1/connectors/{}", segment(&connector.text("id")));
            let whole = client.get(&path).await?;
            actions.extend(whole.list("routes").iter().map(CatalogueAction::of));
        }
        actions.sort_by(|one: &CatalogueAction, other| one.name.cmp(&other.name));
        actions.dedup_by(|one, other| one.name == other.name && other.join(one));
        let actions = Arc::new(actions);
        *self.0.lock() = Some((since, Arc::clone(&actions)));
        Ok(actions)
    }
}

impl CatalogueAction {
    fn of(route: &Json) -> Self {
        let params = route.list("params").iter();
        Self {
            name: route.text("action"),
            summary: match route.text("summary") {
                summary if summary.is_empty() => route.text("name"),
                summary => summary,
            },
            risk: route.text("risk"),
            params: params
                .map(|param| (param.text("name"), param.text("type")))
                .collect(),
        }
    }

    /// Takes over the parameters of another route of the same action.
    fn join(&mut self, other: &Self) -> bool {
        for param in &other.params {
            if !self.params.iter().any(|(name, _)| *name == param.0) {
                self.params.push(param.clone());
            }
        }
        true
    }

    fn has(&self, words: &[String]) -> bool {
        let name = self.name.to_lowercase();
        let summary = self.summary.to_lowercase();
        words
            .iter()
            .all(|word| name.contains(word) || summary.contains(word))
    }
}

/// Returns the actions that a visitor can name, sorted.
pub(super) async fn known_actions(visitor: &Visitor) -> Result<Arc<Vec<CatalogueAction>>, Refused> {
    let catalogue = &visitor.app.shared.catalogue;
    catalogue.actions(&visitor.client).await
}

/// Suggests actions whose names or summaries have all words of `q`.
pub(super) async fn suggest_actions(
    visitor: Visitor,
    fields: Fields,
) -> Result<Answer<Json>, Refused> {
    let words: Vec<String> = fields
        .text("q")
        .to_lowercase()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let actions = known_actions(&visitor).await?;
    let found = actions
        .iter()
        .filter(|action| action.has(&words))
        .take(SUGGESTED);
    let found = found.map(|action| {
        json!({ "name": action.name, "summary": format!("{} – {}", action.risk, action.summary) })
    });
    Ok(Answer(found.collect()))
}
