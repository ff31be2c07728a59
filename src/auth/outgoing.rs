//! Describes the part of an outgoing request that a scheme may write to, and what it may read of the rest.

use std::fmt;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, Method};

/// The part of an outgoing request that a scheme may write to.
pub struct Outgoing<'a> {
    /// Headers as they will be sent.
    pub headers: &'a mut HeaderMap,
    /// Query without `?`, as it will be sent.
    pub query: &'a mut Option<String>,
    /// Path in canonical form, as it will be sent.
    pub path: &'a mut String,
    /// What no scheme changes.
    pub request: RequestFacts<'a>,
}

/// What schemes that sign may read of a request.
#[derive(Clone, Copy)]
pub struct RequestFacts<'a> {
    /// The method that was judged.
    pub method: &'a Method,
    /// The value of `Host`.
    pub host: &'a str,
    /// The body, with what a scheme writes into it.
    pub payload: Payload<'a>,
    /// What the agent's own signature was for.
    pub signed_for: Option<&'a SigningScope>,
    /// When the request is sent.
    pub now: SystemTime,
    /// Fresh random bytes for `{nonce}`.
    pub nonce: [u8; 16],
}

/// The body of a request, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// All of its bytes.
    Whole(&'a [u8]),
    /// It passes as it comes, so nobody here has read it.
    Streamed,
}

/// Service and region that a signature of AWS is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningScope {
    /// Signing name of the service, such as `s3`.
    pub service: String,
    /// Region, such as `eu-west-1`.
    pub region: String,
}

/// Places where an API takes credentials; those that an agent sends there are stripped or refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Header names in lower case.
    pub headers: Vec<String>,
    /// Keys of query pairs.
    pub query: Vec<String>,
    /// Lower-case entries of `Sec-WebSocket-Protocol`; one that ends in `*` is a prefix.
    pub protocols: Vec<String>,
    /// Places in bodies, as `$.key` or `form:key`.
    pub body: Vec<String>,
}

/// A request as a scheme has changed it, beside its headers.
#[derive(Default)]
pub struct Rewritten {
    /// Each in place of all of that name.
    pub headers: Vec<(HeaderName, http::HeaderValue)>,
    /// In place of the query.
    pub query: Option<String>,
    /// In place of the path.
    pub path: Option<String>,
}

// === impl Outgoing ===

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outgoing(..)")
    }
}

impl fmt::Debug for RequestFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestFacts(..)")
    }
}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Payload(..)")
    }
}

impl fmt::Debug for Rewritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rewritten(..)")
    }
}

// === impl SigningScope ===

impl SigningScope {
    /// Reads what a request's own signature is for, out of `Authorization: AWS4-HMAC-SHA256 Credential=…` or `X-Amz-Credential`.
    #[must_use]
    pub fn of(headers: &HeaderMap, query: Option<&str>) -> Option<Self> {
        let header = headers.get(http::header::AUTHORIZATION);
        let header = header.and_then(|value| value.to_str().ok());
        let signed = header.and_then(|text| text.strip_prefix("AWS4-HMAC-SHA256"));
        if let Some(signed) = signed {
            let credential = signed.split(',').find_map(|part| {
                let part = part.trim_start();
                part.strip_prefix("Credential=")
            });
            return credential.and_then(Self::parse);
        }
        let mut pairs = query.unwrap_or_default().split('&');
        let value = pairs.find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.eq_ignore_ascii_case("X-Amz-Credential")
                .then_some(value)
        })?;
        let decoded = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        Self::parse(&decoded)
    }

    /// Reads `AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request`; a key id holds no slash.
    fn parse(credential: &str) -> Option<Self> {
        let mut parts = credential.trim().rsplit('/');
        if parts.next()? != "aws4_request" {
            return None;
        }
        let (service, region) = (parts.next()?, parts.next()?);
        let plain = |text: &str| {
            !text.is_empty()
                && text.len() <= 64
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        (plain(service) && plain(region)).then(|| Self {
            service: service.to_owned(),
            region: region.to_owned(),
        })
    }
}
