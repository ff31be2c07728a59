//! Checks the head of a request of HTTP/2 by the rules of HTTP/1.1, and writes it as the `h2` crate and Pingora take it.
//!
//! A head that is refused is written as another one, so that the request comes to where it is answered and recorded.

use std::str::from_utf8;

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue};

use super::header;
use super::hpack::{Field, Fields, put_field, put_indexed, put_whole};
use crate::model::header_value::trim_bytes;
use crate::model::target::{Authority, Host};
use crate::proxy::connection::{Connection, Via};
use crate::proxy::head::{self, Body, Fault, RequestLine};
use crate::proxy::streams::MARK;

/// Indexes of pseudo-headers in the static table.
const AUTHORITY: usize = 1;
const GET: usize = 2;
const PATH: usize = 4;
const HTTP: usize = 6;
const HTTPS: usize = 7;

/// A head that was checked.
#[derive(Debug)]
pub(super) struct Checked {
    /// Length of the body that `Content-Length` declares.
    pub(super) declared: Option<u64>,
}

/// The pseudo-headers of a request.
#[derive(Debug, Default)]
struct Pseudo<'a> {
    method: Option<Field<'a>>,
    scheme: Option<Field<'a>>,
    authority: Option<Field<'a>>,
    path: Option<Field<'a>>,
}

/// A stream whose head was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub(super) id: u32,
    /// It has ended with its head.
    pub(super) ended: bool,
}

/// Checks a head, and writes the block of one that means the same.
///
/// # Errors
/// What the agent reads. Then the block is not to be used.
pub(super) fn check(
    fields: &Fields,
    opened: Opened,
    connection: &Connection,
    block: &mut Vec<u8>,
) -> Result<Checked, Fault> {
    if fields.is_over() {
        return Err(LONG.into());
    }
    let (pseudo, count) = Pseudo::read(fields)?;
    if fields.len() - count > head::MAX_HEADERS {
        return Err("the request has over 256 headers".into());
    }
    let method = pseudo.method.ok_or("`:method` is missing")?;
    let scheme = pseudo.scheme.map(|field| field.value);
    // CONNECT has neither scheme nor path, and is refused for what it is.
    let path = pseudo.path.map_or(&b"/"[..], |field| field.value);
    let line = RequestLine::new(text(method.value)?, text(path)?)?;
    if pseudo.path.is_none() {
        return Err("`:path` is missing".into());
    }
    if !path.starts_with(b"/") && path != b"*" {
        return Err("`:path` is not a path".into());
    }
    let scheme = match scheme {
        Some(scheme) if scheme.eq_ignore_ascii_case(b"https") => HTTPS,
        Some(scheme) if scheme.eq_ignore_ascii_case(b"http") => HTTP,
        Some(_) => return Err("only `http` and `https` URLs are available".into()),
        None => return Err("`:scheme` is missing".into()),
    };
    method.put(block, method.value);
    put_whole(block, scheme);
    let growth = put_path(block, &line, path);
    if !fields.has_room(growth) {
        return Err(LONG.into());
    }
    let map = framing(fields, count)?;
    head::check_framing(&map)?;
    line.check_names(map.get(HOST))?;
    let named = names(&pseudo, map.get(HOST), connection)?;
    if let Some(authority) = pseudo.authority {
        put_indexed(block, AUTHORITY, authority.value);
    }
    put_headers(block, fields.iter().skip(count), named);
    mark(block, opened.id);
    let declared = match line.body(&map)? {
        Body::Sized(length) => map.contains_key(CONTENT_LENGTH).then_some(length),
        Body::Chunked => None,
    };
    if opened.ended && declared.is_some_and(|length| length > 0) {
        return Err(SHORT.into());
    }
    Ok(Checked { declared })
}

const LONG: &str = "the request head is over 64 KiB";

/// Why a body is refused that ends too early.
pub(super) const SHORT: &str = "the body is shorter than `Content-Length`";

