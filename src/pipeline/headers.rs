//! Prepares request headers for judging and sending: removes hop-by-hop headers, refuses loops.

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, HeaderName, IF_RANGE, RANGE, SEC_WEBSOCKET_EXTENSIONS, VIA,
};
use http::{HeaderMap, HeaderValue};

use super::decision_input::RequestPayload;
use super::refuse::{Code, Refusal};
use crate::connector::{Connector, Passes, is_always_dropped, not_forwarded};
use crate::model::action::{Action, Risk};
use crate::model::header_value;
use crate::model::target::Query;

/// Headers that a refusal names.
const MAX_NAMED: usize = 8;

/// Codings of answers that can be undone, so that what is in them can be masked.
const READABLE: [&str; 5] = ["gzip", "deflate", "br", "zstd", "identity"];

/// Which compressions of its messages a client of gRPC reads.
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Removes what concerns this hop only: fixed names, those that `Connection` nominates, names with `_`.
///
/// Runs before anything is judged, so a header that a policy or route sees is one that is sent. Returns those that some server might
/// have read: with `_` in their name, or nominated although they do not concern this hop only.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) -> Vec<HeaderName> {
    let mut told = not_forwarded(headers);
    for name in &told {
        headers.remove(name);
    }
    told.retain(|name| !is_always_dropped(name.as_str()));
    told
}

/// Refuses a request above low that would lose headers which nothing declares or reads: without `X-Dry-Run: true` a dry run
/// would take effect.
///
/// # Errors
/// `undeclared_header`
pub(super) fn check_dropped(
    dropped: &[HeaderName],
    connector: &Connector,
    actions: &[Action],
) -> Result<(), Refusal> {
    if dropped.is_empty() || actions.iter().all(|action| action.risk <= Risk::Low) {
        return Ok(());
    }
    Err(undeclared(connector, dropped))
}

/// Refuses to leave out what an agent's own signature may cover: the signature would be wrong, or hold for another request.
///
/// # Errors
/// `undeclared_header`
pub(super) fn check_signed(
    payload: &RequestPayload,
    query: &Query,
    connector: &Connector,
) -> Result<(), Refusal> {
    let is_signed = || {
        let mut values = payload.headers.get_all(AUTHORIZATION).iter();
        let by_header = values.any(|value| {
            let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
            text.contains("signature") || text.contains("signedheaders")
        });
        by_header
            || payload.headers.contains_key("signature")
            || payload.headers.contains_key("signature-input")
            || query
                .pairs()
                .any(|(name, _)| name.to_ascii_lowercase().ends_with("-signature"))
    };
    if payload.dropped.is_empty() || !is_signed() {
        return Ok(());
    }
    Err(undeclared(connector, &payload.dropped))
}

fn undeclared(connector: &Connector, names: &[HeaderName]) -> Refusal {
    let first = names.first().map_or("", HeaderName::as_str);
    let listed: Vec<String> = names
        .iter()
        .take(MAX_NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    let (word, verb, them) = match names {
        [_] => ("header", "is", "it"),
        _ => ("headers", "are", "them"),
    };
    let detail = format!(
        "The {word} {} {verb} not declared by the connector `{}`. Leave {them} out, or ask an operator to declare {them}: `allow_headers: [{first}]`, or a parameter `header:{first}`.",
        listed.join(", "),
        connector.id(),
    );
    Refusal::because(Code::UndeclaredHeader, detail)
}

/// Asks for an answer that can be read whole: a part of it, or a coding that nobody here undoes, could carry the credential past
/// the mask.
pub(super) fn keep_answer_readable(headers: &mut HeaderMap, passes: Passes) {
    if !passes.range {
        headers.remove(RANGE);
        headers.remove(IF_RANGE);
    }
    // RFC 7692: the server compresses only where it is asked to.
    headers.remove(SEC_WEBSOCKET_EXTENSIONS);
    if headers.contains_key(GRPC_ACCEPT_ENCODING) {
        headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if asks_for_readable(headers) {
        return;
    }
    let kept: Vec<&str> = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(header_value::trim)
        .filter(|entry| is_readable(entry))
        .collect();
    // Without the header every coding is welcome, RFC 9110 section 12.5.3.
    let value = match kept.as_slice() {
        [] => Ok(HeaderValue::from_static("identity")),
        kept => HeaderValue::from_str(&kept.join(", ")),
    };
    headers.remove(ACCEPT_ENCODING);
    headers.extend(value.ok().map(|value| (ACCEPT_ENCODING, value)));
}

/// Returns whether `Accept-Encoding` is there once, and is spelled as it would be written here.
fn asks_for_readable(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(ACCEPT_ENCODING).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let is_kept = |entry: &str| {
        !entry.contains(',') && header_value::trim(entry) == entry && is_readable(entry)
    };
    value
        .to_str()
        .is_ok_and(|value| value.split(", ").all(is_kept))
}

/// Returns whether an entry of `Accept-Encoding` names a coding that can be undone.
fn is_readable(entry: &str) -> bool {
    let coding = header_value::trim(entry.split(';').next().unwrap_or_default());
    let mut known = READABLE.iter();
    known.any(|known| known.eq_ignore_ascii_case(coding))
}

/// Refuses a request that has been through this gateway, and adds this gateway to `Via` (RFC 9110 section 7.6.3).
pub(super) fn pass_via(
    headers: &mut HeaderMap,
    pseudonym: &str,
    via: Option<&HeaderValue>,
) -> Result<(), Refusal> {
    let seen = headers
        .get_all(VIA)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|hop| {
            let mut words = hop.split([' ', '\t']).filter(|word| !word.is_empty());
            words.nth(1) == Some(pseudonym)
        });
    if seen {
        return Err(Refusal::from(Code::LoopDetected));
    }
    if let Some(via) = via {
        headers.append(VIA, via.clone());
    }
    Ok(())
}
