//! Shown: values of a request in, what of them is recorded out: bounded, and secret ones only as a keyed hash.

use std::io;

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::model::action::{Action, Parameters};
use crate::model::event::MAX_PARAM;
use crate::model::hex::hex;
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
            let sum = summed(value);
            if sum.bytes > MAX_PARAM {
                sum.shown()
            } else {
                json!(value)
            }
        }
        Value::Bool(_) | Value::Int(_) | Value::Number(_) | Value::Oversize(_) => json!(value),
    }
}

pub(super) fn bounded(text: &str, limit: usize) -> Json {
    if text.len() <= limit {
        return text.into();
    }
    let mut sum = Sum::default();
    sum.add(text.as_bytes());
    sum.shown()
}

/// Length and hash of a text that is never there as a whole.
#[derive(Default)]
pub(super) struct Sum {
    pub(super) bytes: usize,
    hash: Sha256,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.hash.update(bytes);
    }

    pub(super) fn shown(self) -> Json {
        json!({ "bytes": self.bytes, "sha256": hex(&self.hash.finalize()) })
    }
}

impl io::Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sums up the JSON text of a value.
pub(super) fn summed(value: &impl Serialize) -> Sum {
    let mut sum = Sum::default();
    // Writing to a hash cannot fail.
    let _ = serde_json::to_writer(&mut sum, value);
    sum
}

/// A keyed hash that is written to.
struct Keyed(Hmac<Sha256>);

impl io::Write for Keyed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn keyed(key: &[u8; 32], value: &Value) -> String {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    let mut mac = Keyed(mac);
    // Writing to a hash cannot fail.
    let _ = serde_json::to_writer(&mut mac, value);
    hex(&mac.0.finalize().into_bytes())
        .chars()
        .take(32)
        .collect()
}
