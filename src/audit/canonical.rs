//! Canonical JSON: an event in, one text out that any two writers agree on (RFC 8785), at most `MAX_EVENT` bytes long.
//!
//! INVARIANT: never fails. What is too long is cut down step by step, and the text says how far: `cut`.

use std::cmp::Ordering;
use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::model::event::{Event, MAX_EVENT};

/// Deepest nesting that is kept. Parsers stop at 128.
const MAX_DEPTH: usize = 64;

/// Texts up to this many bytes are worth more than their hash, which needs as many.
const SHORT: usize = 96;

/// Columns in the last step are cut to so many bytes.
const COLUMN: usize = 256;

type Step = fn(&mut Json);

/// Returns the canonical text: keys sorted by UTF-16 code units, no white space, integers without exponent.
///
/// Departures from RFC 8785: integers beyond 2^53 stay exact, very large and very small floats are written as Rust does,
/// and what is nested deeper than 64 becomes `"[too deep]"`.
#[must_use]
pub fn canonical(value: &Json) -> String {
    let mut text = String::with_capacity(512);
    write_value(&mut text, value, 0);
    text
}

/// Returns what is recorded in place of a long value: the length and the SHA-256 of its canonical text.
#[must_use]
pub fn abridged(value: &Json) -> Json {
    let text = match value {
        Json::String(text) => text.clone(),
        other => canonical(other),
    };
    let hash =
        Sha256::digest(text.as_bytes())
            .iter()
            .fold(String::with_capacity(64), |mut hash, byte| {
                // Writing to a `String` does not fail.
                let _ = write!(hash, "{byte:02x}");
                hash
            });
    json!({ "bytes": text.len(), "sha256": hash })
}

/// Returns the text of an event's body, cut down until it fits: long parameters to length and hash, then all
/// parameters dropped, then long texts to length and hash, then nothing but the columns.
pub(super) fn body_of(event: &Event) -> String {
    let whole = canonical(&event.body);
    if whole.len() <= MAX_EVENT {
        return whole;
    }
    let mut body = event.body.clone();
    let steps: [(&str, Step); 3] = [
        ("params_abridged", |body| {
            each_params(body, 0, &|params| params.values_mut().for_each(abridge))
        }),
        ("params_dropped", |body| each_params(body, 0, &Map::clear)),
        ("texts_abridged", |body| abridge_texts(body, 0)),
    ];
    for (name, step) in steps {
        step(&mut body);
        if let Json::Object(body) = &mut body {
            body.insert(
                "cut".to_owned(),
                json!({ "to": name, "bytes": whole.len() }),
            );
        }
        let text = canonical(&body);
        if text.len() <= MAX_EVENT {
            return text;
        }
    }
    canonical(&columns(event, whole.len()))
}

fn columns(event: &Event, bytes: usize) -> Json {
    let Event {
        id,
        kind,
        time,
        request_id,
        agent,
        action,
        decision,
        code,
        body,
    } = event;
    let short = |text: &String| -> String {
        text.char_indices()
            .take_while(|(at, c)| at + c.len_utf8() <= COLUMN)
            .map(|(_, c)| c)
            .collect()
    };
    let mut cut = abridged(body);
    if let Json::Object(cut) = &mut cut {
        cut.insert("to".to_owned(), json!("columns"));
        cut.insert("bytes".to_owned(), json!(bytes));
    }
    json!({
        "id": short(id), "kind": kind.as_str(), "time": short(time), "request_id": short(request_id),
        "agent": short(agent), "action": short(action), "decision": short(decision), "code": short(code), "cut": cut,
    })
}

/// Visits every object under a key `params`, at any depth.
fn each_params(value: &mut Json, depth: usize, visit: &dyn Fn(&mut Map<String, Json>)) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Json::Object(entries) => {
            for (key, value) in entries {
                match value {
                    Json::Object(params) if key == "params" => visit(params),
                    other => each_params(other, depth + 1, visit),
                }
            }
        }
        Json::Array(items) => items
            .iter_mut()
            .for_each(|item| each_params(item, depth + 1, visit)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn abridge(value: &mut Json) {
    if canonical(value).len() > SHORT {
        *value = abridged(value);
    }
}

fn abridge_texts(value: &mut Json, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Json::Object(entries) => entries
            .values_mut()
            .for_each(|value| abridge_texts(value, depth + 1)),
        Json::Array(items) => items
            .iter_mut()
            .for_each(|item| abridge_texts(item, depth + 1)),
        Json::String(_) => abridge(value),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn write_value(text: &mut String, value: &Json, depth: usize) {
    if depth > MAX_DEPTH {
        text.push_str("\"[too deep]\"");
        return;
    }
    match value {
        Json::Object(entries) => {
            let mut entries: Vec<(&String, &Json)> = entries.iter().collect();
            entries.sort_unstable_by(|(one, _), (other, _)| by_code_units(one, other));
            text.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                write_text(text, key);
                text.push(':');
                write_value(text, value, depth + 1);
            }
            text.push('}');
        }
        Json::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                write_value(text, item, depth + 1);
            }
            text.push(']');
        }
        Json::String(value) => write_text(text, value),
        Json::Number(number) => write_number(text, number),
        Json::Bool(true) => text.push_str("true"),
        Json::Bool(false) => text.push_str("false"),
        Json::Null => text.push_str("null"),
    }
}

/// RFC 8785 section 3.2.3. In ASCII, which our own keys are, bytes are code units.
fn by_code_units(one: &str, other: &str) -> Ordering {
    if one.is_ascii() && other.is_ascii() {
        one.cmp(other)
    } else {
        one.encode_utf16().cmp(other.encode_utf16())
    }
}

fn write_number(text: &mut String, number: &serde_json::Number) {
    // Writing to a `String` does not fail.
    let _ = match number.as_f64() {
        // ECMAScript writes these as integers, minus zero as zero; Rust's `Display` never writes an exponent.
        Some(float) if number.is_f64() && float == 0.0 => write!(text, "0"),
        Some(float) if number.is_f64() && float.abs() < 1e21 && float.abs() >= 1e-6 => {
            write!(text, "{float}")
        }
        Some(_) | None => write!(text, "{number}"),
    };
}

fn write_text(text: &mut String, value: &str) {
    text.push('"');
    // Nearly every text; a fold without a way out is what compilers make wide.
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if value
        .bytes()
        .fold(true, |so_far, byte| so_far & plain(byte))
    {
        text.push_str(value);
        text.push('"');
        return;
    }
    for part in value.split_inclusive(is_escaped) {
        text.push_str(part.strip_suffix(is_escaped).unwrap_or(part));
        match part.chars().next_back() {
            Some('"') => text.push_str("\\\""),
            Some('\\') => text.push_str("\\\\"),
            Some('\u{8}') => text.push_str("\\b"),
            Some('\t') => text.push_str("\\t"),
            Some('\n') => text.push_str("\\n"),
            Some('\u{c}') => text.push_str("\\f"),
            Some('\r') => text.push_str("\\r"),
            Some(last) if last < ' ' => {
                // Writing to a `String` does not fail.
                let _ = write!(text, "\\u{:04x}", u32::from(last));
            }
            Some(_) | None => {}
        }
    }
    text.push('"');
}

fn is_escaped(c: char) -> bool {
    c < ' ' || c == '"' || c == '\\'
}
