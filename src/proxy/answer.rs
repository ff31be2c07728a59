//! Answer: an upstream's head, or its failure, in; what the agent may know of it out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, CONTENT_LENGTH, PROXY_AUTHENTICATE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    TRANSFER_ENCODING, UPGRADE,
};
use http::response::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, Version};
use pingora::http::ResponseHeader;
use pingora::{Error, ErrorType, Result};
use sha1::{Digest as _, Sha1};

use super::exchange::{Exchange, Permitted, State};
use super::peer::{self, Failure};
use crate::pipeline::Outgoing;
use crate::pipeline::mask::mask_head;
use crate::pipeline::record::Outcome;
use crate::pipeline::refuse::{Code, Refusal};
use crate::pipeline::websocket::Protocol;

/// Meant for us, or sets the agent's connection to us: not passed on.
const HOP: [HeaderName; 6] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authentication-info"),
];

/// Returns whether no other head follows one with this status.
pub(super) fn is_last(status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || !status.is_informational()
}

/// Returns whether an answer ends with its head (RFC 9110 section 6.4.1, RFC 9112 section 6.3).
pub(super) fn has_no_body(outgoing: &Outgoing, response: &ResponseHeader) -> bool {
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
pub(super) fn check_switch(outgoing: &Outgoing, response: &ResponseHeader) -> Result<()> {
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
    let error = Error::explain(
        ErrorType::InvalidHTTPHeader,
        "a switch of protocols that was not asked for",
    );
    Err(error.into_up())
}

/// RFC 6455 section 4.2.2, item 5.4.
fn accept_of(key: &[u8]) -> String {
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// Rebuilds the head: Pingora keeps names twice, so headers cannot be changed in place. Without the second names they go
/// out in their usual spelling.
///
/// # Errors
/// Never; the builder is fallible.
pub(super) fn mask(permitted: &Permitted, response: &mut ResponseHeader) -> Result<()> {
    let empty = ResponseHeader::build_no_case(StatusCode::OK, Some(0))?;
    let mut parts = Parts::from(std::mem::replace(response, empty));
    for name in &HOP {
        parts.headers.remove(name);
    }
    mask_head(&permitted.permit, &permitted.ticket, &mut parts.headers);
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        parts.headers.remove(TRANSFER_ENCODING);
        let headers = &mut parts.headers;
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    *response = ResponseHeader::from(parts);
    Ok(())
}

/// Notes why an exchange failed; returns what the agent reads, unless it is gone.
pub(super) fn failed(exchange: &mut Exchange, error: &Error) -> Option<Refusal> {
    if let Some(refusal) = exchange.refusal.take() {
        return Some(refusal);
    }
    if exchange.is_answered() {
        // An upstream that answers early closes while the agent still sends; the agent then leaves as it likes.
        return None;
    }
    let failure = peer::failure(error);
    // The kind only: the rest of Pingora's text quotes bytes of both sides.
    tracing::warn!(
        request.id = exchange.request_id,
        error.kind = error.etype().as_str(),
        ?failure,
        "exchange failed"
    );
    let code = match failure {
        Failure::AgentLeft => {
            exchange.note_outcome(Outcome::AgentLeft);
            return None;
        }
        // The answer had begun; nobody reads another.
        Failure::Idle => return None,
        Failure::AgentSlow => {
            exchange.note_outcome(Outcome::Refused(Code::BodyTooSlow.as_str()));
            Code::BodyTooSlow
        }
        Failure::AgentUnclear => {
            exchange.note_outcome(Outcome::Refused(Code::BadRequest.as_str()));
            Code::BadRequest
        }
        Failure::Upstream(kind, code) => {
            exchange.note_outcome(Outcome::UpstreamFailed(kind));
            code
        }
        Failure::Internal => {
            exchange.note_outcome(Outcome::Refused(Code::Internal.as_str()));
            Code::Internal
        }
    };
    let refusal = Refusal::new(code, &exchange.request_id);
    Some(match &exchange.state {
        State::Permitted(permitted) => permitted.permit.dress(refusal),
        State::Refused => refusal,
    })
}
