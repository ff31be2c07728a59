//! Request headers in, those that may be judged and sent out: hop-by-hop ones gone, loops refused.

use http::header::{ACCEPT_ENCODING, CONNECTION, HeaderName, IF_RANGE, RANGE, VIA};
use http::{HeaderMap, HeaderValue};

use super::refuse::{Code, Refusal};
use crate::connector::Passes;
use crate::model::header_value;

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
        let mut stripped = HeaderValue::from_bytes(trimmed)
            .map_err(|_| Refusal::because(Code::NotCanonical, Code::NotCanonical.sentence()))?;
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
            is_for_this_hop(name.as_str())
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

/// Returns whether a header concerns one hop only (RFC 9110 section 7.6.1), or framing, which the edge sets anew, or the gateway
/// itself. Forwarding headers would let an agent choose what an upstream behind proxies takes for host, scheme, path or client.
fn is_for_this_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "content-length"
            | "host"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
            | "expect"
            | "forwarded"
            | "x-forwarded-for"
            | "x-forwarded-host"
            | "x-forwarded-port"
            | "x-forwarded-proto"
            | "x-forwarded-scheme"
            | "x-forwarded-prefix"
            | "x-real-ip"
    )
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
        return Err(Refusal::because(
            Code::LoopDetected,
            Code::LoopDetected.sentence(),
        ));
    }
    if let Ok(value) = HeaderValue::from_str(&format!("1.1 {pseudonym}")) {
        headers.append(VIA, value);
    }
    Ok(())
}
