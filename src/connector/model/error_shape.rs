//! Writes a refusal in an API's own shape: status, headers and body.
//!
//! INVARIANT: what is filled in is encoded for where it stands, so a detail cannot change the shape around it.

pub(crate) mod framing;

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value as Json;

use crate::connector::model::error_shape::framing::{Framing, Push};
use crate::model::media_type::MediaType;

/// What a header cannot hold, and the sign of the encoding itself (gRPC over HTTP/2, `Percent-Encoded`).
const NOT_IN_HEADERS: &AsciiSet = &CONTROLS.add(b'%');

/// One shape. Every request that can be refused in it holds a clone, so what is large is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorShape {
    /// The beginning of the request's `Content-Type` that it is for; `None` for all.
    pub(crate) media: Option<Arc<str>>,
    /// What a decision is answered with.
    pub(crate) status: Option<StatusCode>,
    pub(crate) content_type: HeaderValue,
    pub(crate) headers: Arc<[(HeaderName, String)]>,
    pub(crate) body: Arc<Json>,
    pub(crate) framing: Option<Framing>,
    /// The client takes an error without an id for none of its own, and waits for ever.
    pub(crate) needs_rpc_id: bool,
}

/// What an error tells.
#[derive(Debug, Clone, Copy)]
pub struct ErrorFacts<'a> {
    /// What it would be answered with otherwise.
    pub status: StatusCode,
    /// Stable code in `snake_case`.
    pub code: &'a str,
    /// One sentence for the agent.
    pub detail: &'a str,
    /// Id of the exchange, a ULID.
    pub request_id: &'a str,
    /// Full name; empty where it is not known.
    pub action: &'a str,
    /// Of the JSON-RPC calls that are answered; each gets its own error.
    pub rpc_ids: &'a [Json],
    /// Of a push whose commands were read.
    pub push: Option<&'a Push>,
}

impl ErrorShape {
    /// Returns whether answers must name the JSON-RPC call that they are for.
    pub(crate) fn needs_rpc_id(&self) -> bool {
        self.needs_rpc_id
    }

    /// Returns whether a client reads this shape as an answer to its request: not one that must name what was not read.
    #[must_use]
    pub fn fits(&self, facts: &ErrorFacts<'_>) -> bool {
        let named = !self.needs_rpc_id || !facts.rpc_ids.is_empty();
        named && self.framing.is_none_or(|framing| framing.fits(facts))
    }

    /// Returns the first that is for a request with these headers.
    pub(crate) fn of(shapes: &[Self], headers: &HeaderMap) -> Option<Self> {
        let media = MediaType::of(headers);
        let mut shapes = shapes.iter();
        shapes.find(|shape| shape.is_for(media.as_ref())).cloned()
    }

    /// Returns whether it is for requests with this `Content-Type`.
    fn is_for(&self, media: Option<&MediaType<'_>>) -> bool {
        let start = self.media.as_deref();
        start.is_none_or(|start| media.is_some_and(|media| media.starts_with(start)))
    }

    /// Returns status, headers and body of the answer.
    #[must_use]
    pub fn answer(&self, facts: &ErrorFacts<'_>) -> (StatusCode, HeaderMap, Vec<u8>) {
        // git prints nothing of an answer whose status is an error.
        let told = facts.status == StatusCode::FORBIDDEN || self.framing.is_some();
        let status = self.status.filter(|_| told).unwrap_or(facts.status);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        for (name, text) in self.headers.iter() {
            let filled = facts.fill(text, None);
            let encoded = utf8_percent_encode(&filled, NOT_IN_HEADERS).to_string();
            let value = HeaderValue::try_from(encoded).ok();
            headers.extend(value.map(|value| (name.clone(), value)));
        }
        (status, headers, self.body(facts))
    }

    fn body(&self, facts: &ErrorFacts<'_>) -> Vec<u8> {
        if let Json::String(text) = &*self.body {
            let xml = self
                .content_type
                .to_str()
                .is_ok_and(|kind| kind.contains("xml"));
            let filled = facts.fill(text, xml.then_some(&XML));
            return match self.framing {
                Some(framing) => framing.apply(&filled, facts),
                None => filled.into_bytes(),
            };
        }
        let filled: Vec<Json> = match facts.rpc_ids {
            [] => vec![facts.json(&self.body, &Json::Null)],
            ids => {
                let each = ids.iter().map(|id| facts.json(&self.body, id));
                each.collect()
            }
        };
        // Several calls are answered as a batch; a shape that tells no id is one error however many there were.
        let whole = match filled.as_slice() {
            [one] => one.clone(),
            [one, rest @ ..] if rest.iter().all(|other| other == one) => one.clone(),
            _ => Json::Array(filled),
        };
        serde_json::to_vec(&whole).unwrap_or_default()
    }
}

/// What XML text cannot hold.
const XML: [(char, &str); 5] = [
    ('&', "&amp;"),
    ('<', "&lt;"),
    ('>', "&gt;"),
    ('"', "&quot;"),
    ('\'', "&apos;"),
];

impl ErrorFacts<'_> {
    fn get(&self, name: &str) -> Option<String> {
        Some(match name {
            "detail" => self.detail.to_owned(),
            "code" => self.code.to_owned(),
            "status" => self.status.as_u16().to_string(),
            "title" => self
                .status
                .canonical_reason()
                .unwrap_or("Refused")
                .to_owned(),
            "request_id" => self.request_id.to_owned(),
            "action" => self.action.to_owned(),
            _ => return None,
        })
    }

    /// Fills a text; what is in braces and not known stays as it is.
    fn fill(&self, text: &str, escapes: Option<&[(char, &str)]>) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let hole = after.split_once('}');
            match hole.and_then(|(name, after)| Some((self.get(name)?, after))) {
                Some((value, after)) => {
                    push_escaped(&mut filled, &value, escapes.unwrap_or_default());
                    rest = after;
                }
                None => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        filled
    }

    fn json(&self, template: &Json, rpc_id: &Json) -> Json {
        match template {
            Json::String(text) if text == "{status}" => Json::from(self.status.as_u16()),
            Json::String(text) if text == "{rpc_id}" => rpc_id.clone(),
            Json::String(text) => Json::from(self.fill(text, None)),
            Json::Array(items) => items.iter().map(|item| self.json(item, rpc_id)).collect(),
            Json::Object(entries) => entries
                .iter()
                .map(|(key, value)| (key.clone(), self.json(value, rpc_id)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Json::Null | Json::Bool(_) | Json::Number(_) => template.clone(),
        }
    }
}

fn push_escaped(out: &mut String, text: &str, escapes: &[(char, &str)]) {
    for character in text.chars() {
        match escapes.iter().find(|(from, _)| *from == character) {
            Some((_, to)) => out.push_str(to),
            None => out.push(character),
        }
    }
}

/// The shapes in which requests of a protocol are refused, whatever the rest of the API does.
#[derive(Debug, Clone)]
pub(crate) struct ProtocolErrors {
    pub(crate) graphql: Arc<[ErrorShape]>,
    pub(crate) json_rpc: Arc<[ErrorShape]>,
    pub(crate) git: Arc<[ErrorShape]>,
}
