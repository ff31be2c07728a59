//! Finds the values at given places of an answer's body, and writes the body with substitutes for them.

use bytes::Bytes;
use http::HeaderMap;
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value as Json};

use super::{RESERVED, Substitutes, Unmaskable};
use crate::connector::{AnswerPlace, read_answer};
use crate::model::media_type::MediaType;

/// Some parsers skip it.
const BOM: char = '\u{feff}';

/// A body as far as it can be read.
pub(super) enum Content {
    Nothing,
    Json(Json),
    /// Urlencoded: an object of texts, no name twice. GitHub's OAuth answers so.
    Form(Map<String, Json>),
    /// UTF-8 that is neither, and does not look like either.
    Text,
    Unreadable,
}

impl Content {
    pub(super) fn read(headers: &HeaderMap, body: &[u8], nodes: usize) -> Self {
        if body.is_empty() {
            return Self::Nothing;
        }
        if is_form(headers) {
            return form(body, nodes).map_or(Self::Unreadable, Self::Form);
        }
        if let Some(tree) = read_answer(body, nodes) {
            return Self::Json(tree);
        }
        // Broken, too large, or one document after the other: a client may still find a value in what begins as JSON.
        let begins = |text: &str| text.trim_ascii_start().starts_with(['{', '[', '"', BOM]);
        match std::str::from_utf8(body) {
            Ok(text) if !begins(text) => Self::Text,
            Ok(_) | Err(_) => Self::Unreadable,
        }
    }

    /// Returns whether values in it can be told apart.
    pub(super) fn is_read(&self) -> bool {
        matches!(self, Self::Nothing | Self::Json(_) | Self::Form(_))
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text)
    }

    /// Returns the texts that lie at these places, and below them.
    pub(super) fn find(&self, places: &[AnswerPlace]) -> Result<Vec<String>, Unmaskable> {
        let form;
        let tree = match self {
            Self::Json(tree) => tree,
            Self::Form(pairs) => {
                form = Json::Object(pairs.clone());
                &form
            }
            Self::Nothing | Self::Text | Self::Unreadable => return Ok(Vec::new()),
        };
        let mut values = Vec::new();
        for place in places {
            let found = place
                .find(tree)
                .ok_or(Unmaskable("its body cannot be searched"))?;
            for value in found {
                gather(value, &mut values);
            }
        }
        Ok(values)
    }

    /// Writes it with substitutes; `body` is what was read.
    pub(super) fn write(self, substitutes: &Substitutes, body: Bytes) -> Result<Bytes, Unmaskable> {
        match self {
            Self::Json(_) | Self::Form(_) if substitutes.is_empty() => Ok(body),
            Self::Json(tree) => serde_json::to_vec(&substitutes.tree(tree))
                .map(Bytes::from)
                .map_err(|_| Unmaskable("its body cannot be written")),
            Self::Form(pairs) => {
                let encode = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
                let pair = |(name, value): (String, Json)| {
                    let name = substitutes.part(&name).unwrap_or(name);
                    let value = substitutes.tree(value);
                    let value = value.as_str().unwrap_or_default();
                    format!("{}={}", encode(&name), encode(value))
                };
                let pairs: Vec<String> = pairs.into_iter().map(pair).collect();
                Ok(Bytes::from(pairs.join("&")))
            }
            Self::Nothing | Self::Text => Ok(substitutes.bytes(&body).map_or(body, Bytes::from)),
            Self::Unreadable => Err(Unmaskable("its body cannot be read")),
        }
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let media = MediaType::of(headers);
    media.is_some_and(|media| media.is("application/x-www-form-urlencoded"))
}

fn form(body: &[u8], limit: usize) -> Option<Map<String, Json>> {
    let text = std::str::from_utf8(body).ok()?;
    let mut pairs = Map::new();
    for pair in text.trim_ascii().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let twice = pairs.insert(decoded(name)?, Json::String(decoded(value)?));
        if twice.is_some() || pairs.len() > limit {
            return None;
        }
    }
    Some(pairs)
}

fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Adds the texts and numbers of a value; whether something is there, or true, is no secret.
fn gather(value: &Json, values: &mut Vec<String>) {
    match value {
        Json::String(text) => values.push(text.clone()),
        Json::Number(number) => values.push(number.to_string()),
        Json::Array(items) => items.iter().for_each(|item| gather(item, values)),
        Json::Object(entries) => entries.values().for_each(|entry| gather(entry, values)),
        Json::Null | Json::Bool(_) => {}
    }
}
