//! Splits queries on `&` only and decodes them once for judging. They are sent as received.
//!
//! INVARIANT: every name is one of the grammar in `name.rs`, whether anything reads it or not.

use std::borrow::Cow;

use super::name::{MAX_NAMES, split_name, split_pair};

/// A query string in its one reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    raw: Option<String>,
    pairs: Vec<(String, String)>,
}

/// Reasons why a query has more than one reading.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Some servers split on it.
    #[error("the query has a raw `;`")]
    Semicolon,
    /// RFC 3986 section 2.1.
    #[error("the query has a `%` that two hexadecimal digits do not follow")]
    BadEscape,
    /// Raw or escaped C0 controls and DEL, a raw space, a raw `#`, or a raw byte outside ASCII.
    #[error("the query has a character that must be escaped or is not allowed")]
    Character,
    /// A decoded name or value is not UTF-8.
    #[error("the query is not UTF-8")]
    NotUtf8,
    /// Not `root([key])*`; with the name, escaped.
    #[error(
        "the query has the name `{0}`, which servers read in different ways; write `name` or `name[key]`"
    )]
    Name(String),
    /// Servers drop what comes behind their limit.
    #[error("the query has over {MAX_NAMES} names")]
    TooMany,
}

impl QueryError {
    /// Returns whether its bytes are in order, and a name in it, or their number, has several readings.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Name(_) | Self::TooMany)
    }
}

impl Query {
    /// Reads what follows the `?`; `None` where there is none.
    ///
    /// # Errors
    /// Says what servers read differently.
    pub fn parse(raw: Option<&str>) -> Result<Self, QueryError> {
        let Some(raw) = raw else {
            return Ok(Self::default());
        };
        for byte in raw.bytes() {
            match byte {
                b';' => return Err(QueryError::Semicolon),
                0..=0x20 | 0x7f.. | b'#' => return Err(QueryError::Character),
                _ => {}
            }
        }
        let mut pairs = Vec::new();
        for (count, pair) in raw.split('&').enumerate() {
            // Express counts empty ones too.
            if count == MAX_NAMES {
                return Err(QueryError::TooMany);
            }
            if pair.is_empty() {
                continue;
            }
            let (name, value) = split_pair(pair).ok_or_else(|| QueryError::Name(shown(pair)))?;
            let name = decode_form(name)?;
            if split_name(&name).is_none() {
                return Err(QueryError::Name(shown(&name)));
            }
            pairs.push((name, decode_form(value)?));
        }
        Ok(Self {
            raw: Some(raw.to_owned()),
            pairs,
        })
    }

    /// Returns the query as received, without its `?`.
    #[must_use]
    pub fn raw(&self) -> Option<&str> {
        self.raw.as_deref()
    }

    /// Iterates over the decoded pairs in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Iterates over the values under one name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.pairs()
            .filter(move |(known, _)| *known == name)
            .map(|(_, value)| value)
    }
}

/// Decodes `+` and escapes, as `application/x-www-form-urlencoded`; newlines and tabs are values, NUL is not.
///
/// # Errors
/// When an escape is malformed, or the text is not UTF-8.
pub fn decode_form(text: &str) -> Result<String, QueryError> {
    let bytes = text.as_bytes();
    let well_formed = |at: usize| {
        bytes
            .get(at + 1..at + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if bytes
        .iter()
        .enumerate()
        .any(|(at, byte)| *byte == b'%' && !well_formed(at))
    {
        return Err(QueryError::BadEscape);
    }
    let spaced = if text.contains('+') {
        Cow::Owned(text.replace('+', " "))
    } else {
        Cow::Borrowed(text)
    };
    let decoded = percent_encoding::percent_decode_str(&spaced)
        .decode_utf8()
        .map_err(|_| QueryError::NotUtf8)?;
    if decoded.contains('\0') {
        return Err(QueryError::Character);
    }
    Ok(decoded.into_owned())
}

/// Shortens a malformed name, which can be any text of any length.
fn shown(name: &str) -> String {
    let escaped = name.chars().take(64).flat_map(char::escape_debug);
    escaped.collect()
}
