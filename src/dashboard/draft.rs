//! Holds a policy or a permission that is being written: read from a form, from a link, or from the rule as it is kept.

pub(super) mod yaml;

use serde_json::{Map, Value as Json, json};

use super::condition::{Absent, Row, from_cel, to_cel};
use super::document::{Document as _, visible_text};
use super::fields::Fields;

/// Rows that a form without script offers beyond those that are filled in.
const SPARE: usize = 2;

/// Most rows that are read.
const MOST_ROWS: usize = 50;

/// A rule that is being written.
#[derive(Debug, Clone, Default)]
pub(super) struct RuleDraft {
    /// A permission, else a policy.
    pub(super) is_permission: bool,
    /// Id of a policy.
    pub(super) id: String,
    /// Id of the stored policy that was opened, which it replaces; empty for a new one.
    pub(super) kept: String,
    pub(super) agents: Vec<String>,
    pub(super) actions: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// The condition as CEL, where it is written by hand.
    pub(super) cel: String,
    pub(super) by_hand: bool,
    pub(super) decision: String,
    pub(super) reason: String,
    pub(super) suggest: String,
    /// Keys that the form does not know; they stay.
    pub(super) others: Map<String, Json>,
}

/// Keys that the form shows, of policies and permissions, and those that the API adds to a rule.
const SHOWN: [&str; 13] = [
    "id", "from", "hits", "agents", "actions", "when", "decision", "reason", "suggest", "allow",
    "ask", "deny", "where",
];

/// A parameter's name and the kind of its values, `text`, `number` or `truth`.
pub(super) type Kinds<'k> = &'k dyn Fn(&str) -> &'static str;

impl RuleDraft {
    /// Reads the query of a link that fills a form in: what is not shown in the form is not taken from a link.
    pub(super) fn of_link(fields: &Fields) -> Self {
        Self {
            kept: String::new(),
            others: Map::new(),
            ..Self::of_form(fields)
        }
    }

    /// Reads a form that was sent.
    pub(super) fn of_form(fields: &Fields) -> Self {
        let others: Map<String, Json> =
            serde_json::from_str(fields.text("others")).unwrap_or_default();
        let (names, operators) = (fields.all("field"), fields.all("operator"));
        let (values, kinds) = (fields.all("value"), fields.all("type"));
        let kinds = kinds.chain(std::iter::repeat(""));
        let rows = names.zip(operators).zip(values.zip(kinds));
        let rows = rows.map(|((field, operator), (value, kind))| Row {
            field: field.trim().to_owned(),
            operator: operator.to_owned(),
            value: value.to_owned(),
            kind: kind.to_owned(),
        });
        Self {
            is_permission: fields.text("kind") == "permission",
            id: fields.text("id").to_owned(),
            kept: fields.text("kept").to_owned(),
            agents: fields.words("agents"),
            actions: fields.words("actions"),
            rows: rows
                .filter(|row| !row.field.is_empty())
                .take(MOST_ROWS)
                .collect(),
            cel: fields.text("cel").to_owned(),
            by_hand: fields.text("condition") == "cel",
            decision: fields.given("decision").unwrap_or("deny").to_owned(),
            reason: fields.text("reason").to_owned(),
            suggest: fields.text("suggest").to_owned(),
            others: unshown(others),
        }
    }

    /// Reads a policy as it is kept; a condition of another form than rows stays CEL.
    pub(super) fn of_policy(policy: &Json) -> Self {
        let cel = policy.text("when");
        let rows = from_cel(&cel, Absent::of(&policy.text("decision")));
        let is_stored = policy.text("from") == "store";
        Self {
            id: policy.text("id"),
            kept: if is_stored {
                policy.text("id")
            } else {
                String::new()
            },
            agents: policy.words("agents"),
            actions: policy.words("actions"),
            by_hand: rows.is_none(),
            rows: rows.unwrap_or_default(),
            cel,
            decision: policy.text("decision"),
            reason: visible_text(&policy.text("reason")),
            suggest: visible_text(&policy.text("suggest")),
            others: unshown(policy.as_object().cloned().unwrap_or_default()),
            is_permission: false,
        }
    }

    /// Returns whether it replaces the policy that was opened.
    pub(super) fn is_kept(&self) -> bool {
        !self.is_permission && !self.kept.is_empty() && self.kept == self.id
    }

    /// Returns the condition, or what is wrong with a row.
    pub(super) fn condition(&self, kinds: Kinds<'_>) -> Result<String, String> {
        if self.by_hand {
            return Ok(self.cel.clone());
        }
        let rows: Vec<Row> = self.rows.iter().map(|row| typed(row, kinds)).collect();
        to_cel(&rows, Absent::of(&self.decision))
    }

    /// Returns the rule with the keys of a policy file.
    pub(super) fn rule(&self, kinds: Kinds<'_>) -> Result<Map<String, Json>, String> {
        let condition = self.condition(kinds)?;
        let mut rule = Map::new();
        let mut put = |name: &str, value: Json| {
            let is_empty = match &value {
                Json::String(text) => text.is_empty(),
                Json::Array(items) => items.is_empty(),
                _ => false,
            };
            if !is_empty {
                rule.insert(name.to_owned(), value);
            }
        };
        if self.is_permission {
            let list = match self.decision.as_str() {
                "require_approval" => "ask",
                "deny" => "deny",
                _ => "allow",
            };
            put("agents", json!(self.agents));
            put(list, json!(self.actions));
            put("where", condition.into());
        } else {
            put("agents", json!(self.agents));
            put("actions", json!(self.actions));
            put("when", condition.into());
            put("decision", self.decision.as_str().into());
            put("reason", self.reason.as_str().into());
            put("suggest", self.suggest.as_str().into());
        }
        rule.extend(self.others.clone());
        Ok(rule)
    }

    /// Returns the rule as a policy file.
    pub(super) fn yaml(&self, kinds: Kinds<'_>) -> Result<String, String> {
        let mut rule = self.rule(kinds)?;
        let list = if self.is_permission {
            "permissions"
        } else {
            rule.shift_insert(0, "id".to_owned(), self.id.as_str().into());
            "policies"
        };
        Ok(yaml::write(list, &rule))
    }

    /// Adds empty rows for a form.
    pub(super) fn with_spare_rows(mut self) -> Self {
        self.rows.extend(std::iter::repeat_n(Row::default(), SPARE));
        self
    }
}

/// Returns the address of a form for a rule about an action as an agent asked for it, with a row for each parameter.
pub(super) fn filled_in((kind, decision): (&str, &str), agent: &str, action: &Json) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("kind", kind);
    query.append_pair("agents", agent);
    query.append_pair("actions", &action.text("name"));
    query.append_pair("decision", decision);
    // What the journal keeps only as a hash cannot be compared with.
    let params = action.pairs("params").into_iter();
    for (name, value) in params.filter(|(_, value)| !value.starts_with('{')) {
        query.append_pair("field", &name);
        query.append_pair("operator", "equals");
        query.append_pair("value", &value);
    }
    format!("/policies/new?{}", query.finish())
}

/// Returns the keys that the form does not show; none of the others may speak beside it.
fn unshown(mut rule: Map<String, Json>) -> Map<String, Json> {
    rule.retain(|name, _| !SHOWN.contains(&name.as_str()));
    rule
}

/// Returns a row whose values have the type that the catalogue says.
fn typed(row: &Row, kinds: Kinds<'_>) -> Row {
    let kind = match row.kind.as_str() {
        "" => kinds(&row.field),
        _ => return row.clone(),
    };
    Row {
        kind: kind.to_owned(),
        ..row.clone()
    }
}
