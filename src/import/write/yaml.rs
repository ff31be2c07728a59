//! Writes texts as YAML scalars and comments.
//!
//! INVARIANT: whatever the text, it reads back as that text, and a comment stays one line.

use serde_json::Value;

use crate::model::show::escape;

/// Writes a text as a scalar for a flow or block value: plain where that is the same in every YAML, else in quotes.
pub(crate) fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./$ :".contains(c);
    let colons = text
        .split(':')
        .skip(1)
        .all(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/'));
    let begins =
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '$' || c == '_');
    if begins && colons && text.chars().all(plain) && !text.ends_with(' ') && !is_word(text) {
        return text.to_owned();
    }
    quoted(text)
}

/// Writes a text that stands alone in its line, where braces inside mean nothing.
pub(crate) fn line(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./$ {}()|?=&@~+*,;:!#'".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let safe = begins
        && text.chars().all(plain)
        && !text.contains(": ")
        && !text.ends_with([' ', ':'])
        && !is_word(text);
    if safe { text.to_owned() } else { quoted(text) }
}

/// Words that YAML 1.1 or 1.2 takes for something else than text.
fn is_word(text: &str) -> bool {
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    words.contains(&text.to_ascii_lowercase().as_str())
}

fn quoted(text: &str) -> String {
    if text
        .chars()
        .any(|c| c.is_control() || escape(&c.to_string()) != c.to_string())
    {
        let mut out = String::from('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                c if c.is_control() || escape(&c.to_string()) != c.to_string() => {
                    out.push_str(&format!("\\U{:08X}", u32::from(c)))
                }
                c => out.push(c),
            }
        }
        out.push('"');
        return out;
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// Writes a value in flow style.
pub(crate) fn flow(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => scalar(text),
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(flow).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Returns a text that ends with its comment.
pub(crate) fn comment(text: &str) -> String {
    let text = escape(text);
    let line: String = text.chars().take(200).collect();
    line.trim().to_owned()
}
