//! Builds the header that Pingora sends, from judged values only, never from received ones.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};
use pingora::Result;
use pingora::http::RequestHeader;

use crate::model::media_type;
use crate::pipeline::Outgoing;
use crate::pipeline::websocket::Protocol;

/// How the outgoing body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Read, judged and sent from memory, this long.
    Replayed(usize),
    /// Passed on as it comes, with the length that the agent declared.
    Streamed(Option<u64>),
}

/// Set here, or meant for the next hop only: never taken from the outgoing headers.
pub(super) const RESERVED: [HeaderName; 12] = [
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Builds the header for one attempt. Header names go out in their usual spelling, whatever the agent's was.
///
/// # Errors
/// When the request cannot be spelled in HTTP, which judging has excluded.
pub(super) fn header(
    outgoing: Outgoing,
    framing: Framing,
    version: Version,
) -> Result<RequestHeader> {
    let method = outgoing.method.clone();
    let (headers, target) = spell(outgoing, framing, version);
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.version = version;
    parts.headers = headers;
    parts.method = method;
    // From whole parts: Pingora parses every name again that is added to a header of its own.
    let mut header = RequestHeader::from(parts);
    header.set_raw_path(target.as_bytes())?;
    Ok(header)
}

/// Returns the headers and the target for one attempt.
pub(super) fn spell(outgoing: Outgoing, framing: Framing, version: Version) -> (HeaderMap, String) {
    let grpc = is_grpc(&outgoing);
    let mut target = outgoing.path;
    if let Some(query) = &outgoing.query {
        target.push('?');
        target.push_str(query);
    }
    let mut headers = outgoing.headers;
    for name in &RESERVED {
        headers.remove(name);
    }
    if grpc && version == Version::HTTP_2 {
        // gRPC servers ask for it; trailers reach the agent on HTTP/2.
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if outgoing.protocol == Protocol::WebSocket {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    } else if let Some(length) = content_length(framing, &outgoing.method) {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    (headers, target)
}

/// Without a length Pingora uses chunked coding for requests with a body.
pub(super) fn content_length(framing: Framing, method: &Method) -> Option<u64> {
    match framing {
        Framing::Replayed(0) => {
            (method == Method::POST || method == Method::PUT || method == Method::PATCH)
                .then_some(0)
        }
        Framing::Replayed(length) => Some(length as u64),
        Framing::Streamed(length) => length,
    }
}

/// How a request must be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carriage {
    /// HTTP/2 where the upstream offers it.
    Any,
    /// HTTP/2 all the way, since trailers carry its status.
    Grpc,
    /// HTTP/1.1, which alone switches protocols.
    WebSocket,
}

/// Returns how a request must be carried.
pub(super) fn carriage(outgoing: &Outgoing) -> Carriage {
    match outgoing.protocol {
        Protocol::WebSocket => Carriage::WebSocket,
        Protocol::Http if is_grpc(outgoing) => Carriage::Grpc,
        Protocol::Http => Carriage::Any,
    }
}

/// Returns whether the request needs HTTP/2 all the way, since trailers carry its status.
fn is_grpc(outgoing: &Outgoing) -> bool {
    let starts = |start: &str| media_type::starts_with(&outgoing.headers, start);
    starts("application/grpc") && !starts("application/grpc-web")
}
