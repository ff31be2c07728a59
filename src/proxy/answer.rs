//! Turns an upstream's head, or its failure, into what the agent may receive.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ALT_SVC, CONNECTION, CONTENT_LENGTH, PROXY_AUTHENTICATE, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, TRANSFER_ENCODING, UPGRADE,
};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::{Error, ErrorType, Result};
use sha1::{Digest as _, Sha1};

use super::exchange::{Exchange, Permitted};
use super::slot::TOKEN_REFUSED;
use super::status::{has_no_content, is_last};
use super::watch::Extent;
use crate::model::header_value;
use crate::pipeline::Outgoing;
use crate::pipeline::mask::mask_head;
use crate::pipeline::record::Outcome;
use crate::pipeline::websocket::Protocol;

/// Meant for us, or sets the agent's connection to us, or sends it past us: not passed on.
const HOP: [HeaderName; 7] = [
    ALT_SVC,
    CONNECTION,
    PROXY_AUTHENTICATE,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authentication-info"),
];

/// Returns whether an answer ends with its head (RFC 9110 section 6.4.1, RFC 9112 section 6.3).
fn has_no_body(outgoing: &Outgoing, response: &Parts) -> bool {
    let length = response.headers.get(CONTENT_LENGTH);
    outgoing.method == Method::HEAD
        || has_no_content(response.status)
        || length.is_some_and(|length| {
            !length.is_empty() && length.as_bytes().iter().all(|byte| *byte == b'0')
        })
}

/// Checks an answer that switches protocols. What follows it passes unread in both directions, so it must be the WebSocket that
/// was asked for (RFC 6455 section 4.1), and not a status that a server behind the upstream made up.
///
/// # Errors
/// When it is not; the agent reads that the upstream failed.
fn check_switch(outgoing: &Outgoing, response: &Parts) -> Result<()> {
    if response.status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(());
    }
    let says = |name: &HeaderName, wanted: &str| {
        let mut values = response.headers.get_all(name).iter();
        values
            .next()
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
            && values.next().is_none()
    };
    let key = outgoing.headers.get(SEC_WEBSOCKET_KEY);
    let accepts = key.is_some_and(|key| {
        let accept = response.headers.get(SEC_WEBSOCKET_ACCEPT);
        accept.is_some_and(|accept| accept.as_bytes() == accept_of(key.as_bytes()).as_bytes())
    });
    let agreed = outgoing.protocol == Protocol::WebSocket
        && response.version == Version::HTTP_11
        && says(&UPGRADE, "websocket")
        && says(&CONNECTION, "upgrade")
        && accepts;
    if agreed {
        return Ok(());
    }
    Err(unreadable("a switch of protocols that was not asked for"))
}

