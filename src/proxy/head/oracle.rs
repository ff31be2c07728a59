//! Compares the reader of heads with two others: httparse, and a strict one by hand that splits lines. What is read here is read
//! the same by both; what the strict one reads is read here.

use bytes::Bytes;
use http::Method;
use proptest::prelude::*;

use super::{Body, read};

/// A head, as a reader by hand understands it.
#[derive(Debug, PartialEq, Eq)]
struct Plain {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
}

/// RFC 9112 sections 3 and 5, and nothing that a recipient may forgive.
fn by_hand(bytes: &[u8]) -> Option<Plain> {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let text = text.strip_suffix("\r\n\r\n")?;
    let mut lines = text.split("\r\n");
    let parts: Vec<&str> = lines.next()?.split(' ').collect();
    let [method, target, "HTTP/1.1" | "HTTP/1.0"] = parts[..] else {
        return None;
    };
    Method::from_bytes(method.as_bytes()).ok()?;
    if target.is_empty() || !target.chars().all(|char| char.is_ascii_graphic()) {
        return None;
    }
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let token = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
        let text = |char: char| char == '\t' || char >= ' ' && char != '\u{7f}';
        if name.is_empty() || !name.chars().all(token) || !value.chars().all(text) {
            return None;
        }
        let value = value.trim_matches([' ', '\t']);
        let value = value.chars().map(|char| char as u8).collect();
        headers.push((name.to_ascii_lowercase(), value));
    }
    Some(Plain {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
    })
}

/// Pieces of heads; put together they are lawful, nearly lawful, or neither.
fn head() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        6 => Just("GET /a?b=c HTTP/1.1\r\n".to_owned()),
        2 => Just("POST http://a.test/ HTTP/1.0\r\n".to_owned()),
        1 => "[A-Z@]{0,4} {0,2}[/a-z#%<]{0,6} ?HTTP/[12]\\.[01]\r?\n",
    ];
    let field = prop_oneof![
        4 => "[A-Za-z-]{1,8}:[ \t]{0,2}[ -~]{0,12}\r\n",
        2 => Just("Host: a.test\r\n".to_owned()),
        1 => Just("Content-Length: 5\r\n".to_owned()),
        1 => Just("Transfer-Encoding: chunked\r\n".to_owned()),
        1 => "[ A-Za-z:\u{1}-\u{1f}]{0,6}:?[ -~\u{0}\u{7f}\u{e9}]{0,6}\r?\n?",
        1 => Just("A: b\r\n c\r\n".to_owned()),
    ];
    (line, prop::collection::vec(field, 0..6)).prop_map(|(line, fields)| {
        let text = format!("{line}{}\r\n", fields.concat());
        // Latin-1 for the one character beyond ASCII.
        text.chars().map(|char| char as u8).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn heads_have_one_reading(bytes in head()) {
        // One head: what is behind its end is the next one's.
        let length = super::length(&bytes).unwrap_or(bytes.len());
        let bytes = &bytes[..length];
        let plain = by_hand(bytes);
        let Ok(request) = read(&Bytes::copy_from_slice(bytes)) else {
            return Ok(());
        };
        let headers: Vec<(String, Vec<u8>)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect();
        let mut sorted = headers.clone();
        sorted.sort();
        let mut plain = plain.expect("what is read here is read by hand");
        plain.headers.sort();
        prop_assert_eq!(&plain.headers, &sorted);
        prop_assert_eq!(&plain.method, request.method.as_str());
        prop_assert_eq!(plain.target.replace('<', "%3C"), request.target.clone());
        let mut parsed = [httparse::EMPTY_HEADER; 64];
        let mut other = httparse::Request::new(&mut parsed);
        prop_assert_eq!(other.parse(bytes), Ok(httparse::Status::Complete(bytes.len())));
        prop_assert_eq!(other.method, Some(request.method.as_str()));
        let mut theirs: Vec<(String, Vec<u8>)> = other
            .headers
            .iter()
            .map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()))
            .collect();
        theirs.sort();
        prop_assert_eq!(theirs, sorted);
        let lengths = headers.iter().filter(|(name, _)| name == "content-length").count();
        let chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
        prop_assert!(lengths + usize::from(chunked) <= 1);
        prop_assert_eq!(request.body == Body::Chunked, chunked);
    }

    #[test]
    fn what_is_lawful_is_read(
        path in "/[a-z0-9/]{0,12}",
        names in prop::collection::vec("[A-Z][a-z]{0,6}-[a-z]{1,4}", 0..8),
        values in prop::collection::vec("[!-~]{0,12}", 8),
    ) {
        let mut text = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n");
        for (name, value) in names.iter().zip(&values) {
            text.push_str(&format!("X{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        prop_assert!(by_hand(text.as_bytes()).is_some());
        let request = read(&Bytes::from(text));
        prop_assert!(request.is_ok());
        prop_assert_eq!(request.unwrap().headers.len(), names.len() + 1);
    }
}
