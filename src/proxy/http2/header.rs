//! Checks single headers of HTTP/2, and trailers, which are dropped as those of HTTP/1.1 are.

use super::hpack::{Field, Fields};
use crate::pipeline::refuse::Code;
use crate::proxy::head::{self, Fault};
use crate::proxy::streams::MARK;

/// Describes one connection, so it has no place in HTTP/2 (RFC 9113 section 8.2.2).
const OF_CONNECTIONS: [&[u8]; 5] = [
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"transfer-encoding",
    b"upgrade",
];

/// Checks the trailers of a request.
///
/// # Errors
/// What the agent reads.
pub(super) fn check_trailers(fields: &Fields) -> Result<(), Fault> {
    if fields.is_over() {
        return Err("the trailers are over 64 KiB".into());
    }
    if fields.len() > head::MAX_HEADERS {
        return Err("the request has over 256 trailers".into());
    }
    for field in fields.iter() {
        if field.name.starts_with(b":") {
            return Err("a trailer is a pseudo-header".into());
        }
        check(field)?;
    }
    Ok(())
}

/// Checks one header; returns its value without the white space around it.
///
/// # Errors
/// What the agent reads.
pub(super) fn check(field: Field<'_>) -> Result<&[u8], Fault> {
    if field.name.starts_with(b":") {
        return Err("a pseudo-header follows a header".into());
    }
    // Names of the static table are what they are.
    if field.index == 0 {
        check_name(field.name)?;
    }
    let value = head::value(field.value)?;
    let of_connection = OF_CONNECTIONS.contains(&field.name);
    if of_connection || field.name == b"te" && value != b"trailers" {
        let name = String::from_utf8_lossy(field.name);
        return Err(Fault {
            code: Code::BadRequest,
            detail: format!("HTTP/2 has no header `{name}` with this meaning").into(),
        });
    }
    Ok(value)
}

/// RFC 9113 section 8.2.1: a token in lower case.
fn check_name(name: &[u8]) -> Result<(), Fault> {
    let good = |byte: &u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(byte)
    };
    if name.is_empty() || !name.iter().all(good) {
        return Err("a header has a bad name".into());
    }
    if name == MARK.as_bytes() {
        return Err("the header `tollgate-stream` is the gateway's own".into());
    }
    Ok(())
}
