//! Sends webhooks: batches of records, and checkpoints as anchors, signed as Standard Webhooks 1.0.0 has it, so that receivers find libraries.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use serde_json::json;
use sha2::Sha256;

use super::http::Client;
use crate::config::Webhook;
use crate::journal::{Line, Signed};
use crate::model::clock::Clock;
use crate::model::hex::hex;
use crate::model::secret::Secret;
use crate::outbound::Roots;

/// Most bytes of records in one request; receivers limit bodies to a MiB or more.
const MAX_BATCH: usize = 256 << 10;

/// A webhook that gets records.
pub(super) struct Hook {
    client: Client,
    secret: Secret,
    clock: Clock,
}

/// A webhook that gets checkpoints.
#[derive(Debug)]
pub struct Anchoring {
    client: Client,
    secret: Secret,
    clock: Clock,
}

impl Hook {
    pub(super) fn new(webhook: Webhook, roots: Roots, clock: Clock) -> Self {
        Self {
            client: Client::new(webhook.url, roots),
            secret: webhook.secret,
            clock,
        }
    }

    /// Sends lines in requests of bounded size, each once the one before was accepted.
    pub(super) async fn send(&mut self, lines: &[Line]) -> io::Result<()> {
        for batch in batches(lines, MAX_BATCH) {
            let seq = |line: Option<&Line>| line.and_then(Line::front).map_or(0, |front| front.seq);
            let (first, last) = (seq(batch.first()), seq(batch.last()));
            let mut body = format!("{{\"type\":\"journal.records\",\"data\":{{\"first\":{first},\"last\":{last},\"records\":[").into_bytes();
            for (at, line) in batch.iter().enumerate() {
                if at > 0 {
                    body.push(b',');
                }
                // As written, so that the receiver can verify the chain.
                body.extend_from_slice(line.as_bytes());
            }
            body.extend_from_slice(b"]}}");
            // A repetition has the same id; other gateways, and a journal that was restored, have others.
            let id = format!(
                "records-{first}-{last}-{}",
                mark(&batch.last().map_or([0; 32], Line::hash))
            );
            let headers = headers(&self.secret, &self.clock, (&id, &body))?;
            self.client.post("", &headers, body.into()).await?;
        }
        Ok(())
    }
}

impl Anchoring {
    /// Makes one that connects with its first checkpoint.
    #[must_use]
    pub fn new(webhook: Webhook, roots: Roots, clock: Clock) -> Self {
        Self {
            client: Client::new(webhook.url, roots),
            secret: webhook.secret,
            clock,
        }
    }

    /// Sends a checkpoint.
    ///
    /// # Errors
    /// When the receiver cannot be reached or does not answer 2xx.
    pub async fn send(&mut self, signed: &Signed) -> io::Result<()> {
        let seq = signed.head.seq;
        let body = json!({
            "type": "journal.checkpoint",
            "data": { "seq": seq, "hash": hex(&signed.head.hash), "signature": signed.signature },
        });
        let body = body.to_string().into_bytes();
        let id = format!("checkpoint-{seq}-{}", mark(&signed.head.hash));
        let headers = headers(&self.secret, &self.clock, (&id, &body))?;
        self.client.post("", &headers, Bytes::from(body)).await?;
        Ok(())
    }
}

/// The beginning of a hash, which tells apart what has the same numbers.
fn mark(hash: &[u8; 32]) -> String {
    hex(hash.first_chunk::<8>().map_or(&[], |mark| mark.as_slice()))
}

/// Cuts lines into batches of at most so many bytes, or one line.
pub(super) fn batches(lines: &[Line], limit: usize) -> impl Iterator<Item = &[Line]> {
    let mut rest = lines;
    std::iter::from_fn(move || {
        let mut bytes = 0_usize;
        let fits = rest.iter().take_while(|line| {
            bytes = bytes.saturating_add(line.as_bytes().len());
            bytes <= limit
        });
        let count = fits.count().max(1).min(rest.len());
        let (batch, left) = rest.split_at_checked(count)?;
        rest = left;
        (!batch.is_empty()).then_some(batch)
    })
}

fn headers(secret: &Secret, clock: &Clock, (id, body): (&str, &[u8])) -> io::Result<HeaderMap> {
    let timestamp = clock.utc().unix_timestamp();
    let signature = sign(secret.expose(), (id, timestamp), body);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signature),
    ] {
        let value = HeaderValue::try_from(value).map_err(io::Error::other)?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Returns the value of `webhook-signature`: HMAC-SHA256 over id, timestamp in seconds and body, joined by dots.
///
/// A secret that begins with `whsec_` is Base64, as Standard Webhooks writes it; any other is the key itself.
#[must_use]
pub fn sign(secret: &[u8], (id, timestamp): (&str, i64), body: &[u8]) -> String {
    let decoded = secret
        .strip_prefix(b"whsec_")
        .and_then(|text| STANDARD.decode(text).ok());
    let key = decoded.as_deref().unwrap_or(secret);
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}
