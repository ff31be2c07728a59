//! Walks the values of a description, with references followed.

use serde_json::Value;

use super::{Document, MAX_HOPS, short};

/// A value of a document and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Spot<'d> {
    pub(crate) document: &'d Document,
    pub(crate) value: &'d Value,
    /// RFC 6901, without `#`.
    pub(crate) pointer: String,
}

impl<'d> Spot<'d> {
    /// Returns the value under a key, references followed.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.as_object()?.get(key)?;
        self.child(key, value).followed()
    }

    /// Returns the whole document.
    pub(crate) fn root(&self) -> Self {
        self.document.root()
    }

    /// Returns the text under a key.
    pub(crate) fn text(&self, key: &str) -> Option<&'d str> {
        self.value.as_object()?.get(key)?.as_str()
    }

    /// Returns the boolean under a key; false where there is none.
    pub(crate) fn flag(&self, key: &str) -> bool {
        let value = self.value.as_object().and_then(|map| map.get(key));
        value.and_then(Value::as_bool).unwrap_or_default()
    }

    /// Returns the entries of a mapping in the order of the text, references followed.
    pub(crate) fn entries(&self) -> Vec<(&'d str, Self)> {
        let entries = self.value.as_object().into_iter().flatten();
        entries
            .filter_map(|(key, value)| Some((key.as_str(), self.child(key, value).followed()?)))
            .collect()
    }

    /// Returns the entries of a mapping as they are: `$ref` is no reference in every format.
    pub(crate) fn plain_entries(&self) -> Vec<(&'d str, Self)> {
        let entries = self.value.as_object().into_iter().flatten();
        entries
            .map(|(key, value)| (key.as_str(), self.child(key, value)))
            .collect()
    }

    /// Returns the value under a key as it is.
    pub(crate) fn plain(&self, key: &str) -> Option<Self> {
        let value = self.value.as_object()?.get(key)?;
        Some(self.child(key, value))
    }

    /// Returns the items of a list, references followed.
    pub(crate) fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().into_iter().flatten();
        items
            .enumerate()
            .filter_map(|(at, value)| self.child(&at.to_string(), value).followed())
            .collect()
    }

    /// Returns the items of a list that are texts.
    pub(crate) fn texts(&self, key: &str) -> Vec<&'d str> {
        let list = self.value.as_object().and_then(|map| map.get(key));
        let items = list.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).collect()
    }

    /// Adds a problem at this value.
    pub(crate) fn problem(
        &self,
        code: &'static str,
        message: impl Into<String>,
        help: &'static str,
    ) {
        self.document
            .problem(code, &self.pointer, message.into(), help);
    }

    fn child(&self, key: &str, value: &'d Value) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        Self {
            document: self.document,
            value,
            pointer: format!("{}/{key}", self.pointer),
        }
    }

    /// Follows `$ref` to what it means; a broken, foreign or endless one is a problem, and nothing.
    fn followed(self) -> Option<Self> {
        let mut here = self;
        let mut seen: Vec<String> = Vec::new();
        while let Some(reference) = here
            .value
            .as_object()
            .and_then(|map| map.get("$ref"))
            .and_then(Value::as_str)
        {
            let at = format!("{}/$ref", here.pointer);
            let shown = short(&reference.escape_debug());
            if !here.document.step(&at) {
                return None;
            }
            let Some(pointer) = reference.strip_prefix('#') else {
                let message = format!("`{shown}` is in another file");
                here.document.problem(
                    "foreign-reference",
                    &at,
                    message,
                    "bundle the description into one file first",
                );
                return None;
            };
            if seen.len() >= MAX_HOPS || seen.iter().any(|known| known == pointer) {
                let message = format!("`{shown}` leads back to itself and never to a value");
                here.document.problem("endless-reference", &at, message, "");
                return None;
            }
            let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8_lossy();
            let Some(value) = here.document.root.pointer(&pointer) else {
                let message = format!("`{shown}` refers to nothing in this description");
                here.document.problem("broken-reference", &at, message, "");
                return None;
            };
            seen.push(pointer.clone().into_owned());
            here = Self {
                document: here.document,
                value,
                pointer: pointer.into_owned(),
            };
        }
        Some(here)
    }
}
