//! Tells whether a request opens a WebSocket, and whether its handshake carries a credential.
//!
//! INVARIANT: no other protocol switch passes, because what follows it is not HTTP and cannot be judged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method};

use super::refuse::{Code, Refusal};
pub use crate::connector::Protocol;
use crate::model::header_value;

/// Of RFC 7540 section 3.2.1.
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// In entries of `Sec-WebSocket-Protocol`: how browser clients, which cannot set headers, hand tokens over. Lower-case.
const CREDENTIAL_MARKS: [&str; 9] = [
    "api-key",
    "api_key",
    "apikey",
    "access-token",
    "access_token",
    "authorization",
    "bearer",
    "jwt",
    // The beginning of a JSON object in base64, as of every JWT.
    "eyj",
];

/// Reads what the request asks to be spoken. Runs before hop-by-hop headers are removed.
///
/// # Errors
/// `bad_request` for every request for another protocol that is not exactly RFC 6455 section 4.1.
pub(super) fn protocol(method: &Method, headers: &HeaderMap) -> Result<Protocol, Refusal> {
    let refuse = |detail: &'static str| Err(Refusal::because(Code::BadRequest, detail));
    if headers.contains_key(HTTP2_SETTINGS) {
        return refuse("Switching to HTTP/2 inside a connection is not available.");
    }
    let Some(upgrade) = headers.get(UPGRADE) else {
        return Ok(Protocol::Http);
    };
    let is_websocket = upgrade.as_bytes().eq_ignore_ascii_case(b"websocket");
    if !is_websocket || headers.get_all(UPGRADE).iter().count() > 1 {
        return refuse("The only protocol that can be switched to is `websocket`.");
    }
    if method != Method::GET {
        return refuse("A WebSocket is opened by GET.");
    }
    if !nominates_upgrade(headers) {
        return refuse("`Upgrade` is there, but `Connection` does not name it.");
    }
    let no_length = headers
        .get_all(CONTENT_LENGTH)
        .iter()
        .all(|length| length == "0");
    if headers.contains_key(TRANSFER_ENCODING) || !no_length {
        return refuse("A WebSocket is opened without a body.");
    }
    if only(headers, &SEC_WEBSOCKET_VERSION) != Some("13") {
        return refuse("`Sec-WebSocket-Version` is not 13.");
    }
    // What `Connection` nominates would be removed after this.
    let key = only(headers, &SEC_WEBSOCKET_KEY).and_then(|key| STANDARD.decode(key).ok());
    if key.is_none_or(|key| key.len() != 16) {
        return refuse("`Sec-WebSocket-Key` is not 16 bytes in base64.");
    }
    Ok(Protocol::WebSocket)
}

/// Refuses a subprotocol that carries a credential. It cannot be taken out without changing what the two sides agree to speak.
///
/// `marks` are the connector's own: an entry that is one, or begins with one that ends in `*`.
pub(super) fn check_subprotocols(headers: &HeaderMap, marks: &[String]) -> Result<(), Refusal> {
    let entries = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .flat_map(|value| header_value::entries(value.as_bytes()))
        .map(|entry| String::from_utf8_lossy(entry).to_ascii_lowercase());
    for entry in entries {
        let by_connector = marks.iter().any(|mark| match mark.strip_suffix('*') {
            Some(prefix) => entry.starts_with(prefix),
            None => entry == *mark,
        });
        if by_connector || CREDENTIAL_MARKS.iter().any(|mark| entry.contains(mark)) {
            let detail = "An entry of `Sec-WebSocket-Protocol` carries a credential; leave it out, the gateway has its own.";
            return Err(Refusal::because(Code::ClientCredential, detail));
        }
    }
    Ok(())
}

fn nominates_upgrade(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| header_value::entries(value.as_bytes()))
        .any(|name| name.eq_ignore_ascii_case(b"upgrade"))
}

/// Returns the text of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}
