//! Parses heads of answers: status and headers, how the body is delimited, and whether the connection is kept (RFC 9112 sections
//! 4, 6.3 and 9.3).

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};
use pingora::{Error, ErrorType, Result};

use super::shape::Shape;
use crate::model::header_value;
use crate::proxy::answer::has_stray_body;
use crate::proxy::head::MAX_HEADERS;
use crate::proxy::status::has_no_content;

/// As many headers as nearly every answer has; room for more is made when there are more.
const USUAL_HEADERS: usize = 48;

/// Reads a head and its length; `None` while it is incomplete.
pub(super) fn read_head(input: &[u8]) -> Result<Option<(usize, Parts)>> {
    let mut few = [httparse::EMPTY_HEADER; USUAL_HEADERS];
    let mut response = httparse::Response::new(&mut few);
    match parser().parse_response(&mut response, input) {
        Err(httparse::Error::TooManyHeaders) => {
            let mut many = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut many);
            let parsed = parser().parse_response(&mut response, input);
            collect(input, parsed, &response)
        }
        parsed => collect(input, parsed, &response),
    }
}

/// Upstreams of all ages answer; an old spelling is written in the present one.
fn parser() -> httparse::ParserConfig {
    let mut parser = httparse::ParserConfig::default();
    parser.allow_spaces_after_header_name_in_responses(true);
    parser.allow_obsolete_multiline_headers_in_responses(true);
    parser
}

fn collect(
    input: &[u8],
    parsed: httparse::Result<usize>,
    response: &httparse::Response<'_, '_>,
) -> Result<Option<(usize, Parts)>> {
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(malformed("a head that is none")),
    };
    let bad = |_| malformed("a head that is none");
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = response
        .code
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or_else(|| malformed("a status that is none"))?;
    parts.version = if response.version == Some(1) {
        Version::HTTP_11
    } else {
        Version::HTTP_10
    };
    let mut headers = HeaderMap::with_capacity(response.headers.len() + 4);
    // All values share one copy.
    let head = Bytes::copy_from_slice(input.get(..length).unwrap_or_default());
    for header in response.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| bad(()))?;
        headers.append(name, value((input, &head), header.value)?);
    }
    parts.headers = headers;
    Ok(Some((length, parts)))
}

/// Reads a value of the input, of which the head is a copy. One that is folded over several lines is unfolded (RFC 9112 section
/// 5.2).
fn value((input, head): (&[u8], &Bytes), value: &[u8]) -> Result<HeaderValue> {
    let bad = |_| malformed("a header that is none");
    if memchr::memchr2(b'\n', b'\r', value).is_none() {
        // Where the copy has it; `httparse` gives slices of its input.
        let start = value.as_ptr().addr().wrapping_sub(input.as_ptr().addr());
        let end = start.saturating_add(value.len());
        return if start <= end && end <= head.len() {
            HeaderValue::from_maybe_shared(head.slice(start..end)).map_err(bad)
        } else {
            HeaderValue::from_bytes(value).map_err(bad)
        };
    }
    let mut unfolded = Vec::with_capacity(value.len());
    let lines = value.split(|byte| *byte == b'\r' || *byte == b'\n');
    for line in lines
        .map(header_value::trim_bytes)
        .filter(|line| !line.is_empty())
    {
        if !unfolded.is_empty() {
            unfolded.push(b' ');
        }
        unfolded.extend_from_slice(line);
    }
    HeaderValue::from_bytes(&unfolded).map_err(bad)
}

/// Returns how an answer is delimited, RFC 9112 section 6.3. Two codings or two lengths are refused where they are masked.
pub(super) fn delimited(is_head: bool, parts: &Parts) -> Result<Shape> {
    if is_head || has_no_content(parts.status) {
        return Ok(Shape::Empty);
    }
    if parts.headers.contains_key(TRANSFER_ENCODING) {
        return Ok(Shape::Chunked);
    }
    let lengths = parts.headers.get_all(CONTENT_LENGTH).iter();
    let mut lengths = lengths.flat_map(|value| header_value::entries(value.as_bytes()));
    let Some(length) = lengths.next() else {
        return Ok(Shape::Close);
    };
    if lengths.any(|other| other != length) || !length.iter().all(u8::is_ascii_digit) {
        return Err(malformed("a length that is none"));
    }
    let length = std::str::from_utf8(length).ok();
    match length.and_then(|length| length.parse().ok()) {
        Some(0) => Ok(Shape::Empty),
        Some(length) => Ok(Shape::Sized(length)),
        None => Err(malformed("a length that is none")),
    }
}

