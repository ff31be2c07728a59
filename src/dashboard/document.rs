//! Reads documents of the API by the names of their fields; what is missing or of another type reads as empty.

use serde_json::Value as Json;

use crate::model::show::escape;

/// Access to the fields of a document.
pub(super) trait Document {
    /// Returns a text, or the spelling of a number or a truth value.
    fn text(&self, name: &str) -> String;
    /// Returns a number that is not negative.
    fn number(&self, name: &str) -> u64;
    /// Returns whether a field is true.
    fn is(&self, name: &str) -> bool;
    /// Returns the items of a list.
    fn list(&self, name: &str) -> &[Json];
    /// Returns the texts of a list; a single text counts as a list of one.
    fn words(&self, name: &str) -> Vec<String>;
    /// Returns the fields of an object.
    fn pairs(&self, name: &str) -> Vec<(String, String)>;
}

impl Document for Json {
    fn text(&self, name: &str) -> String {
        self.get(name).map(plain).unwrap_or_default()
    }

    fn number(&self, name: &str) -> u64 {
        self.get(name).and_then(Self::as_u64).unwrap_or(0)
    }

    fn is(&self, name: &str) -> bool {
        self.get(name).and_then(Self::as_bool).unwrap_or(false)
    }

    fn list(&self, name: &str) -> &[Json] {
        let list = self.get(name).and_then(Self::as_array);
        list.map(Vec::as_slice).unwrap_or_default()
    }

    fn words(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(Self::Array(items)) => items.iter().map(plain).collect(),
            Some(Self::String(text)) => vec![text.clone()],
            Some(_) | None => Vec::new(),
        }
    }

    fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let fields = self.get(name).and_then(Self::as_object);
        let fields = fields.into_iter().flatten();
        fields
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect()
    }
}

/// Returns a value as people read it: a text without quotes, everything else as JSON.
pub(super) fn plain(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => value.to_string(),
    }
}

/// Makes control, bidirectional and invisible characters visible in every text and name of a document; line breaks and tabs stay.
pub(super) fn visible(value: Json) -> Json {
    match value {
        Json::String(text) => Json::String(visible_text(&text)),
        Json::Array(items) => Json::Array(items.into_iter().map(visible).collect()),
        Json::Object(fields) => {
            let fields = fields.into_iter();
            Json::Object(
                fields
                    .map(|(name, value)| (visible_text(&name), visible(value)))
                    .collect(),
            )
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => value,
    }
}

/// Makes what changes the text around it visible; line breaks and tabs stay.
pub(super) fn visible_text(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let cells: Vec<_> = line.split('\t').map(escape).collect();
        cells.join("\t")
    });
    lines.collect::<Vec<_>>().join("\n")
}
