//! Writes conditions that were built as rows in CEL, and reads CEL of that form back as rows.
//!
//! INVARIANT: what is read back as rows is written as the same expression again; anything else stays CEL.

mod reader;
mod tokens;

use serde_json::Value as Json;

use reader::rows_of;
use tokens::tokens;

/// A condition that is built: a field, an operator and a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// A parameter by its name, or `action.risk`, `agent.labels.team`, …
    pub(super) field: String,
    /// A key of [`OPERATORS`].
    pub(super) operator: String,
    /// One value, or several with commas between them.
    pub(super) value: String,
    /// `text`, `number` or `truth`; empty for the type that the catalogue says, else text.
    pub(super) kind: String,
}

/// Operators and their labels.
pub(super) const OPERATORS: [(&str, &str); 15] = [
    ("equals", "equals"),
    ("not_equals", "does not equal"),
    ("one_of", "is one of"),
    ("none_of", "is none of"),
    ("contains", "contains"),
    ("not_contains", "does not contain"),
    ("starts_with", "starts with"),
    ("ends_with", "ends with"),
    ("matches", "matches (regular expression)"),
    ("greater", "is greater than"),
    ("at_least", "is at least"),
    ("less", "is less than"),
    ("at_most", "is at most"),
    ("present", "is present"),
    ("absent", "is absent"),
];

/// Fields that are not parameters.
const ROOTS: [&str; 5] = ["action", "agent", "request", "credential", "params"];

/// Operators that are the negation of another.
const NEGATIVE: [(&str, &str); 3] = [
    ("not_equals", "equals"),
    ("none_of", "one_of"),
    ("not_contains", "contains"),
];

/// Operators that CEL writes between field and value.
const INFIX: [(&str, &str); 5] = [
    ("equals", "=="),
    ("greater", ">"),
    ("at_least", ">="),
    ("less", "<"),
    ("at_most", "<="),
];

/// Operators that CEL writes as a function of the field.
const CALLS: [(&str, &str); 4] = [
    ("contains", "contains"),
    ("starts_with", "startsWith"),
    ("ends_with", "endsWith"),
    ("matches", "matches"),
];

/// What a row says of a request that lacks its parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// It does not hold, so nothing is allowed by what is not there.
    Fails,
    /// It holds, so what is not there keeps no denial and no question away.
    Holds,
}

impl Absent {
    /// Returns what rows of a policy with this decision say.
    pub(super) fn of(decision: &str) -> Self {
        if decision == "allow" {
            Self::Fails
        } else {
            Self::Holds
        }
    }
}

/// Returns the expression of all rows, or what is wrong with one.
pub(super) fn to_cel(rows: &[Row], absent: Absent) -> Result<String, String> {
    let terms: Result<Vec<String>, String> = rows.iter().map(|row| term(row, absent)).collect();
    Ok(terms?.join(" && "))
}

/// Reads an expression of the form that [`to_cel`] writes.
pub(super) fn from_cel(text: &str, absent: Absent) -> Option<Vec<Row>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    let written = tokens(text)?;
    let rows = rows_of(&written)?;
    let again = tokens(&to_cel(&rows, absent).ok()?)?;
    (again == written).then_some(rows)
}

fn term(row: &Row, absent: Absent) -> Result<String, String> {
    let field = expression_of(&row.field)?;
    let is_parameter = field.starts_with("params.");
    match row.operator.as_str() {
        "present" | "absent" if !is_parameter => {
            return Err(format!(
                "`{}` is always there; only parameters can be absent",
                row.field
            ));
        }
        "present" => return Ok(format!("has({field})")),
        "absent" => return Ok(format!("!has({field})")),
        _ => {}
    }
    let negated = NEGATIVE.iter().find(|(name, _)| *name == row.operator);
    let operator = negated.map_or(row.operator.as_str(), |(_, positive)| positive);
    let test = test(row, operator, &field)?;
    // Without a guard the condition would fail where the parameter is absent.
    Ok(match (negated, is_parameter, absent) {
        (Some(_), true, _) => format!("!(has({field}) && {test})"),
        (Some(_), false, _) => format!("!({test})"),
        (None, true, Absent::Holds) => format!("(!has({field}) || {test})"),
        (None, true, Absent::Fails) => format!("has({field}) && {test}"),
        (None, false, _) => test,
    })
}

fn test(row: &Row, operator: &str, field: &str) -> Result<String, String> {
    if let Some((_, sign)) = INFIX.iter().find(|(name, _)| *name == operator) {
        let is_order = *sign != "==";
        return Ok(format!(
            "{field} {sign} {}",
            literal(row, row.value.trim(), is_order)?
        ));
    }
    if let Some((_, call)) = CALLS.iter().find(|(name, _)| *name == operator) {
        return Ok(format!("{field}.{call}({})", quoted(row.value.trim())));
    }
    if operator == "one_of" {
        let values = row
            .value
            .split(',')
            .map(str::trim)
            .filter(|value| !value.is_empty());
        let values: Result<Vec<String>, String> =
            values.map(|value| literal(row, value, false)).collect();
        return Ok(format!("{field} in [{}]", values?.join(", ")));
    }
    Err(format!("`{operator}` is not an operator"))
}

