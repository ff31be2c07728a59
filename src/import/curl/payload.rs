//! Describes what a `curl` command sends: names and kinds, no values.

use serde_json::Value;

use super::Command;
use super::parts;
use super::written::Written;
use crate::import::observed::Payload;
use crate::import::secrets;

/// Returns the names of `a=1&b=2`, each once.
pub(crate) fn names(pairs: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for pair in pairs.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // `?acl` is a name; what is long and has no value may be one itself.
        if value.is_empty() && !pair.contains('=') && name.len() > 20 {
            continue;
        }
        let name = name.replace('+', " ");
        let name = percent_encoding::percent_decode_str(&name)
            .decode_utf8_lossy()
            .into_owned();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Reads what the options of data hold; `data` is all of it.
pub(crate) fn of(written: &Written, data: &str, command: &mut Command) -> Payload {
    if !written.parts.is_empty() {
        return Payload::Multipart(written.parts.clone());
    }
    if written.upload {
        return Payload::Opaque;
    }
    if data.is_empty() || written.get {
        return Payload::Nothing;
    }
    if data.starts_with('@') {
        command.remark("the command reads its body from a file, which was not looked at");
        return Payload::Opaque;
    }
    let content_type = written.content_type();
    let stated = content_type.as_deref().unwrap_or_default();
    let document = serde_json::from_str::<Value>(data)
        .ok()
        .filter(|document| document.is_object() || document.is_array());
    let json = written.json || stated.ends_with("json");
    match document {
        Some(document) => {
            if !json {
                command.remark(
                    "the command sends JSON but does not say so: check how the API reads it",
                );
            }
            note_secrets(&document, command);
            command.parts = parts::of(&document);
            if command.parts.is_empty() {
                Payload::Json(document)
            } else {
                Payload::Nothing
            }
        }
        None if json || !(stated.is_empty() || stated == "application/x-www-form-urlencoded") => {
            Payload::Opaque
        }
        None if !data.contains('=') => Payload::Opaque,
        None => Payload::Form(names(data)),
    }
}

/// The gateway puts credentials on heads, not into bodies.
fn note_secrets(document: &Value, command: &mut Command) {
    for name in document
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::keys)
        .filter(|name| secrets::is_secret(name))
    {
        command.judge.push(format!(
            "`{}` in the body looks like a credential, which the gateway does not put there",
            name.escape_debug()
        ));
    }
}
