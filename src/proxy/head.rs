//! Parses the head of a connection's first request, or of a later one, or says why it is malformed.
//!
//! Plain functions of bytes. What servers read in two ways is refused here, before anything looks at a value.

mod line;
#[cfg(test)]
mod oracle;

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
pub(super) use line::{RequestLine, compare_names, read_name};
use memchr::memchr3_iter;

use crate::model::header_value;
use crate::pipeline::refuse::{Code, Refusal};

/// As many as Pingora takes.
pub(super) const MAX_HEADERS: usize = 256;

/// Longest head of a request in a connection, in bytes; HTTP/2 has the same limit in its settings.
pub(super) const MAX_HEAD: usize = 64 * 1024;

/// As many as nearly every request has; room for more is made when there are more.
const USUAL_HEADERS: usize = 48;

/// The first head of a connection.
#[derive(Debug)]
pub(super) enum First {
    /// A request to open a tunnel.
    Connect(Connect),
    /// Any other request; Pingora reads it again.
    Other(HeaderMap),
}

/// The head of a CONNECT.
#[derive(Debug)]
pub(super) struct Connect {
    /// The target as sent.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    /// HTTP/1.1, so that another request may follow a refusal.
    pub(super) persistent: bool,
}

/// A head that was checked.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// As sent, but for what is unusual in it, which is escaped.
    pub(super) target: String,
    /// HTTP/1.1 or HTTP/1.0; no other version is read.
    pub(super) version: Version,
    /// Values share the memory of the head.
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    /// The whole head, where Pingora would not take it as it is.
    pub(super) respelled: Option<Vec<u8>>,
}

/// How a request's body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// After so many bytes.
    Sized(u64),
    Chunked,
}

/// The reason why a head is refused.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) detail: Cow<'static, str>,
}

impl From<&Fault> for Refusal {
    fn from(fault: &Fault) -> Self {
        Self::because(fault.code, fault.detail.clone())
    }
}

impl From<&'static str> for Fault {
    fn from(detail: &'static str) -> Self {
        Self {
            code: Code::BadRequest,
            detail: detail.into(),
        }
    }
}

/// Returns the length of the head at the start of `bytes`, once it is complete.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    length_from(bytes, 0)
}

/// Returns the same, where no head ends in so many bytes at the start.
pub(super) fn length_from(bytes: &[u8], known: usize) -> Option<usize> {
    // An end may have begun in what is known.
    let known = known.saturating_sub(2);
    let fresh = bytes.get(known..)?;
    // A bare LF ends a head for many servers; it is found here so that it can be refused.
    let end = memchr::memchr_iter(b'\n', fresh).find_map(|at| match fresh.get(at + 1..) {
        Some([b'\n', ..]) => Some(at + 2),
        Some([b'\r', b'\n', ..]) => Some(at + 3),
        _ => None,
    });
    end.map(|end| known + end)
}

/// Reads the first head of a connection.
///
/// # Errors
/// One sentence for the agent.
pub(super) fn first(head: &[u8]) -> Result<First, &'static str> {
    check_lines(head)?;
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err("the request head is incomplete"),
        Err(_) => return Err("this is not an HTTP request"),
    }
    let mut map = HeaderMap::with_capacity(request.headers.len());
    for header in request.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| "a header has a bad name")?;
        let value =
            HeaderValue::from_bytes(header.value).map_err(|_| "a header has a bad value")?;
        map.append(name, value);
    }
    check_framing(&map)?;
    if request.method != Some("CONNECT") {
        return Ok(First::Other(map));
    }
    if map.contains_key(TRANSFER_ENCODING) || map.contains_key(CONTENT_LENGTH) {
        return Err("CONNECT has no body");
    }
    let target = request.path.unwrap_or_default().to_owned();
    Ok(First::Connect(Connect {
        target,
        headers: map,
        persistent: request.version == Some(1),
    }))
}

/// Reads a head as received in a connection; there is one reading, and all else is refused.
///
/// # Errors
/// What the agent reads.
pub(super) fn read(head: &Bytes) -> Result<Request, Fault> {
    if head.len() > MAX_HEAD {
        return Err("the request head is over 64 KiB".into());
    }
    check_lines(head)?;
    let end = memchr::memchr(b'\n', head).map_or(head.len(), |at| at + 1);
    let (line, rest) = head.split_at_checked(end).unwrap_or((head, &[]));
    let line = RequestLine::parse(line.strip_suffix(b"\r\n").unwrap_or(line))?;
    let headers = read_headers(head, rest)?;
    check_framing(&headers)?;
    let body = line.body(&headers)?;
    let host = line.check_names(headers.get(HOST))?;
    let respells = host.is_some() || line.is_unusual();
    let respelled = respells.then(|| line.respell(head, host));
    Ok(Request {
        method: line.method()?,
        target: line.target(),
        version: line.version(),
        headers,
        body,
        respelled,
    })
}

