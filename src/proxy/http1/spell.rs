//! Spell: a permitted request in, its head for one attempt, with its credential, out; for HTTP/1.1 or HTTP/2.

use bytes::Bytes;
use http::header::{HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use pingora::http::RequestHeader;
use pingora::{Error, ErrorType, Result};

use super::connect::Link;
use super::flight::Flight;
use super::lane::Lane;
use super::request::RequestState;
use super::shape::Shape;
use crate::pipeline::inject::inject;
use crate::proxy::exchange::Permitted;
use crate::proxy::upstream::{self, Framing};

/// How a request is spelled for one attempt.
pub(super) struct Spelled {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
}

impl Lane<'_> {
    /// Puts the credential on, and spells the request for its connection.
    pub(super) fn spell(&self, flight: &mut Flight, link: &Link) -> Result<Spelled> {
        let gateway = &self.services.gateway;
        let exchange = &mut flight.exchange;
        // Connecting may have taken its time.
        exchange.check_validity(gateway)?;
        let Some(permitted) = exchange.permitted() else {
            return Err(internal("a request without a permit was about to be sent"));
        };
        let mut outgoing = permitted.permit.outgoing().clone();
        if let Err(refusal) = inject(gateway, &permitted.permit, &mut outgoing) {
            exchange.end(refusal);
            return Err(internal("refused while injecting"));
        }
        let version = match link {
            Link::Http1(_) => Version::HTTP_11,
            Link::Http2(..) => Version::HTTP_2,
        };
        let method = outgoing.method.clone();
        let (mut headers, target) = upstream::spell(outgoing, permitted.framing, version);
        if target.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(internal("a target that would be another request"));
        }
        if version == Version::HTTP_11 && is_chunked(permitted, &flight.state) {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let fields = headers.iter();
        let fields: usize = fields
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        let replayed = flight.judged.as_ref().map_or(0, Bytes::len);
        // From here on the upstream may have seen it.
        permitted.is_sent = true;
        permitted
            .open_exchange
            .note_sent((target.len() + fields + replayed) as u64);
        let owes = flight.judged.is_none() && !flight.state.incoming.is_ended();
        flight.progress.begin(owes, permitted.extent);
        Ok(Spelled {
            method,
            target,
            headers,
        })
    }
}

/// Returns whether the body goes out in chunks: the agent has sent it so, and its length is not known.
fn is_chunked(permitted: &Permitted, state: &RequestState) -> bool {
    permitted.framing == Framing::Streamed(None) && state.incoming.is_chunked
}

/// Returns how the body goes out over HTTP/1.1.
pub(super) fn shape_of(flight: &mut Flight, spelled: &Spelled) -> Shape {
    if spelled.headers.contains_key(TRANSFER_ENCODING) {
        return Shape::Chunked;
    }
    let permitted = flight.exchange.permitted();
    match permitted.map(|permitted| permitted.framing) {
        Some(Framing::Replayed(length)) if length > 0 => Shape::Sized(length as u64),
        Some(Framing::Streamed(Some(length))) if length > 0 => Shape::Sized(length),
        _ => Shape::Empty,
    }
}

/// Returns a head for HTTP/2: some servers want no `Host` beside `:authority` (RFC 9113 section 8.3.1).
pub(super) fn http2_header(spelled: Spelled, tls: bool) -> Result<Box<RequestHeader>> {
    let Spelled {
        method,
        target,
        mut headers,
    } = spelled;
    let unspellable = |_| internal("a request cannot be spelled in HTTP/2");
    let Some(host) = headers.remove(HOST) else {
        return Err(internal("a request without a host"));
    };
    let uri = Uri::builder()
        .scheme(if tls { "https" } else { "http" })
        .authority(host.as_bytes())
        .path_and_query(target)
        .build()
        .map_err(unspellable)?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method;
    parts.uri = uri;
    parts.version = Version::HTTP_2;
    parts.headers = headers;
    Ok(Box::new(RequestHeader::from(parts)))
}

fn internal(what: &'static str) -> Box<Error> {
    Error::explain(ErrorType::InternalError, what)
}
