//! Explains a condition by its parts: what each clause and each operand gives for a request. Only `explain` does this; nothing is
//! decided by it.
//!
//! The text is split where operators stand outside brackets and quotes, and each part is compiled by itself. A part that is no
//! expression by itself, as the body of `exists(x, …)`, is left out.

use std::collections::BTreeSet;

use serde::Serialize;

use super::program::{Outcome, ProgramDraft};
use super::scope::{Datum, Scope};
use crate::model::value::Value;

/// Deepest nesting, and most parts, that are shown.
const DEEPEST: usize = 8;
const MOST: usize = 64;

/// What stands in the place of a secret.
const SECRET: &str = "(secret)";

/// A part of a condition, and what it gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// As the file writes it.
    pub text: String,
    /// A value as an expression writes it, or why there is none.
    pub value: String,
    /// How deep it is nested; 0 for the whole condition.
    pub depth: usize,
}

/// Operators that split a text, the loosest first; those of a level are alike.
const LEVELS: [&[&str]; 3] = [
    &["||"],
    &["&&"],
    &["==", "!=", "<=", ">=", "<", ">", " in "],
];

/// Returns the condition and its parts, each below the one that it belongs to.
///
/// `secrets` are the names of parameters whose values are not shown.
#[must_use]
pub fn parts(source: &str, scope: &dyn Scope, secrets: &BTreeSet<String>) -> Vec<Part> {
    let mut found = Vec::new();
    add(source, (scope, secrets), 0, &mut found);
    found
}

fn add(text: &str, context: (&dyn Scope, &BTreeSet<String>), depth: usize, found: &mut Vec<Part>) {
    let text = text.trim();
    if depth > DEEPEST || found.len() >= MOST || text.is_empty() {
        return;
    }
    if let Some(inner) = unwrapped(text) {
        return add(inner, context, depth, found);
    }
    let Some(value) = value(text, context) else {
        return;
    };
    found.push(Part {
        text: text.to_owned(),
        value,
        depth,
    });
    if let Some(inner) = text.strip_prefix('!').filter(|_| split(text).is_none()) {
        return add(inner, context, depth + 1, found);
    }
    for operand in split(text).unwrap_or_default() {
        if !is_literal(operand.trim()) {
            add(operand, context, depth + 1, found);
        }
    }
}

/// Returns what a text gives by itself; `None` where it is no expression.
fn value(text: &str, (scope, secrets): (&dyn Scope, &BTreeSet<String>)) -> Option<String> {
    let draft = ProgramDraft::parse(text).ok()?;
    let reads = draft.fields_of("params");
    let is_secret = !reads.is_disjoint(secrets);
    if let Some(shown) = field(text).and_then(|(root, field)| whole(&scope.read(root, field)?)) {
        return Some(shown);
    }
    let program = draft.finish();
    match program.evaluate(scope) {
        // Whether it holds is what the decision tells anyway.
        Outcome::True => return Some("true".to_owned()),
        Outcome::False => return Some("false".to_owned()),
        Outcome::Failed(_) => {}
    }
    Some(match program.value(scope) {
        Ok(_) if is_secret => SECRET.to_owned(),
        Ok(Value::Text(text)) => format!("{:?}", &*text),
        Ok(value) => serde_json::json!(value).to_string(),
        Err(error) => error.to_string(),
    })
}

/// Reads `root.field`, where a text is nothing more.
fn field(text: &str) -> Option<(&str, &str)> {
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        !name.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let (root, field) = text.split_once('.')?;
    (is_name(root) && is_name(field)).then_some((root, field))
}

/// Shows what an expression reads only in a comparison, or by a key.
fn whole(read: &Datum<'_>) -> Option<String> {
    match read {
        Datum::Risk(risk) => Some(risk.to_string()),
        Datum::Labels(labels) => Some(serde_json::json!(labels).to_string()),
        Datum::Bool(_)
        | Datum::Int(_)
        | Datum::Text(_)
        | Datum::Time(_)
        | Datum::Query(_)
        | Datum::Value(_) => None,
    }
}

