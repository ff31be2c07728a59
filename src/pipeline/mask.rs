//! Removes from an answer what the agent must not see: credentials of its host, and those that it issues.

mod about_bytes;
pub mod answer_mask;
mod newest_patterns;
pub mod response_secret;
mod text_body;
mod unmaskable;

use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::decide::Injection;
use super::permit_validity::PermitValidity;
use super::record::OpenExchange;
use super::refuse::{CODE, DECISION, DROPPED_HEADERS, REQUEST_ID, RefusedExchange};
use super::{Gateway, Permit};
use answer_mask::AnswerMask;
use response_secret::Rules;
use unmaskable::unmaskable;

/// Bytes of names in `Tollgate-Dropped-Headers`.
const MAX_DROPPED: usize = 1024;

/// RFC 2965; some servers still send it.
const SET_COOKIE2: HeaderName = HeaderName::from_static("set-cookie2");

/// Removes what the agent must not see and adds `Tollgate-*`.
///
/// A session cookie that answers an injected request is a credential, so it goes.
pub fn mask_head(permit: &Permit, exchange: &OpenExchange, headers: &mut HeaderMap) {
    let injected = matches!(permit.validity.injection(), Injection::Credential(_));
    if injected && !permit.outgoing.passes.cookies {
        headers.remove(SET_COOKIE);
        headers.remove(SET_COOKIE2);
    }
    headers.remove(CODE);
    headers.remove(DROPPED_HEADERS);
    if let Some(dropped) = dropped(&permit.outgoing.dropped) {
        headers.insert(DROPPED_HEADERS, dropped);
    }
    headers.insert(DECISION, HeaderValue::from_static("allow"));
    if let Ok(id) = HeaderValue::from_str(exchange.request_id()) {
        headers.insert(REQUEST_ID, id);
    }
}

/// Names the headers that were not sent, as many as fit.
fn dropped(names: &[HeaderName]) -> Option<HeaderValue> {
    let mut text = String::new();
    for name in names {
        if text.len() + name.as_str().len() > MAX_DROPPED {
            break;
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(name.as_str());
    }
    (!names.is_empty())
        .then(|| HeaderValue::from_str(&text).ok())
        .flatten()
}

/// Replaces the credentials that an answer holds by placeholders, in its head and in its whole body; returns the body.
///
/// # Errors
/// `unmaskable` where the answer cannot be searched: nothing of it may pass.
pub fn mask_response_secrets(
    gateway: &Gateway,
    (validity, mask): (&PermitValidity, Option<&AnswerMask>),
    (status, headers): (StatusCode, &mut HeaderMap),
    body: Bytes,
) -> Result<Bytes, RefusedExchange> {
    let bounds = gateway.dependencies.bounds;
    let rules = Rules {
        places: validity.places(),
        bytes: bounds.body,
        nodes: bounds.json_nodes,
    };
    let masked = response_secret::mask(rules, status, headers, body)
        .map_err(|reason| refuse_unmaskable(validity, reason.0))?;
    if masked.count > 0 {
        gateway
            .dependencies
            .metrics
            .masked(validity.connector().id());
    }
    let Some(mask) = mask else {
        return Ok(masked.body);
    };
    let hidden = mask.whole(headers, masked.body);
    hidden.map_err(|refusal| validity.refused(refusal))
}

/// Refuses to pass an answer that may hold a credential, and logs why.
#[must_use]
pub fn refuse_unmaskable(validity: &PermitValidity, reason: &str) -> RefusedExchange {
    tracing::warn!(
        request.id = validity.request_id(),
        reason,
        "an answer was not passed"
    );
    validity.refused(unmaskable(reason))
}
