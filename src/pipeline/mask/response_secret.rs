//! Replaces the credentials that a whole answer holds by placeholders. A plain function.
//!
//! INVARIANT: what cannot be read does not pass. INVARIANT: no value that was replaced is kept, shown or logged.

mod content;

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, ETAG, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value as Json};

use super::about_bytes::forget_bytes;
use crate::connector::AnswerPlace;
use crate::model::hex::hex;
use crate::pipeline::decode;
use content::Content;

/// Values that one answer issues.
const MAX_VALUES: usize = 1000;

/// Bytes of them all.
const MAX_BYTES: usize = 256 * 1024;

/// From this length on, in bytes, a value is replaced within other texts too; a shorter one only where it is the whole text, since
/// it would be found in too much that has nothing to do with it.
const LONG: usize = 8;

/// RFC 3986 section 2.3: what is never percent-encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What is looked for, and in how much.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Where an answer holds credentials.
    pub places: &'a [AnswerPlace],
    /// Most bytes of a body, as it comes and decoded.
    pub bytes: usize,
    /// Most values of a JSON body.
    pub nodes: usize,
}

/// The masked answer, which may pass.
#[derive(Debug)]
pub struct Masked {
    /// Without a content coding.
    pub body: Bytes,
    /// How many credentials were replaced.
    pub count: usize,
}

/// Why nothing passes, as a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unmaskable(pub &'static str);

/// Replaces what lies at the places, and the same text anywhere else, in an answer's head and body.
///
/// A credential has a placeholder of its own in each answer. An answer that says no (4xx, 5xx) issues nothing by that, so where it
/// is neither JSON nor a form it passes as text.
///
/// # Errors
/// When the answer cannot be read as a whole: too large, a part, an unknown coding, neither JSON nor a form.
pub fn mask(
    rules: Rules<'_>,
    status: StatusCode,
    headers: &mut HeaderMap,
    raw: Bytes,
) -> Result<Masked, Unmaskable> {
    if status == StatusCode::PARTIAL_CONTENT {
        return Err(Unmaskable("it is only a part of one"));
    }
    if status.is_informational() {
        return Err(Unmaskable("it switches protocols"));
    }
    if raw.len() > rules.bytes {
        return Err(TOO_LARGE);
    }
    let body = decode::decode(headers, raw, rules.bytes)
        .map_err(|_| Unmaskable("its body cannot be decoded, or is too large"))?;
    let content = Content::read(headers, &body, rules.nodes);
    let refuses = status.is_client_error() || status.is_server_error();
    let passable = content.is_read() || (refuses && content.is_text());
    if !passable {
        return Err(Unmaskable("its body cannot be read"));
    }
    let mut values = content.find(rules.places)?;
    values.extend(in_head(rules.places, headers)?);
    let substitutes = Substitutes::new(values)?;
    let coded = headers.contains_key(CONTENT_ENCODING);
    headers.remove(TRAILER);
    headers.remove(TRANSFER_ENCODING);
    if substitutes.is_empty() && !coded {
        return Ok(Masked { body, count: 0 });
    }
    forget_bytes(headers);
    headers.remove(ETAG);
    substitutes.head(headers)?;
    Ok(Masked {
        count: substitutes.exact.len(),
        body: content.write(&substitutes, body)?,
    })
}

/// The body is over the limit.
pub const TOO_LARGE: Unmaskable = Unmaskable("its body is too large");

fn in_head(places: &[AnswerPlace], headers: &HeaderMap) -> Result<Vec<String>, Unmaskable> {
    let mut values = Vec::new();
    for place in places {
        let AnswerPlace::Header(name) = place else {
            continue;
        };
        for value in headers.get_all(name) {
            let text = std::str::from_utf8(value.as_bytes())
                .map_err(|_| Unmaskable("its head cannot be read"))?;
            values.push(text.to_owned());
        }
    }
    Ok(values)
}

