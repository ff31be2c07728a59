//! Requests that one request carries: a body in, its members out, each as if it had come alone.
//!
//! INVARIANT: a member is read from the text that is sent, so a member that is written in two ways is refused, never tidied up.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::config::yaml::ShortOr;
use crate::connector::compile::paths::{PathId, Paths};
use crate::connector::manifest::entry::EachEntry;
use crate::connector::read::json::UNREADABLE_BODY;
use crate::connector::read::json::tree::{items, too_many};
use crate::connector::read::multipart::parts;
use crate::connector::read::reading::Unreadable;
use crate::model::header_value;

/// How a route's members are found.
#[derive(Debug, Clone)]
pub(crate) enum Each {
    /// In a JSON body.
    Json(Members),
    /// In a multipart body of `application/http`.
    Multipart,
    /// They are not.
    Undecoded,
}

/// Where the members of a JSON body are, and what of them is where.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    pub(crate) list: Keys,
    pub(crate) method: Keys,
    /// The first that a member has.
    pub(crate) path: Vec<Keys>,
    pub(crate) body: Keys,
    pub(crate) headers: Keys,
    pub(crate) base: String,
    /// Of all of these: so that other spellings of their keys are refused.
    pub(crate) ids: Vec<PathId>,
}

/// Headers of one member.
const MAX_HEADERS: usize = 100;

/// Keys from the outside in.
type Keys = Vec<Box<str>>;

/// One request in another one.
#[derive(Debug)]
pub(crate) struct Member<'b> {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: Cow<'b, str>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: MemberBody<'b>,
}

/// The body of a member.
#[derive(Debug)]
pub(crate) enum MemberBody<'b> {
    /// As it would be sent alone, or nothing.
    Bytes(&'b [u8]),
    /// A JSON value.
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

impl Each {
    /// Compiles what is written.
    pub(crate) fn compile(entry: &EachEntry, paths: &mut Paths) -> Result<Self, String> {
        match entry {
            ShortOr::Short(word) if word == "multipart" => Ok(Self::Multipart),
            ShortOr::Short(word) if word == "undecoded" => Ok(Self::Undecoded),
            ShortOr::Short(list) => Members::compile(list, [None; 5], paths).map(Self::Json),
            ShortOr::Long(map) => {
                let text = |entry: &'_ Option<crate::config::yaml::At<String>>| {
                    entry.as_ref().map(|entry| entry.value.clone())
                };
                let [method, path, body] = [&map.method, &map.path, &map.body].map(text);
                let [headers, base] = [&map.headers, &map.base].map(text);
                let said = [&method, &path, &body, &headers, &base].map(Option::as_deref);
                Members::compile(&map.members.value, said, paths).map(Self::Json)
            }
        }
    }
}

impl Members {
    fn compile(
        list: &str,
        [method, path, body, headers, base]: [Option<&str>; 5],
        paths: &mut Paths,
    ) -> Result<Self, String> {
        let front = list.strip_suffix("[*]");
        let front =
            front.ok_or_else(|| format!("`{}` is no list of members", list.escape_debug()))?;
        let list = keys(front)?;
        let own = |said: Option<&str>, usual: &str| keys(said.unwrap_or(usual));
        let path = match path {
            Some(path) => vec![keys(path)?],
            None => vec![keys("$.path")?, keys("$.url")?],
        };
        let base = base.unwrap_or_default();
        if !base.is_empty() && (!base.starts_with('/') || base.ends_with('/')) {
            return Err("`base` begins with a slash and ends without one".to_owned());
        }
        let mut members = Self {
            list,
            method: own(method, "$.method")?,
            path,
            body: own(body, "$.body")?,
            headers: own(headers, "$.headers")?,
            base: base.to_owned(),
            ids: Vec::new(),
        };
        let named = members.path.iter();
        let named = named.chain([&members.method, &members.body, &members.headers]);
        for keys in named {
            let text = format!("{front}[*].{}", keys.join("."));
            members.ids.push(paths.intern(&text)?);
        }
        Ok(members)
    }

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
        let text = |keys: &Keys| lead(bytes, keys)?.map(text).transpose();
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

fn keys(text: &str) -> Result<Keys, String> {
    let wrong = || format!("`{}` is not a plain path", text.escape_debug());
    let rest = text.strip_prefix('$').ok_or_else(wrong)?;
    let good = |key: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-$".contains(&byte);
        !key.is_empty() && key.bytes().all(plain)
    };
    let mut keys = Vec::new();
    for key in rest.split('.').skip(1) {
        keys.push(Some(key).filter(|key| good(key)).ok_or_else(wrong)?.into());
    }
    if keys.is_empty() && !rest.is_empty() {
        return Err(wrong());
    }
    Ok(keys)
}

/// Follows keys into a text; `None` where it ends, or at `null`.
fn lead<'b>(bytes: &'b [u8], keys: &Keys) -> Result<Option<&'b [u8]>, Unreadable> {
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
    // Nobody strips the white space around it, so whether a server does would be a guess.
    let value = Some(value).filter(|value| header_value::trim(value) == *value);
    let pair = name.zip(value.and_then(|value| HeaderValue::from_str(value).ok()));
    let (name, value) =
        pair.ok_or_else(|| refuse("a member of the batch has a malformed header"))?;
    if headers.insert(name, value).is_some() {
        return Err(refuse("a member of the batch has a header twice"));
    }
    Ok(())
}

/// Methods are compared letter by letter, so only the usual spelling is read.
fn method_of(text: &str) -> Result<Method, Unreadable> {
    let upper = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let method = Method::from_bytes(text.as_bytes()).ok().filter(|_| upper);
    method
        .filter(|method| !matches!(*method, Method::TRACE | Method::CONNECT))
        .ok_or_else(|| refuse("a member of the batch has no method that can be sent"))
}

/// Makes the refusal of a batch.
pub(crate) fn refuse(detail: &str) -> Unreadable {
    Unreadable {
        code: UNREADABLE_BODY,
        detail: detail.to_owned(),
    }
}
