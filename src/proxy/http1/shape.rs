//! Delimits bodies in HTTP/1.1, towards agents and upstreams (RFC 9112 section 6).

use std::fmt::Write as _;

use bytes::{BufMut as _, BytesMut};
use http::header::{
    ACCEPT_RANGES, AGE, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
    DATE, HOST, SERVER, SET_COOKIE, TRANSFER_ENCODING,
};
use http::response::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode, Version};
use pingora::protocols::http::date::get_cached_date;

use crate::proxy::status::has_no_content;

/// How a body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The message has no body.
    Empty,
    /// After so many bytes.
    Sized(u64),
    Chunked,
    /// At the end of the connection.
    Close,
}

/// More bytes than were declared.
#[derive(Debug)]
pub(super) struct TooLong;

/// What of a request says how it is answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    pub(super) version: Version,
    pub(super) is_head: bool,
}

impl Shape {
    /// Returns how an answer is delimited for an agent.
    pub(super) fn of(asker: Asker, status: StatusCode, headers: &HeaderMap) -> Self {
        if asker.is_head || has_no_content(status) || status.is_informational() {
            return Self::Empty;
        }
        let length = headers.get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        match length {
            Some(0) => Self::Empty,
            Some(length) if !headers.contains_key(TRANSFER_ENCODING) => Self::Sized(length),
            _ if asker.version == Version::HTTP_11 => Self::Chunked,
            _ => Self::Close,
        }
    }

    /// Writes a piece of a body.
    pub(super) fn put(&mut self, out: &mut BytesMut, piece: &[u8]) -> Result<(), TooLong> {
        match self {
            Self::Empty if piece.is_empty() => {}
            Self::Empty => return Err(TooLong),
            Self::Sized(_) => {
                self.count(piece)?;
                out.put_slice(piece);
            }
            Self::Chunked if piece.is_empty() => {}
            Self::Chunked => {
                // Writing to memory does not fail.
                let _ = write!(out, "{:x}\r\n", piece.len());
                out.put_slice(piece);
                out.put_slice(b"\r\n");
            }
            Self::Close => out.put_slice(piece),
        }
        Ok(())
    }

    /// Counts a piece that is written as it is.
    pub(super) fn count(&mut self, piece: &[u8]) -> Result<(), TooLong> {
        if let Self::Sized(left) = self {
            *left = left.checked_sub(piece.len() as u64).ok_or(TooLong)?;
        }
        Ok(())
    }

    /// Writes the end of a body. Returns whether it is whole.
    pub(super) fn end(self, out: &mut BytesMut) -> bool {
        if self == Self::Chunked {
            out.put_slice(b"0\r\n\r\n");
        }
        matches!(
            self,
            Self::Empty | Self::Sized(0) | Self::Chunked | Self::Close
        )
    }
}

/// Writes the head of an answer. The headers that delimit it are ours; `Date` is the upstream's, where it has one.
pub(super) fn put_answer(
    out: &mut BytesMut,
    (parts, shape): (&Parts, Shape),
    asker: Asker,
    keeps: bool,
) {
    put_status(out, parts.status);
    let informs = parts.status.is_informational();
    let hides =
        |name: &HeaderName| *name == TRANSFER_ENCODING && !asker.is_head || *name == CONNECTION;
    for (name, value) in parts.headers.iter().filter(|(name, _)| !hides(name)) {
        put_header(out, name, value.as_bytes());
    }
    if !informs && !parts.headers.contains_key(DATE) {
        put_header(out, &DATE, get_cached_date().as_bytes());
    }
    if shape == Shape::Chunked {
        put_header(out, &TRANSFER_ENCODING, b"chunked");
    }
    if !informs {
        put_connection(out, keeps);
    }
    out.put_slice(b"\r\n");
}

/// Says what becomes of a connection (RFC 9112 section 9.3).
fn put_connection(out: &mut BytesMut, keeps: bool) {
    let says: &[u8] = if keeps { b"keep-alive" } else { b"close" };
    put_header(out, &CONNECTION, says);
}

