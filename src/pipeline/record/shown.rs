//! Shown: values of a request in, what of them is recorded out: bounded, and secret ones only as a keyed hash.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::model::action::{Action, Parameters};
use crate::model::event::MAX_PARAM;
use crate::model::value::Value;

/// Returns actions as they are recorded.
pub(in crate::pipeline) fn actions(key: &[u8; 32], actions: &[Action]) -> Json {
    let shown = actions.iter().map(|action| {
        json!({
            "name": action.name.as_str(),
            "risk": action.risk.as_str(),
            "params": parameters(key, &action.params),
        })
    });
    shown.collect()
}

/// Returns parameters as they are recorded: secret ones as a keyed hash, long ones as length and hash.
pub(super) fn parameters(key: &[u8; 32], params: &Parameters) -> Json {
    params
        .iter()
        .map(|parameter| {
            let shown = if parameter.secret {
                json!({ "hmac": keyed(key, &parameter.value) })
            } else {
                recorded(&parameter.value)
            };
            (parameter.name.to_string(), shown)
        })
        .collect()
}

fn recorded(value: &Value) -> Json {
    match value {
        Value::Text(text) => bounded(text, MAX_PARAM),
        Value::List(_) => {
            let json = json!(value);
            let text = json.to_string();
            if text.len() > MAX_PARAM {
                bounded(&text, MAX_PARAM)
            } else {
                json
            }
        }
        Value::Bool(_) | Value::Int(_) | Value::Number(_) | Value::Oversize(_) => json!(value),
    }
}

pub(super) fn bounded(text: &str, limit: usize) -> Json {
    if text.len() <= limit {
        return text.into();
    }
    json!({ "bytes": text.len(), "sha256": hex(&Sha256::digest(text.as_bytes())) })
}

fn keyed(key: &[u8; 32], value: &Value) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    mac.update(json!(value).to_string().as_bytes());
    hex(&mac.finalize().into_bytes()).chars().take(32).collect()
}

pub(in crate::pipeline) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
