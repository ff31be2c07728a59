//! Writes headers of the API's own: `X-Api-Key: …`, or `Authorization` in a form that is neither Bearer nor Basic.

use http::{HeaderMap, HeaderName};

use super::text::Text;
use super::{ApplyError, Fields};

#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) headers: Vec<(HeaderName, Text)>,
}

impl Header {
    pub(super) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.headers.iter().map(|(name, _)| name)
    }

    pub(super) fn apply(&self, fields: &Fields, headers: &mut HeaderMap) -> Result<(), ApplyError> {
        for (name, text) in &self.headers {
            headers.insert(name.clone(), text.header_value("", fields)?);
        }
        Ok(())
    }
}

/// Returns why a connector may not write a credential there, where it may not.
pub(super) fn objection(name: &HeaderName) -> Option<&'static str> {
    match name.as_str() {
        // RFC 9110 section 7.6.1 and what proxies add to it.
        "connection"
        | "keep-alive"
        | "proxy-authenticate"
        | "proxy-authorization"
        | "proxy-connection"
        | "te"
        | "trailer"
        | "transfer-encoding"
        | "upgrade" => Some("it ends at the next hop"),
        "host" | "content-length" | "content-type" | "content-encoding" | "expect" => {
            Some("it frames the request")
        }
        "accept-encoding" | "range" | "if-range" | "via" => Some("the gateway sets it"),
        _ => None,
    }
}