/// Writes a head that stands for one that is refused.
pub(super) fn put_refused(
    fields: &Fields,
    opened: Opened,
    connection: &Connection,
    block: &mut Vec<u8>,
) {
    let method = fields.iter().find(|field| field.name == b":method");
    // Its answer has no body.
    match method.filter(|field| field.value == b"HEAD") {
        Some(head) => head.put(block, head.value),
        None => put_whole(block, GET),
    }
    put_whole(block, HTTPS);
    put_whole(block, PATH);
    if let Via::Tunnel(tunnel) = &connection.via {
        put_indexed(block, AUTHORITY, tunnel.authority.to_string().as_bytes());
    }
    mark(block, opened.id);
}

impl<'a> Pseudo<'a> {
    /// Reads the pseudo-headers; returns how many there are.
    fn read(fields: &'a Fields) -> Result<(Self, usize), Fault> {
        let mut pseudo = Self::default();
        let mut count = 0;
        for field in fields
            .iter()
            .take_while(|field| field.name.starts_with(b":"))
        {
            count += 1;
            let place = match field.name {
                b":method" => &mut pseudo.method,
                b":scheme" => &mut pseudo.scheme,
                b":authority" => &mut pseudo.authority,
                b":path" => &mut pseudo.path,
                b":protocol" => return Err("extended CONNECT is not available here".into()),
                _ => return Err("the request has an unknown pseudo-header".into()),
            };
            if place.replace(field).is_some() {
                return Err("a pseudo-header is there twice".into());
            }
        }
        Ok((pseudo, count))
    }
}

/// Reads all headers; returns those that say how the request is cut, or which agent sends it.
fn framing(fields: &Fields, count: usize) -> Result<HeaderMap, Fault> {
    let mut map = HeaderMap::new();
    for field in fields.iter().skip(count) {
        let value = header::check(field)?;
        let name = match field.name {
            b"host" => HOST,
            b"content-length" => CONTENT_LENGTH,
            _ => continue,
        };
        let value = HeaderValue::from_bytes(value).map_err(|_| "a header has a bad value")?;
        map.append(name, value);
    }
    Ok(map)
}

/// What names the host of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    ByAuthority,
    ByHost,
}

/// Compares the names of the host with each other; the connection's own is compared where all requests are received.
fn names(
    pseudo: &Pseudo<'_>,
    host: Option<&HeaderValue>,
    connection: &Connection,
) -> Result<Named, Fault> {
    const PORT: u16 = 443;
    let Some(authority) = pseudo.authority else {
        return match host {
            Some(_) => Ok(Named::ByHost),
            None => Err("the request does not name its host".into()),
        };
    };
    let authority = text(authority.value)?;
    match host {
        None if is_usual(authority, connection) => {}
        None => drop(head::read_name(authority, PORT)?),
        Some(host) => head::compare_names(authority, host, PORT)?,
    }
    Ok(Named::ByAuthority)
}

/// Returns whether this is the host of the tunnel in its usual spelling.
fn is_usual(text: &str, connection: &Connection) -> bool {
    match &connection.via {
        Via::Tunnel(tunnel) => is_host(&tunnel.authority, text),
        Via::Direct => false,
    }
}

fn is_host(authority: &Authority, text: &str) -> bool {
    match &authority.host {
        Host::Name(name) => &**name == text,
        Host::Ip(_) => false,
    }
}

/// Writes `:path`, what is only unusual in it escaped; returns by how many bytes that is longer.
fn put_path(block: &mut Vec<u8>, line: &RequestLine<'_>, path: &[u8]) -> usize {
    if path == b"/" {
        put_whole(block, PATH);
        return 0;
    }
    if !line.is_unusual() {
        put_indexed(block, PATH, path);
        return 0;
    }
    let mut escaped = Vec::with_capacity(path.len() + 64);
    line.put_target(&mut escaped);
    put_indexed(block, PATH, &escaped);
    escaped.len() - path.len()
}

/// Writes the headers; without a `Host` that says the same again, and without the length that the `h2` crate need not know.
fn put_headers<'a>(block: &mut Vec<u8>, headers: impl Iterator<Item = Field<'a>>, named: Named) {
    for field in headers {
        let again = field.name == b"host" && named == Named::ByAuthority;
        if !again && field.name != b"content-length" {
            field.put(block, trim_bytes(field.value));
        }
    }
}

fn mark(block: &mut Vec<u8>, id: u32) {
    put_field(block, MARK.as_bytes(), id.to_string().as_bytes());
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    from_utf8(bytes).map_err(|_| "a pseudo-header is not UTF-8".into())
}
