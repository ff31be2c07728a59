//! Parses request lines: three parts, one blank between each two, and nothing in the target that is read in two ways (RFC 9112
//! section 3).

use std::str::from_utf8;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Version};

use super::{Body, Fault};
use crate::model::target::Authority;
use crate::pipeline::refuse::Code;

/// Longest body that is told apart from a negative number.
const MAX_LENGTH: u64 = i64::MAX as u64;

/// The first line of a request, or what stands for it in HTTP/2.
#[derive(Debug)]
pub(in crate::proxy) struct RequestLine<'a> {
    method: &'a str,
    target: &'a str,
    version: &'a str,
}

impl<'a> RequestLine<'a> {
    /// Reads the line, its end left out.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        let line = from_utf8(line).map_err(|_| "the request line is not UTF-8")?;
        let mut parts = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("the request line is not `METHOD target HTTP/1.1`".into());
        };
        if version != "HTTP/1.1" && version != "HTTP/1.0" {
            return Err("the version is not HTTP/1.1".into());
        }
        Ok(Self {
            version,
            ..Self::new(method, target)?
        })
    }

    /// Checks the parts that both versions of HTTP have.
    pub(in crate::proxy) fn new(method: &'a str, target: &'a str) -> Result<Self, Fault> {
        if Method::from_bytes(method.as_bytes()).is_err() {
            return Err("the method is not a token".into());
        }
        if method == "CONNECT" {
            return Err("the method CONNECT is not available here".into());
        }
        if target.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err("the request target has control characters".into());
        }
        // RFC 9112 section 3.2 knows no fragment. Pingora drops one, so it would be neither judged nor sent.
        if target.contains('#') {
            return Err("the request target has a fragment (`#`)".into());
        }
        Ok(Self {
            method,
            target,
            version: "",
        })
    }

    pub(super) fn method(&self) -> Result<Method, Fault> {
        Method::from_bytes(self.method.as_bytes()).map_err(|_| "the method is not a token".into())
    }

    pub(super) fn version(&self) -> Version {
        if self.version == "HTTP/1.1" {
            Version::HTTP_11
        } else {
            Version::HTTP_10
        }
    }

    /// Returns the target, the unusual escaped.
    pub(super) fn target(&self) -> String {
        if !self.is_unusual() {
            return self.target.to_owned();
        }
        let mut out = String::with_capacity(self.target.len() + 16);
        for char in self.target.chars() {
            match u8::try_from(char).ok().and_then(escape) {
                Some(escaped) => out.push_str(escaped),
                None => out.push(char),
            }
        }
        out
    }

    /// Returns how the body ends; the headers have at most one length or coding.
    pub(in crate::proxy) fn body(&self, headers: &HeaderMap) -> Result<Body, Fault> {
        if headers.contains_key(TRANSFER_ENCODING) {
            return if self.version == "HTTP/1.1" {
                Ok(Body::Chunked)
            } else {
                Err("HTTP/1.0 has no transfer codings".into())
            };
        }
        let Some(length) = headers.get(CONTENT_LENGTH) else {
            return Ok(Body::Sized(0));
        };
        let length = length.to_str().ok().and_then(|length| length.parse().ok());
        match length.filter(|length| *length <= MAX_LENGTH) {
            Some(length) => Ok(Body::Sized(length)),
            None => Err("`Content-Length` is too large".into()),
        }
    }

    /// Compares a whole URL with `Host`. Returns the URL's spelling of the name where `Host` has another one of the same.
    pub(in crate::proxy) fn check_names(
        &self,
        host: Option<&HeaderValue>,
    ) -> Result<Option<&'a str>, Fault> {
        if host.is_some_and(|host| host.as_bytes().contains(&b'@')) {
            return Err("`Host` has a user in it".into());
        }
        if self.target.starts_with('/') || self.target == "*" {
            return Ok(None);
        }
        let Some((scheme, after)) = self.target.split_once("://") else {
            return Err("the request target is neither a path nor a URL".into());
        };
        let default_port = if scheme.eq_ignore_ascii_case("https") {
            443
        } else if scheme.eq_ignore_ascii_case("http") {
            80
        } else {
            return Err("only `http` and `https` URLs are available".into());
        };
        let (name, _) = after
            .find(['/', '?'])
            .and_then(|end| after.split_at_checked(end))
            .unwrap_or((after, ""));
        let Some(host) = host else {
            read_name(name, default_port)?;
            return Ok(None);
        };
        compare_names(name, host, default_port)?;
        Ok((name.as_bytes() != host.as_bytes()).then_some(name))
    }

    /// Returns whether the target has what is no part of a URL but means nothing else (RFC 3986 appendix C).
    pub(in crate::proxy) fn is_unusual(&self) -> bool {
        self.target.bytes().any(|byte| escape(byte).is_some())
    }

    /// Writes the target, the unusual escaped.
    pub(in crate::proxy) fn put_target(&self, out: &mut Vec<u8>) {
        for byte in self.target.bytes() {
            match escape(byte) {
                Some(escaped) => out.extend_from_slice(escaped.as_bytes()),
                None => out.push(byte),
            }
        }
    }

    /// Writes the head again, unusual bytes escaped, with this `Host` instead of its own if one is given.
    pub(super) fn respell(&self, head: &[u8], host: Option<&str>) -> Vec<u8> {
        let mut out = Vec::with_capacity(head.len() + 64);
        out.extend_from_slice(self.method.as_bytes());
        out.push(b' ');
        self.put_target(&mut out);
        out.push(b' ');
        out.extend_from_slice(self.version.as_bytes());
        out.extend_from_slice(b"\r\n");
        for line in head.split_inclusive(|byte| *byte == b'\n').skip(1) {
            let is_host = line
                .get(..5)
                .is_some_and(|start| start.eq_ignore_ascii_case(b"host:"));
            match host.filter(|_| is_host) {
                Some(host) => out.extend_from_slice(format!("Host: {host}\r\n").as_bytes()),
                None => out.extend_from_slice(line),
            }
        }
        out
    }
}

/// Reads a host and its port.
pub(in crate::proxy) fn read_name(text: &str, default_port: u16) -> Result<Authority, Fault> {
    Authority::parse(text, default_port).map_err(|error| Fault {
        code: Code::BadRequest,
        detail: error.to_string().into(),
    })
}

/// Checks that the request's own name of the host is the one in `Host`.
pub(in crate::proxy) fn compare_names(
    name: &str,
    host: &HeaderValue,
    default_port: u16,
) -> Result<(), Fault> {
    let named = read_name(name, default_port)?;
    let host = host.to_str().map_err(|_| "`Host` is not ASCII")?;
    let other = read_name(host, default_port)?;
    if named == other {
        return Ok(());
    }
    Err(Fault {
        code: Code::NamesDisagree,
        detail: format!("the request is for `{named}`, but `Host` is `{other}`").into(),
    })
}

/// Returns how a byte is spelled that Pingora does not take.
fn escape(byte: u8) -> Option<&'static str> {
    match byte {
        b'"' => Some("%22"),
        b'<' => Some("%3C"),
        b'>' => Some("%3E"),
        b'`' => Some("%60"),
        _ => None,
    }
}
