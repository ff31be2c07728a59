//! Redacts values of a request as they are recorded: secret ones become a keyed hash, long ones a length and a SHA-256.

use std::io;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::journal::{Abridged, MAX_PARAM, RecordedAction};
use crate::model::action::{Action, ActionName, Parameter, Parameters, Risk};
use crate::model::hex::hex;
use crate::model::template::NameTemplate;
use crate::model::value::Value;

/// What a recorder keeps of an action.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) name: ActionName,
    template: Option<NameTemplate>,
    risk: Risk,
    params: Parameters,
}

/// Actions, serialised as they are recorded.
pub(super) struct Redacted<'a> {
    key: &'a [u8; 32],
    actions: &'a [Noted],
    longest: usize,
}

/// Parameters, serialised as they are recorded.
pub(super) struct RedactedParams<'a> {
    pub(super) key: &'a [u8; 32],
    pub(super) params: &'a Parameters,
    /// Bytes of the longest one that is recorded as it is.
    pub(super) longest: usize,
}

struct RedactedValue<'a> {
    key: &'a [u8; 32],
    parameter: &'a Parameter,
    longest: usize,
}

/// What is recorded of a secret one.
#[derive(Serialize)]
struct Keyed128 {
    hmac: String,
}

/// Returns actions as they are recorded.
pub(in crate::pipeline) fn actions(key: &[u8; 32], actions: &[Action]) -> Json {
    let noted: Vec<Noted> = actions.iter().map(Noted::of).collect();
    // Texts, numbers and lists of them always serialise.
    serde_json::to_value(Redacted::new(key, &noted, MAX_PARAM)).unwrap_or_default()
}

// === impl Noted ===

impl Noted {
    pub(super) fn of(action: &Action) -> Self {
        Self {
            name: action.name.clone(),
            template: action.template.clone(),
            risk: action.risk,
            params: action.params.clone(),
        }
    }

    /// Returns the name for metrics, as [`Action::label`] does.
    pub(super) fn label(&self) -> &str {
        self.template
            .as_ref()
            .map_or_else(|| self.name.as_str(), NameTemplate::as_str)
    }
}

// === impl Redacted ===

impl<'a> Redacted<'a> {
    pub(super) fn new(key: &'a [u8; 32], actions: &'a [Noted], longest: usize) -> Self {
        Self {
            key,
            actions,
            longest,
        }
    }
}

impl Serialize for Redacted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.actions.iter().map(|action| RecordedAction {
            name: action.name.as_str(),
            risk: action.risk,
            params: RedactedParams {
                key: self.key,
                params: &action.params,
                longest: self.longest,
            },
        }))
    }
}

impl Serialize for RedactedParams<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.params.iter().map(|parameter| {
            let value = RedactedValue {
                key: self.key,
                parameter,
                longest: self.longest,
            };
            (&*parameter.name, value)
        }))
    }
}

impl Serialize for RedactedValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = &self.parameter.value;
        if self.parameter.secret {
            let hmac = keyed(self.key, value);
            return Keyed128 { hmac }.serialize(serializer);
        }
        match value {
            Value::Text(text) if text.len() > self.longest => {
                Abridged::of(text.as_bytes()).serialize(serializer)
            }
            Value::List(_) => {
                let sum = summed(value);
                if sum.bytes > self.longest as u64 {
                    sum.serialize(serializer)
                } else {
                    value.serialize(serializer)
                }
            }
            Value::Text(_)
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Number(_)
            | Value::Oversize(_) => value.serialize(serializer),
        }
    }
}

/// Length and hash of a text that is never there as a whole.
#[derive(Default)]
struct Sum {
    bytes: u64,
    hash: Sha256,
}

impl io::Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        self.hash.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sums up the JSON text of a value.
fn summed(value: &impl Serialize) -> Abridged {
    let mut sum = Sum::default();
    // Writing to a hash cannot fail.
    let _ = serde_json::to_writer(&mut sum, value);
    Abridged {
        bytes: sum.bytes,
        sha256: hex(&sum.hash.finalize()),
    }
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
