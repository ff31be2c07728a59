//! Writes the bodies and headers of requests to token endpoints, in buffers that are zeroised.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::auth::ApplyError;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A body of `application/x-www-form-urlencoded`.
#[derive(Default)]
pub(super) struct FormBody(Zeroizing<Vec<u8>>);

impl FormBody {
    pub(super) fn push(&mut self, name: &str, value: &[u8]) {
        // An escape has three bytes; a buffer that grows would leave a copy behind.
        let needed = self.0.len() + 3 * (name.len() + value.len()) + 2;
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed * 2));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        if !self.0.is_empty() {
            self.0.push(b'&');
        }
        escape(name.as_bytes(), &mut self.0);
        self.0.push(b'=');
        escape(value, &mut self.0);
    }

    pub(super) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// Writes bytes as forms do; the set of RFC 3986 section 2.3 is what all readers agree on.
pub(super) fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(*byte);
        } else {
            let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or(b'0');
            out.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// Returns the headers of a request with a form.
pub(super) fn form_headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, FORM), (ACCEPT, JSON)])
}

/// Returns the headers of a request with JSON.
pub(super) fn json_headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, JSON), (ACCEPT, JSON)])
}

/// Returns `Basic` of a user name and a password.
pub(super) fn basic(user: &[u8], password: &[u8]) -> Result<HeaderValue, ApplyError> {
    let mut pair = Zeroizing::new(Vec::with_capacity(user.len() + password.len() + 1));
    pair.extend_from_slice(user);
    pair.push(b':');
    pair.extend_from_slice(password);
    let coded = Zeroizing::new(STANDARD.encode(pair.as_slice()));
    secret_value(&[b"Basic ", coded.as_bytes()])
}

/// Returns a header value of pieces, marked as a secret.
pub(super) fn secret_value(pieces: &[&[u8]]) -> Result<HeaderValue, ApplyError> {
    let text = Zeroizing::new(pieces.concat());
    let value = HeaderValue::from_bytes(&text);
    let mut value = value.map_err(|_| ApplyError::NotAHeaderValue("token".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Adds `Authorization: Bearer …`.
pub(super) fn bearer(headers: &mut HeaderMap, token: &[u8]) -> Result<(), ApplyError> {
    let value = secret_value(&[b"Bearer ", token])?;
    headers.insert(HeaderName::from_static("authorization"), value);
    Ok(())
}
