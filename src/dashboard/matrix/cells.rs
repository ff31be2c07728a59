//! Finds what the permissions say of one agent and one connector: what the cell sets, and what applies beside it.

use serde_json::Value as Json;

use super::PRESETS;
use crate::dashboard::document::Document as _;

/// A cell of the matrix.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) connector: String,
    /// The preset of the permission for exactly this agent and connector; empty for none.
    pub(super) access: String,
    /// Number of that permission where the store keeps it.
    pub(super) id: String,
    /// The file that keeps it; it is changed there.
    pub(super) file: String,
    /// Why it is not a preset, in words.
    pub(super) custom: String,
    /// Other permissions that apply here.
    pub(super) beside: Vec<String>,
}

impl Cell {
    /// Reads the rules for an agent and a connector, or for all connectors at `*`.
    pub(super) fn of(agent: &Json, connector: &str, rules: &[Json]) -> Self {
        let name = agent.text("name");
        let mut cell = Self {
            connector: connector.to_owned(),
            ..Self::default()
        };
        for rule in rules {
            let agents = rule.words("agents");
            let is_own = agents.contains(&name);
            let applies = is_own || agents.iter().any(|selector| selects(selector, agent));
            if !applies || !touches(rule, connector) {
                continue;
            }
            let is_cell = agents.len() == 1 && is_own && rule.text("connector") == connector;
            if is_cell && cell.access.is_empty() {
                cell.take(rule);
            } else {
                cell.beside.push(short(rule));
            }
        }
        cell
    }

    fn take(&mut self, rule: &Json) {
        self.access = rule.text("access");
        let where_ = rule.text("where");
        if !where_.is_empty() {
            self.custom = format!("where {where_}");
        }
        match rule.text("id") {
            id if id.is_empty() => self.file = rule.text("from"),
            id => self.id = id,
        }
    }

    /// Returns the class of the cell's colour.
    pub(super) fn class(&self) -> &'static str {
        match self.access.as_str() {
            "full" => "allow",
            "supervised" | "ask" => "ask",
            "read_only" => "low",
            "none" => "deny",
            _ => "plain",
        }
    }

    /// Returns the preset for people.
    pub(super) fn label(&self) -> &'static str {
        let found = PRESETS.iter().find(|(key, _)| *key == self.access);
        found.map_or("–", |(_, label)| *label)
    }
}

/// Returns whether a selector such as `*` or `team=web` is for an agent.
fn selects(selector: &str, agent: &Json) -> bool {
    if selector == "*" {
        return true;
    }
    let Some((label, value)) = selector.split_once('=') else {
        return false;
    };
    agent
        .pairs("labels")
        .iter()
        .any(|(known, had)| known == label && had == value)
}

/// Returns whether a rule says anything of a connector.
fn touches(rule: &Json, connector: &str) -> bool {
    match rule.text("connector") {
        named if !named.is_empty() => named == connector || (named == "*" && connector != "*"),
        _ => ["allow", "ask", "deny"].iter().any(|list| {
            let actions = rule.words(list);
            actions.iter().any(|action| {
                action.split('.').next() == Some(connector) || action.starts_with('*')
            })
        }),
    }
}

fn short(rule: &Json) -> String {
    crate::admin::service::manifest::in_words(rule)
}
