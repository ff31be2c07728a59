//! Removes from an answer what the agent must not see: from every head, and from the whole of an answer that issues a credential.

pub mod response_secret;

use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::decide::Injection;
use super::permit_validity::PermitValidity;
use super::record::OpenExchange;
use super::refuse::{CODE, Code, DECISION, DROPPED_HEADERS, REQUEST_ID, Refusal, RefusedExchange};
use super::{Gateway, Permit};
use response_secret::Rules;

/// Bytes of names in `Tollgate-Dropped-Headers`.
const MAX_DROPPED: usize = 1024;

/// Removes what the agent must not see and adds `Tollgate-*`.
///
/// A session cookie that answers an injected request is a credential, so it goes.
pub fn mask_head(permit: &Permit, exchange: &OpenExchange, headers: &mut HeaderMap) {
    let injected = matches!(permit.validity.injection(), Injection::Credential(_));
    if injected && !permit.outgoing.passes.cookies {
        headers.remove(SET_COOKIE);
        headers.remove("set-cookie2");
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
    validity: &PermitValidity,
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
        .map_err(|unmaskable| refuse_unmaskable(validity, unmaskable.0))?;
    if masked.count > 0 {
        gateway
            .dependencies
            .metrics
            .masked(validity.connector().id());
    }
    Ok(masked.body)
}

/// Refuses to pass an answer that may hold a credential. The detail says that the request was sent, since it may have taken effect.
#[must_use]
pub fn refuse_unmaskable(validity: &PermitValidity, reason: &str) -> RefusedExchange {
    tracing::warn!(
        request.id = validity.request_id(),
        reason,
        "an answer was not passed"
    );
    let detail =
        format!("The upstream has answered, but the answer may hold a credential: {reason}.");
    validity.refused(Refusal::because(Code::Unmaskable, detail))
}