/// Returns the operands of the loosest operator that stands outside brackets and quotes.
fn split(text: &str) -> Option<Vec<&str>> {
    let outside = outside(text);
    // `c ? a : b`
    if let Some(at) = outside.iter().find(|at| is_conditional(text, **at)) {
        let (condition, rest) = (text.get(..*at)?, text.get(at + 1..)?);
        let (yes, no) = rest.split_once(':')?;
        return Some(vec![condition, yes, no]);
    }
    LEVELS.iter().find_map(|level| {
        let mut operands = Vec::new();
        let mut start = 0;
        for at in &outside {
            let rest = text.get(*at..)?;
            let operator = level.iter().find(|operator| rest.starts_with(**operator));
            if let Some(operator) = operator.filter(|_| *at >= start) {
                operands.push(text.get(start..*at)?);
                start = at + operator.len();
            }
        }
        (start > 0).then(|| operands.into_iter().chain(text.get(start..)).collect())
    })
}

fn is_conditional(text: &str, at: usize) -> bool {
    let after = text.get(at + 1..).unwrap_or_default();
    let before = text.get(..at).unwrap_or_default();
    text.get(at..).is_some_and(|rest| rest.starts_with('?'))
        && !before.ends_with(['.', '['])
        && after.contains(':')
}

/// Returns the places of characters outside brackets and quotes.
fn outside(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 => found.push(at),
            (None, _) => {}
        }
    }
    found
}

/// Returns what is within brackets around the whole text.
fn unwrapped(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    outside(text).is_empty().then_some(inner)
}

fn is_literal(text: &str) -> bool {
    let quoted = text.starts_with(['"', '\'', '[', '{']) && outside(text).is_empty();
    quoted
        || text.parse::<f64>().is_ok()
        || ["true", "false", "null"].contains(&text)
        || text.starts_with("risk(")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{Part, parts};
    use crate::expression::scope::{Datum, Scope};
    use crate::model::action::Risk;
    use crate::model::value::Value;

    #[derive(Debug)]
    struct Params(Value, Value, BTreeMap<String, String>);

    impl Scope for Params {
        fn read(&self, root: &str, field: &str) -> Option<Datum<'_>> {
            match (root, field) {
                ("params", "project") => Some(Datum::Value(&self.0)),
                ("params", "key") => Some(Datum::Value(&self.1)),
                ("action", "risk") => Some(Datum::Risk(Risk::High)),
                ("agent", "labels") => Some(Datum::Labels(&self.2)),
                _ => None,
            }
        }
    }

    fn shown(source: &str) -> Vec<(usize, String, String)> {
        let labels = BTreeMap::from([("team".to_owned(), "ops".to_owned())]);
        let scope = Params(Value::text("A && B"), Value::text("s3cret"), labels);
        let secrets = BTreeSet::from(["key".to_owned()]);
        let parts = parts(source, &scope, &secrets).into_iter();
        parts
            .map(|Part { text, value, depth }| (depth, text, value))
            .collect()
    }

    #[test]
    fn each_clause_and_operand_has_its_value() {
        let line = |depth, text: &str, value: &str| (depth, text.to_owned(), value.to_owned());
        assert_eq!(
            shown("params.project == \"A && B\" && (params.lost == 1 || !has(params.lost))"),
            [
                line(
                    0,
                    "params.project == \"A && B\" && (params.lost == 1 || !has(params.lost))",
                    "true"
                ),
                line(1, "params.project == \"A && B\"", "true"),
                line(2, "params.project", "\"A && B\""),
                line(1, "params.lost == 1 || !has(params.lost)", "true"),
                line(2, "params.lost == 1", "`params.lost` is absent"),
                line(3, "params.lost", "`params.lost` is absent"),
                line(2, "!has(params.lost)", "true"),
                line(3, "has(params.lost)", "false"),
            ]
        );
    }

    #[test]
    fn risks_and_labels_are_shown_although_no_expression_gives_them() {
        let shown = shown("action.risk >= risk(\"high\") && agent.labels[\"team\"] == \"ops\"");
        let values: Vec<(&str, &str)> = shown
            .iter()
            .map(|(_, text, value)| (text.as_str(), value.as_str()))
            .collect();
        assert!(values.contains(&("action.risk", "high")), "{values:?}");
        assert!(
            values.iter().all(|(_, value)| !value.contains("type")),
            "{values:?}"
        );
    }

    #[test]
    fn a_secret_is_not_shown_whatever_is_made_of_it() {
        for source in [
            "params.key == \"x\"",
            "params.key.startsWith(\"s\") ? params.key : \"\"",
        ] {
            let shown = shown(source);
            assert!(shown.len() > 1, "{shown:?}");
            assert!(
                shown.iter().all(|(_, _, value)| !value.contains("s3cret")),
                "{shown:?}"
            );
        }
    }
}