/// Returns whether an upstream keeps its connection after an answer (RFC 9112 sections 6.1, 6.3 and 9.3).
pub(super) fn keeps(parts: &Parts, shape: Shape) -> bool {
    let headers = &parts.headers;
    let says = |token: &str| {
        let values = headers.get_all(CONNECTION).iter();
        let mut tokens = values.flat_map(|value| header_value::entries(value.as_bytes()));
        tokens.any(|entry| entry.eq_ignore_ascii_case(token.as_bytes()))
    };
    let coded = headers.contains_key(TRANSFER_ENCODING);
    let doubtful = coded && (shape != Shape::Chunked || headers.contains_key(CONTENT_LENGTH))
        || has_stray_body(parts.status, headers);
    match parts.version {
        _ if shape == Shape::Close || doubtful || says("close") => false,
        Version::HTTP_11 => true,
        _ => says("keep-alive") && !coded,
    }
}

pub(super) fn malformed(what: &'static str) -> Box<Error> {
    Error::explain(ErrorType::InvalidHTTPHeader, what).into_up()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<(usize, Parts)>> {
        read_head(text.as_bytes())
    }

    #[test]
    fn answers_are_delimited_as_rfc_9112_says() {
        for (lines, is_head, shape, kept) in [
            (
                "200 OK\r\nContent-Length: 5\r\n",
                false,
                Shape::Sized(5),
                true,
            ),
            (
                "200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n",
                false,
                Shape::Sized(5),
                true,
            ),
            (
                "200 OK\r\nContent-Length: 5, 5\r\n",
                false,
                Shape::Sized(5),
                true,
            ),
            ("200 OK\r\nContent-Length: 0\r\n", false, Shape::Empty, true),
            (
                "200 OK\r\nContent-Length: 5\r\nConnection: x, Close\r\n",
                false,
                Shape::Sized(5),
                false,
            ),
            (
                "200 OK\r\nTransfer-Encoding: chunked\r\n",
                false,
                Shape::Chunked,
                true,
            ),
            (
                "200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                false,
                Shape::Chunked,
                false,
            ),
            ("200 OK\r\n", false, Shape::Close, false),
            ("200 OK\r\nContent-Length: 5\r\n", true, Shape::Empty, true),
            ("204 No Content\r\n", false, Shape::Empty, true),
            (
                "204 No Content\r\nTransfer-Encoding: chunked\r\n",
                false,
                Shape::Empty,
                false,
            ),
            (
                "304 Not Modified\r\nContent-Length: 5\r\n",
                false,
                Shape::Empty,
                true,
            ),
        ] {
            let (_, parts) = head(&format!("HTTP/1.1 {lines}\r\n")).unwrap().unwrap();
            let found = delimited(is_head, &parts).unwrap();
            assert_eq!((found, keeps(&parts, found)), (shape, kept), "{lines}");
        }
    }

    #[test]
    fn a_204_that_announces_a_body_keeps_no_connection() {
        for (length, kept) in [("5", false), ("0", true), ("00", true), ("0, 5", false)] {
            let text = format!("HTTP/1.1 204 No Content\r\nContent-Length: {length}\r\n\r\n");
            let (_, parts) = head(&text).unwrap().unwrap();
            let found = delimited(false, &parts).unwrap();
            assert_eq!(keeps(&parts, found), kept, "{length}");
        }
    }

    #[test]
    fn an_old_answer_keeps_a_connection_only_if_it_says_so() {
        for (lines, kept) in [
            ("Content-Length: 5\r\n", false),
            ("Content-Length: 5\r\nConnection: keep-alive\r\n", true),
            (
                "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n",
                false,
            ),
        ] {
            let (_, parts) = head(&format!("HTTP/1.0 200 OK\r\n{lines}\r\n"))
                .unwrap()
                .unwrap();
            let shape = delimited(false, &parts).unwrap();
            assert_eq!(keeps(&parts, shape), kept, "{lines}");
        }
    }

    #[test]
    fn a_length_that_is_none_is_refused() {
        for length in [
            "",
            "-1",
            "+5",
            "5 6",
            "5, 6",
            "0x5",
            "99999999999999999999",
            "5,",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            let (_, parts) = head(&text).unwrap().unwrap();
            assert!(delimited(false, &parts).is_err(), "{length:?}");
        }
    }

    #[test]
    fn folded_headers_are_unfolded_and_others_refused() {
        let (length, parts) = head("HTTP/1.1 200\r\nA: b\r\n\t c\r\nD : e\r\n\r\nrest")
            .unwrap()
            .unwrap();
        assert_eq!(
            length,
            "HTTP/1.1 200\r\nA: b\r\n\t c\r\nD : e\r\n\r\n".len()
        );
        assert_eq!(parts.headers["a"], "b c");
        assert_eq!(parts.headers["d"], "e");
        for text in [
            "HTTP/1.1 99 OK\r\n\r\n",
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
            "220 smtp.test ready\r\n",
        ] {
            assert!(head(text).is_err(), "{text:?}");
        }
        assert!(head("HTTP/1.1 200 OK\r\nA: b\r\n").unwrap().is_none());
    }

    #[test]
    fn more_headers_than_usual_are_read() {
        let many = |count| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(count));
        assert_eq!(head(&many(200)).unwrap().unwrap().1.headers.len(), 200);
        assert!(head(&many(300)).is_err());
    }
}