/// Returns a field as CEL names it.
fn expression_of(field: &str) -> Result<String, String> {
    let field = field.trim();
    let is_name = |part: &str| {
        let mut characters = part.chars();
        characters
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if field.is_empty() || !field.split('.').all(is_name) {
        return Err(format!(
            "`{field}` is not the name of a parameter or of a field such as action.risk"
        ));
    }
    let root = field.split('.').next().unwrap_or_default();
    if field.contains('.') && ROOTS.contains(&root) {
        Ok(field.to_owned())
    } else {
        Ok(format!("params.{field}"))
    }
}

/// Returns a value as CEL writes it.
fn literal(row: &Row, value: &str, is_order: bool) -> Result<String, String> {
    if row.field.trim() == "action.risk" {
        return Ok(format!("risk({})", quoted(value)));
    }
    match row.kind.as_str() {
        "truth" => match value {
            "true" | "false" => Ok(value.to_owned()),
            _ => Err(format!("`{value}` is not true or false")),
        },
        "number" => number(value),
        _ if is_order => number(value),
        _ => Ok(quoted(value)),
    }
}

fn number(value: &str) -> Result<String, String> {
    let is_number = value.parse::<i64>().is_ok() || value.parse::<f64>().is_ok_and(f64::is_finite);
    let is_plain = value
        .chars()
        .all(|c| c.is_ascii_digit() || c == '-' || c == '.');
    if is_number && is_plain {
        Ok(value.to_owned())
    } else {
        Err(format!("`{value}` is not a number"))
    }
}

fn quoted(value: &str) -> String {
    Json::String(value.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Absent, OPERATORS, Row, from_cel, to_cel};

    fn row(field: &str, operator: &str, value: &str, kind: &str) -> Row {
        Row {
            field: field.to_owned(),
            operator: operator.to_owned(),
            value: value.to_owned(),
            kind: kind.to_owned(),
        }
    }

    #[test]
    fn rows_are_written_with_a_guard_for_what_may_be_absent() {
        let rows = [
            row("owner", "equals", "acme", ""),
            row("labels", "not_contains", "x\"y", ""),
            row("action.risk", "at_least", "high", ""),
            row("amount", "greater", "100", ""),
            row("bulk", "absent", "", ""),
        ];
        assert_eq!(
            to_cel(&rows, Absent::Fails).unwrap(),
            r#"has(params.owner) && params.owner == "acme" && !(has(params.labels) && params.labels.contains("x\"y")) && action.risk >= risk("high") && has(params.amount) && params.amount > 100 && !has(params.bulk)"#
        );
    }

    #[test]
    fn what_denies_or_asks_does_so_where_the_parameter_is_absent() {
        let rows = [
            row("amount", "greater", "5000", "number"),
            row("owner", "not_equals", "acme", ""),
        ];
        let text = r#"(!has(params.amount) || params.amount > 5000) && !(has(params.owner) && params.owner == "acme")"#;
        for decision in ["deny", "require_approval"] {
            assert_eq!(to_cel(&rows, Absent::of(decision)).unwrap(), text);
        }
        assert_eq!(from_cel(text, Absent::Holds).unwrap(), rows);
        // Another form stays as it was written.
        assert_eq!(from_cel(text, Absent::of("allow")), None);
        assert_eq!(
            from_cel("has(params.a) && params.a == 'x'", Absent::Holds),
            None
        );
        assert_eq!(
            from_cel("(!has(params.a) || params.b == 'x')", Absent::Holds),
            None
        );
    }

    #[test]
    fn what_is_no_row_is_told() {
        for (field, operator, value, kind, told) in [
            ("", "equals", "x", "", "not the name"),
            ("a b", "equals", "x", "", "not the name"),
            ("n", "greater", "many", "", "not a number"),
            ("n", "greater", "1e999", "", "not a number"),
            ("b", "equals", "perhaps", "truth", "not true or false"),
            ("action.risk", "absent", "", "", "only parameters"),
            ("n", "smells like", "x", "", "not an operator"),
        ] {
            let problem = to_cel(&[row(field, operator, value, kind)], Absent::Holds).unwrap_err();
            assert!(problem.contains(told), "{problem}");
        }
    }

    #[test]
    fn other_expressions_stay_cel() {
        for text in [
            r#"params.owner == "acme""#,
            r#"has(params.a) || has(params.b)"#,
            r#"has(params.a) && params.b == "x""#,
            r#"(has(params.a))"#,
            r#"has(params.a) && params.a == "x" ||"#,
            "has(params.a",
            "!",
            "\"open",
        ] {
            assert_eq!(from_cel(text, Absent::Fails), None, "{text}");
        }
        assert_eq!(from_cel("  ", Absent::Fails), Some(Vec::new()));
        let single = from_cel("has(params.a)&&params.a=='x'", Absent::Fails).unwrap();
        assert_eq!(single, [row("a", "equals", "x", "")]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            rows in prop::collection::vec(
                ("[a-z_][a-z0-9_]{0,8}|action\\.risk|agent\\.labels\\.team", 0..OPERATORS.len(), "[^,\\p{C}]{1,12}", 0..3_usize),
                1..4,
            )
        ) {
            let kinds = ["", "number", "truth"];
            let rows: Vec<Row> = rows
                .iter()
                .map(|(field, operator, value, kind)| row(field, OPERATORS[*operator].0, value.trim(), kinds[*kind]))
                .collect();
            for absent in [Absent::Fails, Absent::Holds] {
                if let Ok(text) = to_cel(&rows, absent) {
                    let read = from_cel(&text, absent);
                    prop_assert!(read.is_some(), "{}", text);
                    prop_assert_eq!(to_cel(&read.unwrap(), absent).unwrap(), text);
                }
            }
        }

        #[test]
        fn no_text_panics_and_what_reads_is_the_same(text in ".{0,80}") {
            for absent in [Absent::Fails, Absent::Holds] {
                if let Some(rows) = from_cel(&text, absent) {
                    let again = to_cel(&rows, absent).unwrap();
                    prop_assert_eq!(super::tokens(&again), super::tokens(&text));
                }
            }
        }
    }
}
