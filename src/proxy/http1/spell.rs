//! Spells the head of a permitted request for one attempt, with its credential, in HTTP/1.1 or HTTP/2.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use pingora::http::RequestHeader;
use pingora::{Error, ErrorType, Result};

use super::flight::Flight;
use super::lane::Lane;
use super::request::RequestState;
use super::shape::{Shape, put_header, put_request_line};
use crate::pipeline::inject::{Injected, inject};
use crate::pipeline::websocket::Protocol;
use crate::proxy::exchange::Permitted;
use crate::proxy::upstream::{self, Framing, RESERVED};

/// As much as nearly every head takes, and a small body behind it.
const HEAD_ROOM: usize = 4096;

/// A head of HTTP/1.1, as it is sent.
pub(super) struct Http1Head {
    pub(super) bytes: BytesMut,
    /// How the body behind it is delimited.
    pub(super) shape: Shape,
    pub(super) is_head: bool,
}

impl Lane<'_> {
    /// Puts the credential on, and writes the head for a connection of HTTP/1.1.
    pub(super) fn http1_head(&self, flight: &mut Flight) -> Result<Http1Head> {
        let injected = self.injected(flight)?;
        let Some(permitted) = flight.exchange.permitted() else {
            return Err(unpermitted());
        };
        let outgoing = permitted.permit.outgoing();
        let query = injected.query().or(outgoing.query.as_deref());
        let path = injected.path().unwrap_or(&outgoing.path);
        if !is_target(path) || !query.is_none_or(is_target) {
            return Err(internal("a target that would be another request"));
        }
        let mut bytes = BytesMut::with_capacity(HEAD_ROOM);
        put_request_line(&mut bytes, &outgoing.method, (path, query));
        let fields_from = bytes.len();
        let put_on = injected.headers();
        let is_put_on = |name: &HeaderName| put_on.iter().any(|(put_on, _)| put_on == name);
        for (name, value) in &outgoing.headers {
            if !RESERVED.contains(name) && !is_put_on(name) {
                put_header(&mut bytes, name, value.as_bytes());
            }
        }
        for (name, value) in put_on {
            put_header(&mut bytes, name, value.as_bytes());
        }
        let shape = put_framing(&mut bytes, permitted, &flight.state);
        let target = path.len() + query.map_or(0, |query| query.len() + 1);
        let fields = bytes.len() - fields_from;
        bytes.put_slice(b"\r\n");
        let head = Http1Head {
            bytes,
            shape,
            is_head: outgoing.method == Method::HEAD,
        };
        begin(flight, target + fields);
        Ok(head)
    }

    /// Puts the credential on, and returns the head for a stream of HTTP/2.
    pub(super) fn http2_head(&self, flight: &mut Flight, tls: bool) -> Result<Box<RequestHeader>> {
        let injected = self.injected(flight)?;
        let Some(permitted) = flight.exchange.permitted() else {
            return Err(unpermitted());
        };
        let mut outgoing = permitted.permit.outgoing().clone();
        injected.put_on(&mut outgoing);
        let method = outgoing.method.clone();
        let (headers, target) = upstream::spell(outgoing, permitted.framing, Version::HTTP_2);
        if !is_target(&target) {
            return Err(internal("a target that would be another request"));
        }
        let fields = headers.iter();
        let fields: usize = fields
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        begin(flight, target.len() + fields);
        http2_header(method, &target, headers, tls)
    }

    fn injected(&self, flight: &mut Flight) -> Result<Injected> {
        let gateway = &self.services.gateway;
        let exchange = &mut flight.exchange;
        // Connecting may have taken its time.
        exchange.check_validity(gateway)?;
        let Some(permitted) = exchange.permitted() else {
            return Err(unpermitted());
        };
        inject(gateway, &permitted.permit).map_err(|refusal| {
            exchange.end(refusal);
            internal("refused while injecting")
        })
    }
}

/// Notes that from here on the upstream may have seen the request.
fn begin(flight: &mut Flight, head: usize) {
    let replayed = flight.judged.as_ref().map_or(0, Bytes::len);
    let owes = flight.judged.is_none() && !flight.state.incoming.is_ended();
    let Some(permitted) = flight.exchange.permitted() else {
        return;
    };
    permitted.is_sent = true;
    permitted.open_exchange.note_sent((head + replayed) as u64);
    flight.progress.begin(owes, permitted.extent);
}

/// Writes what delimits the body; returns how it is delimited.
fn put_framing(out: &mut BytesMut, permitted: &Permitted, state: &RequestState) -> Shape {
    let outgoing = permitted.permit.outgoing();
    let framing = permitted.framing;
    if outgoing.protocol == Protocol::WebSocket {
        put_header(out, &CONNECTION, b"Upgrade");
        put_header(out, &UPGRADE, b"websocket");
    } else if let Some(length) = upstream::content_length(framing, &outgoing.method) {
        put_header(out, &CONTENT_LENGTH, HeaderValue::from(length).as_bytes());
    }
    match framing {
        // The agent has sent it so, and its length is not known.
        Framing::Streamed(None) if state.incoming.is_chunked => {
            put_header(out, &TRANSFER_ENCODING, b"chunked");
            Shape::Chunked
        }
        Framing::Replayed(length) if length > 0 => Shape::Sized(length as u64),
        Framing::Streamed(Some(length)) if length > 0 => Shape::Sized(length),
        Framing::Replayed(_) | Framing::Streamed(_) => Shape::Empty,
    }
}

/// Returns whether a part of a target is nothing but that.
fn is_target(part: &str) -> bool {
    !part.bytes().any(|byte| byte <= b' ' || byte == 0x7f)
}

/// Returns a head for HTTP/2: some servers want no `Host` beside `:authority` (RFC 9113 section 8.3.1).
fn http2_header(
    method: Method,
    target: &str,
    mut headers: HeaderMap,
    tls: bool,
) -> Result<Box<RequestHeader>> {
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

fn unpermitted() -> Box<Error> {
    internal("a request without a permit was about to be sent")
}

fn internal(what: &'static str) -> Box<Error> {
    Error::explain(ErrorType::InternalError, what)
}