/// Credentials of one answer and what stands for them.
struct Substitutes {
    exact: HashMap<String, String>,
    /// Finds the long ones, plain and percent-encoded, in other texts; `None` where there is none.
    within: Option<AhoCorasick>,
    /// What stands for each pattern of `within`.
    replacements: Vec<String>,
}

impl Substitutes {
    fn new(values: Vec<String>) -> Result<Self, Unmaskable> {
        let mut exact = HashMap::new();
        let mut bytes = 0_usize;
        for value in values.into_iter().filter(|value| !value.is_empty()) {
            if exact.contains_key(&value) {
                continue;
            }
            bytes = bytes.saturating_add(value.len());
            if bytes > MAX_BYTES || exact.len() == MAX_VALUES {
                return Err(Unmaskable("it holds too many of them"));
            }
            exact.insert(value, placeholder());
        }
        let mut patterns = Vec::new();
        let mut replacements = Vec::new();
        for (value, placeholder) in exact.iter().filter(|(value, _)| value.len() >= LONG) {
            for spelling in spellings(value) {
                patterns.push(spelling);
                replacements.push(placeholder.clone());
            }
        }
        let build = || {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                // One with more states would be quicker, and could take a hundred times the memory.
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(&patterns)
                .map_err(|_| Unmaskable("it holds too many of them"))
        };
        let within = if patterns.is_empty() {
            None
        } else {
            Some(build()?)
        };
        Ok(Self {
            exact,
            within,
            replacements,
        })
    }

    fn is_empty(&self) -> bool {
        self.exact.is_empty()
    }

    /// Masks a text that stands alone.
    fn text(&self, text: &str) -> Option<String> {
        match self.exact.get(text) {
            Some(placeholder) => Some(placeholder.clone()),
            None => self.part(text),
        }
    }

    /// Masks long credentials within a text.
    fn part(&self, text: &str) -> Option<String> {
        let within = self.within.as_ref()?;
        within
            .is_match(text)
            .then(|| within.replace_all(text, &self.replacements))
    }

    fn bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.text(text).map(String::into_bytes);
        }
        let within = self.within.as_ref()?;
        within
            .is_match(bytes)
            .then(|| within.replace_all_bytes(bytes, &self.replacements))
    }

    fn head(&self, headers: &mut HeaderMap) -> Result<(), Unmaskable> {
        for value in headers.values_mut() {
            if let Some(masked) = self.bytes(value.as_bytes()) {
                *value = HeaderValue::from_bytes(&masked)
                    .map_err(|_| Unmaskable("its head cannot be read"))?;
            }
        }
        Ok(())
    }

    fn tree(&self, tree: Json) -> Json {
        match tree {
            Json::String(text) => Json::String(self.text(&text).unwrap_or(text)),
            Json::Number(number) => match self.exact.get(&number.to_string()) {
                Some(placeholder) => Json::String(placeholder.clone()),
                None => Json::Number(number),
            },
            Json::Array(items) => items.into_iter().map(|item| self.tree(item)).collect(),
            Json::Object(entries) => {
                let masked = |(key, value): (String, Json)| {
                    (self.part(&key).unwrap_or(key), self.tree(value))
                };
                Json::Object(entries.into_iter().map(masked).collect::<Map<_, _>>())
            }
            plain @ (Json::Null | Json::Bool(_)) => plain,
        }
    }
}

/// Returns a value as it is and as URLs have it, RFC 3986 section 2.1.
fn spellings(value: &str) -> Vec<String> {
    let encoded = utf8_percent_encode(value, RESERVED);
    let lower = encoded.clone().map(|piece| {
        if piece.starts_with('%') {
            piece.to_ascii_lowercase()
        } else {
            piece.to_owned()
        }
    });
    let lower: String = lower.collect();
    let mut spellings = vec![value.to_owned(), encoded.to_string(), lower];
    spellings.dedup();
    spellings
}

/// 128 bits; says nothing of what it stands for.
fn placeholder() -> String {
    format!("tgp_{}", hex(&rand::random::<[u8; 16]>()))
}
