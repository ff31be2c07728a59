//! Writes a rule as people write policy files: one key a line, lists in flow style.

use serde_json::{Map, Value as Json};

/// Returns a policy file with one rule in a list.
pub(super) fn write(list: &str, rule: &Map<String, Json>) -> String {
    write_all(list, std::slice::from_ref(rule))
}

/// Returns a list of a policy file with all of its rules.
pub(in crate::dashboard) fn write_all(list: &str, rules: &[Map<String, Json>]) -> String {
    if rules.is_empty() {
        return format!("{list}: []\n");
    }
    let mut text = format!("{list}:\n");
    for rule in rules {
        for (at, (name, value)) in rule.iter().enumerate() {
            let start = if at == 0 { "  - " } else { "    " };
            text.push_str(&format!("{start}{name}: {}\n", written(value)));
        }
    }
    text
}

fn written(value: &Json) -> String {
    match value {
        Json::String(text) => scalar(text),
        Json::Array(items) if items.iter().all(Json::is_string) => {
            let items = items.iter().filter_map(Json::as_str).map(scalar);
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        // JSON is YAML in flow style.
        other => other.to_string(),
    }
}

/// Returns a text without quotes where YAML reads it as that text, else in quotes; a condition in single ones, as people write it.
fn scalar(text: &str) -> String {
    let is_word = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._*-".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text);
    if is_word {
        text.to_owned()
    } else if text.contains('"') && !text.chars().any(char::is_control) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        Json::String(text.to_owned()).to_string()
    }
}
