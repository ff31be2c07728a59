//! Request headers in, those that may be judged and sent out: hop-by-hop ones gone, loops refused.

use http::header::{ACCEPT_ENCODING, CONNECTION, HeaderName, IF_RANGE, RANGE, VIA};
use http::{HeaderMap, HeaderValue};

use super::refuse::{Code, Refusal};
use crate::connector::Passes;

/// Codings of answers that can be undone, so that what is in them can be masked.
const READABLE: [&str; 5] = ["gzip", "deflate", "br", "zstd", "identity"];

/// Removes what concerns this hop only: fixed names, those that `Connection` nominates, names with `_`.
///
/// Runs before anything is judged, so a header that a policy or route sees is one that is sent.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
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
        .map(str::trim)
        .filter(|entry| {
            let mut parts = entry.split(';').map(str::trim);
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
        .any(|hop| hop.split_whitespace().nth(1) == Some(pseudonym));
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