/// Reads the headers behind a request line.
fn read_headers(head: &Bytes, lines: &[u8]) -> Result<HeaderMap, &'static str> {
    let mut few = [httparse::EMPTY_HEADER; USUAL_HEADERS];
    match httparse::parse_headers(lines, &mut few) {
        Err(httparse::Error::TooManyHeaders) => {
            let mut many = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
            collect(head, httparse::parse_headers(lines, &mut many))
        }
        parsed => collect(head, parsed),
    }
}

fn collect(
    head: &Bytes,
    parsed: httparse::Result<(usize, &[httparse::Header<'_>])>,
) -> Result<HeaderMap, &'static str> {
    let headers = match parsed {
        Ok(httparse::Status::Complete((_, headers))) => headers,
        Ok(httparse::Status::Partial) => return Err("the request head is incomplete"),
        Err(httparse::Error::TooManyHeaders) => return Err("the request has over 256 headers"),
        Err(httparse::Error::HeaderName) => return Err("a header has a bad name"),
        Err(_) => return Err("a header has a bad value"),
    };
    let mut map = HeaderMap::with_capacity(headers.len() + 4);
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| "a header has a bad name")?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(header.value))
            .map_err(|_| "a header has a bad value")?;
        map.append(name, value);
    }
    Ok(map)
}

/// Returns the value of a header without the white space around it.
///
/// # Errors
/// When it has a control character (RFC 9110 section 5.5).
pub(super) fn value(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let value = header_value::trim_bytes(bytes);
    let bad = |byte: &u8| *byte < b' ' && *byte != b'\t' || *byte == 0x7f;
    if value.iter().any(bad) {
        return Err("a header has a bad value");
    }
    Ok(value)
}

/// RFC 9112 sections 2.2 and 5.2.
fn check_lines(head: &[u8]) -> Result<(), &'static str> {
    if let Some(b' ' | b'\t' | b'\r') = head.first() {
        return Err("the request head starts with white space");
    }
    for at in memchr3_iter(0, b'\r', b'\n', head) {
        let (here, rest) = head.split_at_checked(at).unwrap_or((head, &[]));
        match (here.last(), rest) {
            (_, [0, ..] | [b'\r', 0, ..]) => return Err("the request head has a NUL"),
            (_, [b'\r', b'\n', ..] | [b'\r']) => {}
            (_, [b'\r', ..]) => return Err("the request head has a bare CR"),
            (Some(b'\r'), [b'\n', b' ' | b'\t', ..]) => {
                return Err("a header is folded over several lines");
            }
            (Some(b'\r'), _) => {}
            (_, _) => return Err("a line of the request head ends in a bare LF"),
        }
    }
    Ok(())
}

/// RFC 9112 section 6.1: a request that can be cut in two ways is an attack. RFC 9110 section 7.6.1: `Host` is for every hop,
/// so one that is nominated for removal would leave the host to the next reader.
///
/// # Errors
/// One sentence for the agent.
pub(super) fn check_framing(headers: &HeaderMap) -> Result<(), &'static str> {
    let count = |name| headers.get_all(name).iter().count();
    let lengths = count(CONTENT_LENGTH);
    let codings = count(TRANSFER_ENCODING);
    if lengths > 0 && codings > 0 {
        return Err("`Content-Length` and `Transfer-Encoding` are both present");
    }
    if lengths > 1 || codings > 1 || count(HOST) > 1 {
        return Err("`Host`, `Content-Length` or `Transfer-Encoding` is there twice");
    }
    let mut nominated = headers.get_all(CONNECTION).iter();
    if nominated.any(|value| names(value.as_bytes(), HOST.as_str())) {
        return Err("`Connection` names `Host`");
    }
    let coding = headers.get(TRANSFER_ENCODING);
    if coding.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err("the only transfer coding is `chunked`");
    }
    let length = headers.get(CONTENT_LENGTH);
    if length
        .is_some_and(|value| value.is_empty() || !value.as_bytes().iter().all(u8::is_ascii_digit))
    {
        return Err("`Content-Length` is not a number");
    }
    Ok(())
}

fn names(list: &[u8], name: &str) -> bool {
    header_value::entries(list).any(|entry| entry.eq_ignore_ascii_case(name.as_bytes()))
}
