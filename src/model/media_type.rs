//! Reads a `Content-Type`: the one place that says what its media type, its charset and its boundary are.
//!
//! Every text has a reading. Parameters of one that is not well-formed (RFC 9110 section 8.3) are not looked for, but a charset
//! in such a text is never taken for UTF-8.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::header_value;

/// The charsets whose bytes every reader takes for the same text.
const UTF8: [&str; 3] = ["utf-8", "utf8", "us-ascii"];

/// What a `Content-Type` says.
#[derive(Debug, Clone)]
pub struct MediaType<'t> {
    text: &'t str,
    /// Without parameters, as it was written.
    essence: &'t str,
    /// `None` where it is not well-formed.
    parsed: Option<mediatype::MediaType<'t>>,
}

impl<'t> MediaType<'t> {
    /// Reads the value of a header.
    #[must_use]
    pub fn read(text: &'t str) -> Self {
        let text = header_value::trim(text);
        Self {
            text,
            essence: bare(text),
            parsed: mediatype::MediaType::parse(text).ok(),
        }
    }

    /// Reads the first `Content-Type`; `None` where there is none, or one that is not ASCII.
    #[must_use]
    pub fn of(headers: &'t HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?;
        value.to_str().ok().map(Self::read)
    }

    /// Returns whether this is a media type, given in lower case and without parameters.
    #[must_use]
    pub fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence)
    }

    /// Returns whether it is JSON; see [`is_json`].
    #[must_use]
    pub fn is_json(&self) -> bool {
        is_json(&self.essence())
    }

    /// Returns whether it begins as a media type does, `application/grpc` of `application/grpc+proto`.
    #[must_use]
    pub fn starts_with(&self, start: &str) -> bool {
        let head = self.essence.as_bytes().get(..start.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
    }

    /// Returns the type without parameters, in lower case.
    #[must_use]
    pub fn essence(&self) -> Cow<'t, str> {
        lower(self.essence)
    }

    /// Returns whether the text is UTF-8, by every charset that is given.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        match &self.parsed {
            Some(_) => self.params("charset").all(|charset| {
                UTF8.iter()
                    .any(|known| known.eq_ignore_ascii_case(&charset))
            }),
            None => !self.text.to_ascii_lowercase().contains("charset"),
        }
    }

    /// Returns whether there is a parameter of another name.
    #[must_use]
    pub fn has_other_params(&self, name: &str) -> bool {
        match &self.parsed {
            Some(parsed) => parsed.params.iter().any(|(known, _)| *known != name),
            None => true,
        }
    }

    /// Returns the values of a parameter, without quotes, in the order written.
    pub fn params(&self, name: &str) -> impl Iterator<Item = Cow<'_, str>> {
        let all = self.parsed.iter().flat_map(|parsed| parsed.params.iter());
        all.filter(move |(known, _)| *known == name)
            .map(|(_, value)| value.unquoted_str())
    }
}

/// Returns whether the first `Content-Type` begins as a media type does, without reading the rest of it.
#[must_use]
pub fn starts_with(headers: &HeaderMap, start: &str) -> bool {
    let value = headers.get(CONTENT_TYPE);
    let value = value.map(|value| header_value::trim_bytes(value.as_bytes()));
    let head = value.and_then(|value| value.get(..start.len()));
    head.is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
}

/// Returns a media type without its parameters, in lower case, of a text that need not be well-formed. It does not allocate where
/// the text is in lower case already.
#[must_use]
pub fn essence(text: &str) -> Cow<'_, str> {
    lower(bare(text))
}

/// Returns whether a media type, in lower case and without parameters, is JSON: `…/json`, `…+json`, `…/x-amz-json-1.1`.
#[must_use]
pub fn is_json(essence: &str) -> bool {
    let token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-_".contains(&byte)
            })
    };
    essence.split_once('/').is_some_and(|(top, sub)| {
        token(top)
            && token(sub)
            && (sub == "json" || sub.ends_with("+json") || sub.starts_with("x-amz-json-"))
    })
}

fn bare(text: &str) -> &str {
    header_value::trim(text.split(';').next().unwrap_or_default())
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}