fn put_status(out: &mut BytesMut, status: StatusCode) {
    out.put_slice(b"HTTP/1.1 ");
    out.put_slice(status.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.put_slice(b"\r\n");
}

/// Writes the first line of a request, whose target is a path and a query.
pub(super) fn put_request_line(
    out: &mut BytesMut,
    method: &Method,
    (path, query): (&str, Option<&str>),
) {
    out.put_slice(method.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(path.as_bytes());
    if let Some(query) = query {
        out.put_u8(b'?');
        out.put_slice(query.as_bytes());
    }
    out.put_slice(b" HTTP/1.1\r\n");
}

/// Writes one header line, its name in the usual spelling.
pub(super) fn put_header(out: &mut BytesMut, name: &HeaderName, value: &[u8]) {
    out.put_slice(usual(name).as_bytes());
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

/// Returns the spelling of a name that old clients and servers look for.
fn usual(name: &HeaderName) -> &str {
    match *name {
        ACCEPT_RANGES => "Accept-Ranges",
        AGE => "Age",
        CACHE_CONTROL => "Cache-Control",
        CONNECTION => "Connection",
        CONTENT_ENCODING => "Content-Encoding",
        CONTENT_LENGTH => "Content-Length",
        CONTENT_TYPE => "Content-Type",
        DATE => "Date",
        HOST => "Host",
        SERVER => "Server",
        SET_COOKIE => "Set-Cookie",
        TRANSFER_ENCODING => "Transfer-Encoding",
        _ => name.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const ASKER: Asker = Asker {
        version: Version::HTTP_11,
        is_head: false,
    };

    const OLD: Asker = Asker {
        version: Version::HTTP_10,
        is_head: false,
    };

    fn headers(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn an_answer_is_delimited_by_one_thing() {
        let length = headers(&[(CONTENT_LENGTH, "5")]);
        let none = headers(&[(CONTENT_LENGTH, "0")]);
        let bare = HeaderMap::new();
        let head = Asker {
            is_head: true,
            ..ASKER
        };
        for (asker, status, headers, shape) in [
            (ASKER, 200, &length, Shape::Sized(5)),
            (ASKER, 200, &none, Shape::Empty),
            (ASKER, 200, &bare, Shape::Chunked),
            (OLD, 200, &bare, Shape::Close),
            (OLD, 200, &length, Shape::Sized(5)),
            (head, 200, &length, Shape::Empty),
            (ASKER, 204, &bare, Shape::Empty),
            (ASKER, 304, &length, Shape::Empty),
            (ASKER, 103, &bare, Shape::Empty),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(
                Shape::of(asker, status, headers),
                shape,
                "{status} {headers:?}"
            );
        }
    }

    #[test]
    fn a_body_that_is_longer_or_shorter_than_declared_is_not_whole() {
        let mut out = BytesMut::new();
        let mut shape = Shape::Sized(3);
        shape.put(&mut out, b"ab").unwrap();
        assert!(!shape.end(&mut out));
        assert!(shape.put(&mut out, b"cd").is_err());
        shape.put(&mut out, b"c").unwrap();
        assert!(shape.end(&mut out));
        assert!(Shape::Empty.put(&mut out, b"x").is_err());
        assert_eq!(&out[..], b"abc");
    }

    #[test]
    fn chunks_are_written_with_their_length() {
        let (mut out, mut shape) = (BytesMut::new(), Shape::Chunked);
        shape.put(&mut out, b"").unwrap();
        shape.put(&mut out, &[b'x'; 17]).unwrap();
        assert!(shape.end(&mut out));
        assert_eq!(&out[..], b"11\r\nxxxxxxxxxxxxxxxxx\r\n0\r\n\r\n");
    }

    #[test]
    fn the_date_of_the_upstream_stays() {
        let answer = |lines: &[(HeaderName, &'static str)], asker, keeps| {
            let (mut parts, ()) = http::Response::new(()).into_parts();
            parts.headers = headers(lines);
            let mut out = BytesMut::new();
            let shape = Shape::of(asker, parts.status, &parts.headers);
            put_answer(&mut out, (&parts, shape), asker, keeps);
            String::from_utf8(out.to_vec()).unwrap()
        };
        let then = (DATE, "Thu, 01 Jan 1970 00:00:00 GMT");
        let text = answer(&[then, (CONTENT_LENGTH, "2")], ASKER, true);
        assert_eq!(
            text,
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n"
        );
        let text = answer(&[], ASKER, false);
        assert_eq!(text.matches("Date: ").count(), 1, "{text}");
        assert!(text.contains("Transfer-Encoding: chunked\r\n"), "{text}");
        assert!(text.ends_with("Connection: close\r\n\r\n"), "{text}");
        let text = answer(&[(CONTENT_LENGTH, "2")], OLD, true);
        assert!(text.ends_with("Connection: keep-alive\r\n\r\n"), "{text}");
    }
}
