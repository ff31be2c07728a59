//! Signs requests with a keyed hash (RFC 2104) over a text that the API prescribes, and writes the signature into headers or the query.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac as Keyed, KeyInit, Mac};
use http::HeaderName;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::outgoing::{Outgoing, Payload, RequestFacts};
use super::query::Query;
use super::text::Text;
use super::{ApplyError, Fields};
use crate::model::hex::{hex, unhex};
use crate::model::secret::Secret;

/// What texts of this scheme may name beside fields.
pub(super) const VARIABLES: [&str; 11] = [
    "body",
    "body_sha256",
    "host",
    "iso8601",
    "method",
    "nonce",
    "path",
    "query",
    "target",
    "timestamp",
    "timestamp_ms",
];

/// What only the headers and the query may name.
pub(super) const SIGNATURE: &str = "signature";

#[derive(Debug, Clone)]
pub(super) struct Hmac {
    pub(super) alg: HashAlgorithm,
    pub(super) key: Text,
    pub(super) key_encoding: KeyEncoding,
    pub(super) over: Text,
    pub(super) encoding: SignatureEncoding,
    pub(super) headers: Vec<(HeaderName, Text)>,
    pub(super) query: Vec<(String, Text)>,
}

/// The hash of a keyed hash.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum HashAlgorithm {
    /// Only where an API knows no other.
    Sha1,
    /// SHA-256 of FIPS 180-4.
    Sha256,
    /// SHA-384 of FIPS 180-4.
    Sha384,
    /// SHA-512 of FIPS 180-4.
    Sha512,
}

/// How the key's bytes are written in its field.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum KeyEncoding {
    /// The bytes of the text.
    #[default]
    Text,
    /// Base64, RFC 4648 section 4.
    Base64,
    /// Two hexadecimal digits a byte.
    Hex,
}

/// How a signature is written.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SignatureEncoding {
    /// Two lower-case hexadecimal digits a byte.
    #[default]
    Hex,
    /// Base64 with padding, RFC 4648 section 4.
    Base64,
    /// Base64 for URLs without padding, RFC 4648 section 5.
    Base64url,
}

