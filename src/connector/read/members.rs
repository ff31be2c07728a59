//! Splits the body of a batch into the requests that it carries.
//!
//! INVARIANT: a member is read from the text that is sent, so a member that is written in two ways is refused, never tidied up.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::connector::model::batch::{MemberKeys, Members};
use crate::connector::read::json::tree::items;
use crate::connector::read::multipart::parts;
use crate::connector::read::unreadable::{UNREADABLE_BODY, Unreadable, too_many};
use crate::model::header_value;

/// Headers of one member.
const MAX_HEADERS: usize = 100;

/// One request in another one.
#[derive(Debug)]
pub(crate) struct Member<'b> {
    pub(crate) method: Method,
    /// Path and query of the member.
    pub(crate) target: Cow<'b, str>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: MemberBody<'b>,
}

/// The body of a member.
#[derive(Debug)]
pub(crate) enum MemberBody<'b> {
    /// As it would be sent alone, or nothing.
    Bytes(&'b [u8]),
    /// A JSON value, as its bytes.
    Json(&'b [u8]),
    /// A text in JSON, decoded.
    Text(String),
}

impl Member<'_> {
    /// Returns how many bytes reading it copies out of the batch: its target in pairs, its headers, a text that was decoded.
    pub(crate) fn copied(&self) -> usize {
        const PAIR: usize = 2 * size_of::<(String, String)>();
        let pairs = self.target.bytes().filter(|byte| *byte == b'&').count() + 1;
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + PAIR);
        let text = match &self.body {
            MemberBody::Text(text) => text.len(),
            MemberBody::Bytes(_) | MemberBody::Json(_) => 0,
        };
        2 * self.target.len() + pairs * PAIR + headers.sum::<usize>() + text
    }
}

impl Members {
    /// Splits a body whose duplicate keys have been refused.
    pub(crate) fn split<'b>(
        &self,
        bytes: &'b [u8],
        limit: usize,
    ) -> Result<Vec<Member<'b>>, Unreadable> {
        let list = lead(bytes, &self.list)?.unwrap_or(b"");
        let all = items(list, limit)?.unwrap_or_default();
        all.into_iter().map(|member| self.member(member)).collect()
    }

    fn member<'b>(&self, bytes: &'b [u8]) -> Result<Member<'b>, Unreadable> {
        let text = |keys: &MemberKeys| lead(bytes, keys)?.map(text).transpose();
        let method = text(&self.method)?;
        let mut target = None;
        for keys in &self.path {
            if let Some(path) = text(keys)? {
                let twice = target.replace(path).is_some();
                if twice {
                    return Err(refuse("a member of the batch has two paths"));
                }
            }
        }
        let target = target.ok_or_else(|| refuse("a member of the batch has no path"))?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        let headers = match lead(bytes, &self.headers)? {
            None => HeaderMap::new(),
            Some(map) => headers(map)?,
        };
        let body = match lead(bytes, &self.body)? {
            None => MemberBody::Bytes(b""),
            Some(raw) if raw.starts_with(b"\"") => MemberBody::Text(self::text(raw)?),
            Some(raw) => MemberBody::Json(raw),
        };
        Ok(Member {
            method: method_of(method.as_deref().unwrap_or("GET"))?,
            target: Cow::Owned(format!("{}{slash}{target}", self.base)),
            headers,
            body,
        })
    }
}

/// Splits a multipart body into the requests that its parts are.
pub(crate) fn split_multipart<'b>(
    bytes: &'b [u8],
    boundary: &str,
    limit: usize,
) -> Result<Vec<Member<'b>>, Unreadable> {
    let parts = parts(bytes, boundary)?;
    if parts.len() > limit {
        return Err(too_many());
    }
    let members = parts.iter().map(|part| {
        let kind = part.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        if !header_value::trim(kind).eq_ignore_ascii_case("application/http") {
            return Err(refuse("a part of the batch is no `application/http`"));
        }
        let (line, rest) = part
            .request_line()
            .ok_or_else(|| refuse("a part of the batch has no request line"))?;
        let mut words = line.split(' ');
        let (method, target) = (words.next(), words.next());
        let version = words.next().unwrap_or("HTTP/1.1");
        if !["HTTP/1.1", "HTTP/1.0"].contains(&version) || words.next().is_some() {
            return Err(refuse("a part of the batch has a malformed request line"));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in rest.headers() {
            put(&mut headers, name, value)?;
        }
        Ok(Member {
            method: method_of(method.unwrap_or_default())?,
            target: Cow::Borrowed(target.unwrap_or_default()),
            headers,
            body: MemberBody::Bytes(rest.content),
        })
    });
    members.collect()
}

/// Follows keys into a text; `None` where it ends, or at `null`.
fn lead<'b>(bytes: &'b [u8], keys: &MemberKeys) -> Result<Option<&'b [u8]>, Unreadable> {
    let mut bytes = bytes;
    for key in keys {
        let map: BTreeMap<String, &RawValue> = parse(bytes)?;
        match map.get(&**key) {
            Some(found) => bytes = found.get().as_bytes(),
            None => return Ok(None),
        }
    }
    Ok(Some(bytes).filter(|bytes| *bytes != b"null"))
}

fn parse<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(bytes)
        .map_err(|_| refuse("a member of the batch is not what the connector reads"))
}

fn text(bytes: &[u8]) -> Result<String, Unreadable> {
    parse(bytes)
}

fn headers(bytes: &[u8]) -> Result<HeaderMap, Unreadable> {
    let map: BTreeMap<String, String> = parse(bytes)?;
    let mut headers = HeaderMap::new();
    for (name, value) in &map {
        put(&mut headers, name, value)?;
    }
    Ok(headers)
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Unreadable> {
    // A map of over 32,768 panics, and no API takes as many as this.
    if headers.len() >= MAX_HEADERS {
        return Err(refuse("a member of the batch has too many headers"));
    }
    let name = name.parse::<HeaderName>().ok();
    // The gateway does not strip the white space around it, so whether a server does would be a guess.
    let value = Some(value).filter(|value| header_value::trim(value) == *value);
    let pair = name.zip(value.and_then(|value| HeaderValue::from_str(value).ok()));
    let (name, value) =
        pair.ok_or_else(|| refuse("a member of the batch has a malformed header"))?;
    if headers.insert(name, value).is_some() {
        return Err(refuse("a member of the batch has a header twice"));
    }
    Ok(())
}

fn method_of(text: &str) -> Result<Method, Unreadable> {
    Method::from_bytes(text.as_bytes())
        .map_err(|_| refuse("a member of the batch has a malformed method"))
}

/// Makes the refusal of a batch.
pub(crate) fn refuse(detail: &str) -> Unreadable {
    Unreadable {
        code: UNREADABLE_BODY,
        detail: detail.to_owned(),
    }
}