/// RFC 6455 section 4.2.2, item 5.4.
fn accept_of(key: &[u8]) -> String {
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// Takes the head of an answer that Pingora has read, and makes of it what the agent reads. It is rebuilt: Pingora keeps names
/// twice, so headers cannot be changed in place. Without the second names they go out in their usual spelling.
///
/// # Errors
/// As [`receive`].
pub(super) fn receive_header(exchange: &mut Exchange, response: &mut ResponseHeader) -> Result<()> {
    let empty = ResponseHeader::build_no_case(StatusCode::OK, Some(0))?;
    let mut parts = Parts::from(std::mem::replace(response, empty));
    let received = receive(exchange, &mut parts);
    *response = ResponseHeader::from(parts);
    received
}

/// Gives an answer to an agent of HTTP/1.1 chunks, where its length is not known any more.
pub(super) fn delimit(request: &RequestHeader, response: &mut ResponseHeader) -> Result<()> {
    let is_delimited = response.headers.contains_key(CONTENT_LENGTH)
        || response.headers.contains_key(TRANSFER_ENCODING)
        || request.method == Method::HEAD
        || is_empty(response.status);
    if is_delimited || request.version != Version::HTTP_11 {
        return Ok(());
    }
    response.insert_header(TRANSFER_ENCODING, "chunked")
}

/// Takes the head of an answer, and makes of it what the agent reads.
///
/// # Errors
/// When it says two things, switches to what was not asked for, or holds a credential that cannot be hidden.
pub(super) fn receive(exchange: &mut Exchange, response: &mut Parts) -> Result<()> {
    let Some(permitted) = exchange.permitted() else {
        let what = "an answer came without a permit";
        return Error::e_explain(ErrorType::InternalError, what);
    };
    read(permitted, response)?;
    exchange.mask_head(response)
}

fn read(permitted: &mut Permitted, response: &mut Parts) -> Result<()> {
    check_switch(permitted.permit.outgoing(), response)?;
    if response.status == StatusCode::UNAUTHORIZED && permitted.goes_with_another_token() {
        return Err(Error::new(ErrorType::Custom(TOKEN_REFUSED)));
    }
    let promises = has_stray_body(response.status, &response.headers);
    frame(response.status, &mut response.headers)?;
    if !is_last(response.status) {
        mask(permitted, response);
        return Ok(());
    }
    let (status, headers) = (response.status, &response.headers);
    permitted
        .open_exchange
        .note_outcome(Outcome::Answered(status.as_u16()));
    permitted
        .open_exchange
        .note_head(permitted.permit.validity(), headers);
    permitted.extent = if permitted.uploads_without_end {
        Extent::Stream
    } else {
        Extent::of(headers)
    };
    let ends = has_no_body(permitted.permit.outgoing(), response);
    mask(permitted, response);
    permitted.is_answering = true;
    if ends {
        permitted.note_answered();
    }
    if promises {
        // What cannot be there may yet come, where the next answer belongs.
        permitted.condemn();
    }
    Ok(())
}

/// Returns whether answers of this status have no body, whatever their headers say (RFC 9110 section 6.4.1).
fn is_empty(status: StatusCode) -> bool {
    status.is_informational() || has_no_content(status)
}

/// Returns whether a body may come behind an answer that has none: it would be taken for the next answer.
pub(super) fn has_stray_body(status: StatusCode, headers: &HeaderMap) -> bool {
    let says_length = || {
        let lengths = headers.get_all(CONTENT_LENGTH).iter();
        lengths
            .flat_map(HeaderValue::as_bytes)
            .any(|byte| *byte != b'0')
    };
    // The length of a 304 is that of what was not sent (RFC 9110 section 8.6).
    is_empty(status)
        && (headers.contains_key(TRANSFER_ENCODING)
            || status != StatusCode::NOT_MODIFIED && says_length())
}

/// Leaves of the headers that frame an answer what its status allows, once (RFC 9110 section 8.6, RFC 9112 section 6.3).
///
/// # Errors
/// When there are two lengths, or another transfer coding than `chunked`.
fn frame(status: StatusCode, headers: &mut HeaderMap) -> Result<()> {
    if is_empty(status) {
        headers.remove(TRANSFER_ENCODING);
        if status != StatusCode::NOT_MODIFIED {
            headers.remove(CONTENT_LENGTH);
            return Ok(());
        }
    }
    one_coding(headers)?;
    if headers.contains_key(TRANSFER_ENCODING) {
        // The coding counts (RFC 9112 section 6.3); an agent that reads the length would see another body.
        headers.remove(CONTENT_LENGTH);
        return Ok(());
    }
    let Some(length) = one_length(headers)? else {
        return Ok(());
    };
    headers.insert(CONTENT_LENGTH, length);
    Ok(())
}

/// Pingora undoes `chunked` alone; what else the upstream has put around the body, an agent would take for the body.
fn one_coding(headers: &HeaderMap) -> Result<()> {
    let codings = headers.get_all(TRANSFER_ENCODING).iter();
    let mut codings = codings.flat_map(|value| header_value::entries(value.as_bytes()));
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(unreadable("an answer in a transfer coding")),
    }
}

/// Returns the length that is there more than once, where all are the same.
fn one_length(headers: &HeaderMap) -> Result<Option<HeaderValue>> {
    let mut lengths = headers
        .get_all(CONTENT_LENGTH)
        .iter()
        .flat_map(|value| header_value::entries(value.as_bytes()));
    let (Some(length), Some(more)) = (lengths.next(), lengths.next()) else {
        return Ok(None);
    };
    let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    if !digits || more != length || lengths.any(|more| more != length) {
        return Err(unreadable("an answer with two lengths"));
    }
    let length = HeaderValue::from_bytes(length).map_err(|_| unreadable("a length"))?;
    Ok(Some(length))
}

/// Removes the headers that `Connection` names, RFC 9110 section 7.6.1. Framing headers were obeyed already.
fn remove_nominated(headers: &mut HeaderMap) {
    if !headers.contains_key(CONNECTION) {
        return;
    }
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| header_value::entries(value.as_bytes()))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .filter(|name| ![CONTENT_LENGTH, TRANSFER_ENCODING].contains(name))
        .collect();
    for name in nominated {
        headers.remove(name);
    }
}

fn unreadable(what: &'static str) -> Box<Error> {
    Error::explain(ErrorType::InvalidHTTPHeader, what).into_up()
}

/// Leaves of a head, whose framing was checked, what the agent may know.
fn mask(permitted: &Permitted, parts: &mut Parts) {
    let headers = &mut parts.headers;
    remove_nominated(headers);
    for name in &HOP {
        headers.remove(name);
    }
    mask_head(&permitted.permit, &permitted.open_exchange, headers);
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        headers.remove(TRANSFER_ENCODING);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
}