impl Hmac {
    /// Returns the texts with a name for each, as they are bound.
    pub(super) fn texts(&self) -> impl Iterator<Item = (String, &Text)> {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, text)| (format!("header:{name}"), text));
        let query = self.query.iter();
        let query = query.map(|(name, text)| (format!("query:{name}"), text));
        [
            ("key".to_owned(), &self.key),
            ("over".to_owned(), &self.over),
        ]
        .into_iter()
        .chain(headers)
        .chain(query)
    }

    /// Returns whether the body is part of what is signed.
    pub(super) fn signs_body(&self) -> bool {
        let is_body = |name: &str| matches!(name, "body" | "body_sha256");
        let mut texts = self.texts();
        texts.any(|(_, text)| text.fields().any(is_body))
    }

    /// Returns hash and encodings, as they are bound.
    pub(super) fn how(&self) -> String {
        serde_json::to_string(&(self.alg, self.key_encoding, self.encoding)).unwrap_or_default()
    }

    pub(super) fn apply(
        &self,
        fields: &Fields,
        outgoing: &mut Outgoing<'_>,
    ) -> Result<(), ApplyError> {
        let mut values = fields.clone();
        add_moment(&mut values, &outgoing.request);
        // Pairs of the query that hold no signature are part of what is signed.
        let is_signature = |text: &Text| text.fields().any(|name| name == SIGNATURE);
        let (signatures, plain): (Vec<_>, Vec<_>) = self
            .query
            .iter()
            .cloned()
            .partition(|(_, text)| is_signature(text));
        if !self.query.is_empty() {
            let emptied = Query {
                pairs: self.query.clone(),
            };
            *outgoing.query = emptied.removed_from(outgoing.query.as_deref());
        }
        if !plain.is_empty() {
            Query { pairs: plain }.apply(&values, outgoing.query)?;
        }
        add_request(&mut values, outgoing);
        if self.signs_body() && outgoing.request.payload == Payload::Streamed {
            return Err(ApplyError::Unsignable(
                "its body passes unread, and the signature is over the body",
            ));
        }
        let signature = self.sign(&values)?;
        values.insert(SIGNATURE.to_owned(), signature);
        for (name, text) in &self.headers {
            let value = text.header_value("", &values)?;
            outgoing.headers.insert(name.clone(), value);
        }
        if !signatures.is_empty() {
            Query { pairs: signatures }.apply(&values, outgoing.query)?;
        }
        Ok(())
    }

    fn sign(&self, values: &Fields) -> Result<Secret, ApplyError> {
        let written = self.key.bytes(values)?;
        let key = match self.key_encoding {
            KeyEncoding::Text => written,
            KeyEncoding::Base64 => Zeroizing::new(
                STANDARD
                    .decode(written.as_slice())
                    .map_err(|_| ApplyError::Unsignable("the key is not base64"))?,
            ),
            KeyEncoding::Hex => Zeroizing::new(
                std::str::from_utf8(&written)
                    .ok()
                    .and_then(unhex)
                    .ok_or(ApplyError::Unsignable("the key is not hexadecimal"))?,
            ),
        };
        let over = self.over.any_bytes(values)?;
        let sum = match self.alg {
            HashAlgorithm::Sha1 => keyed::<Keyed<Sha1>>(&key, &over),
            HashAlgorithm::Sha256 => keyed::<Keyed<Sha256>>(&key, &over),
            HashAlgorithm::Sha384 => keyed::<Keyed<Sha384>>(&key, &over),
            HashAlgorithm::Sha512 => keyed::<Keyed<Sha512>>(&key, &over),
        };
        Ok(Secret::from(match self.encoding {
            SignatureEncoding::Hex => hex(&sum),
            SignatureEncoding::Base64 => STANDARD.encode(&sum),
            SignatureEncoding::Base64url => URL_SAFE_NO_PAD.encode(&sum),
        }))
    }
}

/// A key may have any length, so making the hash does not fail.
fn keyed<M: Mac + KeyInit>(key: &[u8], over: &[u8]) -> Vec<u8> {
    M::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(over);
            mac.finalize().into_bytes().to_vec()
        },
    )
}

fn add_moment(values: &mut Fields, request: &RequestFacts<'_>) {
    let since = request.now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let texts = [
        ("timestamp", since.as_secs().to_string()),
        ("timestamp_ms", since.as_millis().to_string()),
        ("iso8601", iso8601(request.now)),
        ("nonce", hex(&request.nonce)),
    ];
    add(values, texts);
}

fn add_request(values: &mut Fields, outgoing: &Outgoing<'_>) {
    let query = outgoing.query.as_deref().unwrap_or_default();
    let target = match outgoing.query.as_deref() {
        Some(query) => format!("{}?{query}", outgoing.path),
        None => outgoing.path.clone(),
    };
    let body = match outgoing.request.payload {
        Payload::Whole(bytes) => bytes,
        Payload::Streamed => &[],
    };
    let texts = [
        ("method", outgoing.request.method.to_string()),
        ("host", outgoing.request.host.to_owned()),
        ("path", outgoing.path.clone()),
        ("query", query.to_owned()),
        ("target", target),
        ("body_sha256", hex(&Sha256::digest(body))),
    ];
    add(values, texts);
    values.insert("body".to_owned(), Secret::new(body.to_vec()));
}

fn add<const N: usize>(values: &mut Fields, texts: [(&str, String); N]) {
    for (name, text) in texts {
        values.insert(name.to_owned(), Secret::from(text));
    }
}

/// Returns a moment in UTC, without fractions: `2026-01-31T12:00:00Z`.
fn iso8601(at: SystemTime) -> String {
    let at = time::OffsetDateTime::from(at);
    let at = at.replace_nanosecond(0).unwrap_or(at);
    at.format(&time::format_description::well_known::Rfc3339)
        .unwrap_or_default()
}
