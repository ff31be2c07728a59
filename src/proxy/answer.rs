//! Turns an upstream's head, or its failure, into what the agent may receive.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ALT_SVC, CONNECTION, CONTENT_LENGTH, PROXY_AUTHENTICATE, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, TRANSFER_ENCODING, UPGRADE,
};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use pingora::http::ResponseHeader;
use pingora::{Error, ErrorType, Result};
use sha1::{Digest as _, Sha1};

use super::exchange::{Exchange, Extent, Permitted, State};
use super::peer::{self, Failure, Sent};
use crate::model::header_value;
use crate::pipeline::Outgoing;
use crate::pipeline::mask::mask_head;
use crate::pipeline::record::Outcome;
use crate::pipeline::refuse::{Code, Refusal, RefusedExchange};
use crate::pipeline::websocket::Protocol;
use crate::telemetry::metrics::UpstreamError;

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

/// What an agent may rely on (RFC 9113 section 8.7).
const UNPROCESSED: &str = "The upstream refused the request before it processed it, so it took no effect and may be sent again.";

/// Returns whether no other head follows one with this status.
pub(super) fn is_last(status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || !status.is_informational()
}

/// Returns whether an answer ends with its head (RFC 9110 section 6.4.1, RFC 9112 section 6.3).
fn has_no_body(outgoing: &Outgoing, response: &Parts) -> bool {
    let length = response.headers.get(CONTENT_LENGTH);
    outgoing.method == Method::HEAD
        || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status)
        || length.is_some_and(|length| {
            !length.is_empty() && length.as_bytes().iter().all(|byte| *byte == b'0')
        })
}

/// Checks an answer that switches protocols: what follows it passes unread in both directions, so it must be the WebSocket
/// that was asked for (RFC 6455 section 4.1), and not a status that something behind the upstream made up.
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
pub(super) fn receive_header(
    permitted: &mut Permitted,
    response: &mut ResponseHeader,
) -> Result<()> {
    let empty = ResponseHeader::build_no_case(StatusCode::OK, Some(0))?;
    let mut parts = Parts::from(std::mem::replace(response, empty));
    let received = receive(permitted, &mut parts);
    *response = ResponseHeader::from(parts);
    received
}

/// Takes the head of an answer, and makes of it what the agent reads.
///
/// # Errors
/// When it says two things, or switches to what was not asked for.
pub(super) fn receive(permitted: &mut Permitted, response: &mut Parts) -> Result<()> {
    check_switch(permitted.permit.outgoing(), response)?;
    if !is_last(response.status) {
        return mask(permitted, response);
    }
    let (status, headers) = (response.status, &response.headers);
    permitted
        .open_exchange
        .note_outcome(Outcome::Answered(status.as_u16()));
    permitted
        .open_exchange
        .note_head(permitted.permit.validity(), headers);
    permitted.extent = Extent::of(headers);
    let ends = has_no_body(permitted.permit.outgoing(), response);
    let promises = is_empty(status) && headers.contains_key(TRANSFER_ENCODING);
    mask(permitted, response)?;
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
    status.is_informational()
        || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
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

/// Leaves of a head what the agent may know.
///
/// # Errors
/// When it says two lengths.
fn mask(permitted: &Permitted, parts: &mut Parts) -> Result<()> {
    let headers = &mut parts.headers;
    remove_nominated(headers);
    for name in &HOP {
        headers.remove(name);
    }
    frame(parts.status, headers)?;
    mask_head(&permitted.permit, &permitted.open_exchange, headers);
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        headers.remove(TRANSFER_ENCODING);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    Ok(())
}

/// Notes why an exchange failed; returns the refusal for the agent, unless the agent is gone.
pub(super) fn failed(exchange: &mut Exchange, error: &Error) -> Option<RefusedExchange> {
    if let Some(refusal) = exchange.refusal.take() {
        return Some(refusal);
    }
    if exchange.is_answered() {
        // An upstream that answers early closes while the agent still sends; the agent then leaves as it likes.
        return None;
    }
    let sent = match &exchange.state {
        State::Permitted(permitted) if permitted.is_sent => Sent::Maybe,
        _ => Sent::Nothing,
    };
    let unprocessed = sent == Sent::Nothing
        && matches!(error.etype(), ErrorType::H2Error | ErrorType::H2Downgrade)
        && matches!(&exchange.state, State::Permitted(permitted) if permitted.unread > 0);
    let failure = match peer::failure(error, sent) {
        Failure::AgentLeft if exchange.is_unclear() => Failure::AgentUnclear,
        Failure::Upstream(..) if unprocessed => {
            Failure::Upstream(UpstreamError::Unprocessed, Code::UpstreamUnreachable)
        }
        failure => failure,
    };
    // The kind only: the rest of Pingora's text quotes bytes of both sides.
    tracing::warn!(
        request.id = exchange.request_id,
        error.kind = error.etype().as_str(),
        ?failure,
        "exchange failed"
    );
    let code = note_failure(exchange, failure)?;
    let mut refusal = match exchange.fault() {
        Some(fault) if code == Code::BadRequest => Refusal::from(fault),
        _ => Refusal::from(code),
    };
    if code == Code::UpstreamTimeout && sent == Sent::Maybe {
        refusal.detail += " The request was sent and may have taken effect.";
    }
    if unprocessed {
        refusal.detail = UNPROCESSED.into();
    }
    Some(exchange.refused(refusal))
}

/// Notes how an exchange has ended; returns the agent's code, or `None` if there is no answer.
fn note_failure(exchange: &mut Exchange, failure: Failure) -> Option<Code> {
    let refused = |code: Code| (Outcome::Refused(code.as_str()), code);
    let (outcome, code) = match failure {
        Failure::AgentLeft => {
            exchange.note_outcome(Outcome::AgentLeft);
            return None;
        }
        // The answer had begun, so there cannot be another.
        Failure::Idle => return None,
        Failure::AgentSlow => refused(Code::BodyTooSlow),
        Failure::AgentUnclear => refused(Code::BadRequest),
        Failure::Internal => refused(Code::Internal),
        Failure::Upstream(kind, code) => (Outcome::UpstreamFailed(kind), code),
    };
    exchange.note_outcome(outcome);
    Some(code)
}
