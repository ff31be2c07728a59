//! Writes a record as the rest of its line, behind number and previous hash. It is at most 16 KiB long: a longer one is cut down
//! step by step, and says how far.

use std::time::SystemTime;

use serde_json::{Map, Value as Json, json};

use super::chain::FRONT;
use super::json::write as write_json;
use super::record::Record;
use super::text::Abridged;
use crate::model::clock;

/// Longest line, in bytes, without its LF.
pub const MAX_LINE: usize = 16 * 1024;

const MAX_BODY: usize = MAX_LINE - FRONT;

/// Deepest nesting that is looked at; parsers stop at 128.
const MAX_DEPTH: usize = 64;

/// Texts up to this many bytes say more than length and hash, which need as many.
const SHORT: usize = 96;

/// In the last step texts are cut to so many bytes.
const COLUMN: usize = 256;

/// Fields that the last step keeps.
const COLUMNS: [&str; 9] = [
    "time",
    "kind",
    "request_id",
    "agent",
    "connector",
    "decision",
    "code",
    "what",
    "outcome",
];

type Step = fn(&mut Json);

/// Writes a record into a buffer, replacing what it holds.
///
/// # Errors
/// When the record is not a JSON object, which none of ours is.
pub(super) fn write<R: Record>(
    record: &R,
    now: SystemTime,
    out: &mut Vec<u8>,
) -> serde_json::Result<()> {
    out.clear();
    out.extend_from_slice(b"\"time\":\"");
    clock::write_micros(now, out);
    out.extend_from_slice(b"\",\"kind\":\"");
    out.extend_from_slice(R::KIND.as_str().as_bytes());
    out.push(b'"');
    let object = out.len();
    write_json(record, out)?;
    // The object goes on with its fields.
    if let Some(brace) = out.get_mut(object) {
        *brace = b',';
    }
    if out.len() > MAX_BODY {
        cut(out)?;
    }
    Ok(())
}

/// Cuts a body down until it fits: long parameters to length and hash, then all parameters, then long texts, then everything but
/// the fields by which a record is found.
fn cut(out: &mut Vec<u8>) -> serde_json::Result<()> {
    let bytes = out.len();
    let mut whole = vec![b'{'];
    whole.append(out);
    let mut record: Json = serde_json::from_slice(&whole)?;
    let steps: [(&str, Step); 4] = [
        ("params_abridged", |record| {
            each_params(record, 0, &|params| params.values_mut().for_each(abridge));
        }),
        ("params_dropped", |record| {
            each_params(record, 0, &Map::clear)
        }),
        ("texts_abridged", |record| abridge_texts(record, 0)),
        ("columns", keep_columns),
    ];
    for (name, step) in steps {
        step(&mut record);
        if let Json::Object(fields) = &mut record {
            fields.insert("cut".to_owned(), json!({ "to": name, "bytes": bytes }));
        }
        let text = serde_json::to_vec(&record)?;
        out.clear();
        out.extend_from_slice(text.get(1..).unwrap_or_default());
        if out.len() <= MAX_BODY {
            break;
        }
    }
    Ok(())
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
    let text = match &*value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.len() > SHORT {
        *value = json!(Abridged::of(text.as_bytes()));
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
        // Still a text, so that the record is read as the struct that it is.
        Json::String(text) if text.len() > SHORT => {
            let Abridged { bytes, sha256 } = Abridged::of(text.as_bytes());
            *text = format!("({bytes} bytes, sha256 {sha256})");
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn keep_columns(record: &mut Json) {
    let Json::Object(fields) = record else { return };
    fields.retain(|name, _| COLUMNS.contains(&name.as_str()));
    for value in fields.values_mut() {
        if let Json::String(text) = value {
            let short = text
                .char_indices()
                .take_while(|(at, c)| at + c.len_utf8() <= COLUMN);
            *text = short.map(|(_, c)| c).collect();
        }
    }
}
