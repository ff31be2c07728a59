//! Prepares request headers for judging and sending: removes hop-by-hop headers, refuses loops.

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, HeaderName, IF_RANGE, RANGE, VIA};
use http::{HeaderMap, HeaderValue};

use super::decision_input::RequestPayload;
use super::refuse::{Code, Refusal};
use crate::connector::{Connector, Passes, is_always_dropped};
use crate::model::action::{Action, Risk};
use crate::model::header_value;
use crate::model::target::Query;

/// Headers that a refusal names.
const MAX_NAMED: usize = 8;

/// Codings of answers that can be undone, so that what is in them can be masked.
const READABLE: [&str; 5] = ["gzip", "deflate", "br", "zstd", "identity"];

/// Strips the white space that may stand around a value (RFC 9110 section 5.5), so that the bytes that are judged are the bytes that
/// are sent; refuses a value that servers read as different texts.
///
/// Runs before anything looks at a value, and nothing trims one later: HTTP/1.1 readers strip it, HTTP/2 readers do not.
///
/// # Errors
/// `not_canonical`
pub(super) fn clean(headers: &mut HeaderMap) -> Result<(), Refusal> {
    for (name, value) in headers.iter_mut() {
        let bytes = value.as_bytes();
        if !header_value::is_clean(bytes) {
            let detail = format!(
                "The header `{name}` holds a space or control character that servers read differently; leave it out."
            );
            return Err(Refusal::because(Code::NotCanonical, detail));
        }
        let trimmed = header_value::trim_bytes(bytes);
        if trimmed.len() == bytes.len() {
            continue;
        }
        let mut stripped =
            HeaderValue::from_bytes(trimmed).map_err(|_| Refusal::from(Code::NotCanonical))?;
        stripped.set_sensitive(value.is_sensitive());
        *value = stripped;
    }
    Ok(())
}

/// Removes what concerns this hop only: fixed names, those that `Connection` nominates, names with `_`.
///
/// Runs before anything is judged, so a header that a policy or route sees is one that is sent.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| header_value::entries(value.as_bytes()))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .collect();
    let dropped: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            is_always_dropped(name.as_str())
                || nominated.contains(name)
                // WSGI, CGI and others read `X_Y` as `X-Y`.
                || name.as_str().bytes().any(|byte| byte == b'_')
        })
        .cloned()
        .collect();
    for name in dropped {
        headers.remove(name);
    }
}

/// Refuses a request above low that would lose headers which nothing declares or reads: without `X-Dry-Run: true` a rehearsal would
/// be the deed.
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
    let kept: Vec<&str> = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(header_value::trim)
        .filter(|entry| {
            let mut parts = entry.split(';').map(header_value::trim);
            let coding = parts.next().unwrap_or_default();
            READABLE
                .iter()
                .any(|known| known.eq_ignore_ascii_case(coding))
        })
        .collect();
    // Without the header every coding is welcome, RFC 9110 section 12.5.3.
    let value = match kept.as_slice() {
        [] => Ok(HeaderValue::from_static("identity")),
        kept => HeaderValue::from_str(&kept.join(", ")),
    };
    headers.remove(ACCEPT_ENCODING);
    headers.extend(value.ok().map(|value| (ACCEPT_ENCODING, value)));
}

/// Refuses a request that has been through this gateway, and adds this gateway to `Via` (RFC 9110 section 7.6.3).
pub(super) fn pass_via(headers: &mut HeaderMap, pseudonym: &str) -> Result<(), Refusal> {
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
    if let Ok(value) = HeaderValue::from_str(&format!("1.1 {pseudonym}")) {
        headers.append(VIA, value);
    }
    Ok(())
}
