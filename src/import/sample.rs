//! Invents values that a field accepts, for tests; none is taken from a description.

use regex_syntax::hir::{Hir, HirKind};
use serde_json::{Value, json};

use super::api::{Field, Kind, Shape};
use super::names::words::words;

/// Bytes of a value made from a pattern.
const MAX_LENGTH: usize = 256;

/// Values that read well where a field is called so; the last word of its name decides.
const KNOWN: [(&str, &str); 28] = [
    ("account", "acme"),
    ("branch", "main"),
    ("city", "Turin"),
    ("company", "acme"),
    ("country", "IT"),
    ("currency", "eur"),
    ("description", "An example"),
    ("domain", "example.com"),
    ("email", "ada@example.com"),
    ("host", "example.com"),
    ("hostname", "example.com"),
    ("language", "en"),
    ("login", "ada"),
    ("message", "An example"),
    ("org", "acme"),
    ("organization", "acme"),
    ("owner", "acme"),
    ("region", "eu-west-1"),
    ("repo", "site"),
    ("site", "acme"),
    ("subdomain", "acme"),
    ("tenant", "acme"),
    ("text", "An example"),
    ("title", "An example"),
    ("user", "ada"),
    ("username", "ada"),
    ("version", "v1"),
    ("workspace", "acme"),
];

/// Returns a value of a path, query or header, as text. `None` where none can be made.
pub(crate) fn text(field: &Field, pattern: Option<&str>) -> Option<String> {
    let shape = &field.shape;
    if let Some(pattern) = pattern.filter(|_| shape.format.as_deref() != Some("uuid")) {
        return by_pattern(pattern);
    }
    Some(match shape.kind {
        Kind::Int | Kind::Number => "7".to_owned(),
        Kind::Bool => "true".to_owned(),
        Kind::Text | Kind::Structure | Kind::Any => one_text(&field.name, shape),
    })
}

/// Returns a value of a body. `None` for what no policy compares.
pub(crate) fn value(field: &Field) -> Option<Value> {
    let shape = &field.shape;
    let one = match shape.kind {
        Kind::Int => json!(7),
        Kind::Number => json!(7.5),
        Kind::Bool => json!(true),
        Kind::Text => json!(one_text(&field.name, shape)),
        Kind::Any if !shape.list => json!(one_text(&field.name, shape)),
        Kind::Structure | Kind::Any => return None,
    };
    Some(if shape.list { json!([one]) } else { one })
}

/// Returns a value of a label that a host or base path captures.
pub(crate) fn label(name: &str) -> String {
    let value = one_text(name, &Shape::text()).to_lowercase();
    let fits = value
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits { value } else { "acme".to_owned() }
}

fn one_text(name: &str, shape: &Shape) -> String {
    let plain = |value: &&String| {
        !value.is_empty()
            && value.len() <= 60
            && value
                .bytes()
                .all(|byte| byte.is_ascii_graphic() || byte == b' ')
    };
    if let Some(first) = shape.values.iter().find(plain) {
        return first.clone();
    }
    let by_format = match shape.format.as_deref() {
        Some("uuid") => Some("0b4a7e0e-5c5c-4b1e-9d2a-7a1f6c3d2e10"),
        Some("date-time") => Some("2026-01-31T12:00:00Z"),
        Some("date") => Some("2026-01-31"),
        Some("email") => Some("ada@example.com"),
        Some("uri" | "url") => Some("https://example.com/"),
        Some("ipv4") => Some("192.0.2.1"),
        Some(_) | None => None,
    };
    if let Some(value) = by_format {
        return value.to_owned();
    }
    let mut words = words(name);
    let last = words.last().map_or("", String::as_str);
    if let Some((_, value)) = KNOWN.iter().find(|(known, _)| *known == last) {
        return (*value).to_owned();
    }
    words.retain(|word| !["id", "sid", "key", "name"].contains(&word.as_str()));
    if words.is_empty() {
        "example-1".to_owned()
    } else {
        format!("{}-1", words.join("-"))
    }
}

/// Returns the shortest text of printable ASCII that a pattern accepts, if there is one that is easily found.
pub(crate) fn by_pattern(pattern: &str) -> Option<String> {
    let hir = regex_syntax::ParserBuilder::new()
        .nest_limit(50)
        .build()
        .parse(pattern)
        .ok()?;
    let mut text = String::new();
    write(&hir, &mut text)?;
    let anchored = format!(r"\A(?:{pattern})\z");
    // Sets of all scripts are dear, and a description has its patterns a thousand times; what was made is ASCII as a rule.
    let ascii = regex::bytes::RegexBuilder::new(&anchored)
        .unicode(false)
        .build();
    let matches = match ascii {
        Ok(regex) if text.is_ascii() => regex.is_match(text.as_bytes()),
        Ok(_) | Err(_) => regex::Regex::new(&anchored).ok()?.is_match(&text),
    };
    (!text.is_empty() && matches).then_some(text)
}

fn write(hir: &Hir, text: &mut String) -> Option<()> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
            // A letter reads better than the first of the class, which may be a space or a tab.
            let holds = |c: &char| {
                class
                    .ranges()
                    .iter()
                    .any(|range| range.start() <= *c && *c <= range.end())
            };
            text.push(
                ['a', 'A', '1', '0', 'x', '-', '_']
                    .into_iter()
                    .chain('!'..='~')
                    .find(holds)?,
            );
        }
        HirKind::Class(regex_syntax::hir::Class::Bytes(_)) => return None,
        HirKind::Repetition(repetition) => {
            // `.*` alone would be nothing.
            let least = if repetition.min == 0 && text.is_empty() && repetition.max != Some(0) {
                1
            } else {
                repetition.min
            };
            for _ in 0..least {
                write(&repetition.sub, text)?;
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, text)?,
        HirKind::Concat(parts) => {
            for part in parts {
                write(part, text)?;
            }
        }
        HirKind::Alternation(parts) => write(parts.first()?, text)?,
    }
    Some(())
}
