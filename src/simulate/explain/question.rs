//! Reads a request that a person asks about: method, URL, headers, body.

use std::time::Instant;

use bytes::Bytes;
use http::header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::uri::InvalidUri;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::model::target::{Authority, HostError};
use crate::pipeline::Head;

/// Headers that open a WebSocket; `wss://` and `ws://` URLs imply them.
const OPENING: [(HeaderName, &str); 4] = [
    (CONNECTION, "Upgrade"),
    (UPGRADE, "websocket"),
    (SEC_WEBSOCKET_VERSION, "13"),
    (SEC_WEBSOCKET_KEY, "AAAAAAAAAAAAAAAAAAAAAA=="),
];

/// A request that is asked about.
#[derive(Debug, Clone)]
pub struct Question {
    /// HTTP method in upper case.
    pub method: Method,
    /// Absolute URL with scheme and host.
    pub url: Uri,
    /// As an agent would send them.
    pub headers: HeaderMap,
    /// The body, without any content coding.
    pub body: Bytes,
}

/// Why what a person typed is not a request.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// RFC 9110 section 9.1.
    #[error("`{}` is not a method", .0.escape_debug())]
    Method(String),
    /// The text is not an absolute URI (RFC 3986).
    #[error("`{}` is not a URL: {why}", .text.escape_debug())]
    Url {
        /// The text as the person typed it.
        text: String,
        /// In the words of `http`.
        why: InvalidUri,
    },
    /// Scheme or host are missing.
    #[error("`{0}` is not a whole URL; it starts with https://")]
    Relative(Uri),
    /// Its name or its value cannot be sent.
    #[error("`{}` is not a header", .0.escape_debug())]
    Header(String),
}

impl Question {
    /// Parses a request as typed on the command line.
    ///
    /// # Errors
    ///
    /// If method, URL or a header is malformed.
    pub fn parse(
        method: &str,
        url: &str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<Self, QuestionError> {
        let method = method
            .parse()
            .map_err(|_| QuestionError::Method(method.to_owned()))?;
        let (url, opens) = if let Some(rest) = url.strip_prefix("wss://") {
            (format!("https://{rest}"), true)
        } else if let Some(rest) = url.strip_prefix("ws://") {
            (format!("http://{rest}"), true)
        } else {
            (url.to_owned(), false)
        };
        let url: Uri = url.parse().map_err(|why| QuestionError::Url {
            text: url.clone(),
            why,
        })?;
        if url.authority().is_none() || url.scheme().is_none() {
            return Err(QuestionError::Relative(url));
        }
        let mut map = HeaderMap::new();
        if opens {
            map.extend(OPENING.map(|(name, value)| (name, HeaderValue::from_static(value))));
        }
        for (name, value) in headers {
            let header = HeaderName::from_bytes(name.as_bytes()).ok();
            let header = header.zip(HeaderValue::from_bytes(value.as_bytes()).ok());
            let (name, value) = header.ok_or_else(|| QuestionError::Header(name.clone()))?;
            map.append(name, value);
        }
        Ok(Self {
            method,
            url,
            headers: map,
            body,
        })
    }

    pub(super) fn head(&self) -> Result<Head, HostError> {
        let tls = self.url.scheme_str() == Some("https");
        let authority = self
            .url
            .authority()
            .map_or("", http::uri::Authority::as_str);
        let authority = Authority::parse(authority, if tls { 443 } else { 80 })?;
        Ok(Head {
            method: self.method.clone(),
            authority,
            tls,
            path: self.url.path().to_owned(),
            query: self.url.query().map(str::to_owned),
            headers: self.headers.clone(),
            pass: None,
            received: Instant::now(),
            request_id: String::new(),
            peer: None,
            tunnel: None,
        })
    }
}
