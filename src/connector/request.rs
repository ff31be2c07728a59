//! A request as the routes of a connector read it: captured labels, query, headers and body fields under one roof.
//!
//! INVARIANT: a name that is read and present twice in one place refuses the request.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, Method};
use unicase::UniCase;

use super::Unreadable;
use super::body::Fields;
use crate::model::target::Query;

/// Code of a name that can be read in two ways.
pub(super) const AMBIGUOUS: &str = "ambiguous_parameter";
/// Code of a value that is not written as the connector says.
pub(super) const FORM: &str = "parameter_form";

/// What one route reads from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) method: &'a Method,
    pub(super) query: &'a Query,
    pub(super) headers: &'a HeaderMap,
    /// Decoded, in order: host, base path, path.
    pub(super) captures: &'a [(Arc<str>, Cow<'a, str>)],
    /// `None` where no candidate reads the body.
    pub(super) fields: Option<&'a Fields>,
}

impl<'a> Request<'a> {
    /// Returns what was captured under a name.
    pub(super) fn captured(&self, name: &str) -> Option<&'a str> {
        self.captures
            .iter()
            .find(|(known, _)| **known == *name)
            .map(|(_, value)| &**value)
    }

    /// Returns the one value of a query key.
    pub(super) fn query_value(&self, key: &str) -> Result<Option<&'a str>, Unreadable> {
        check_spelling(self.query, key)?;
        let mut values = self
            .query
            .pairs()
            .filter(|(known, _)| *known == key)
            .map(|(_, value)| value);
        let first = values.next();
        match values.next() {
            Some(_) => Err(ambiguous(format!(
                "the query has `{}` twice",
                key.escape_debug()
            ))),
            None => Ok(first),
        }
    }

    /// Returns all values of a query key.
    pub(super) fn query_values(&self, key: &str) -> Result<Vec<&'a str>, Unreadable> {
        check_spelling(self.query, key)?;
        Ok(self
            .query
            .pairs()
            .filter(|(known, _)| *known == key)
            .map(|(_, value)| value)
            .collect())
    }

    /// Returns the one value of a header.
    pub(super) fn header(&self, name: &HeaderName) -> Result<Option<&'a str>, Unreadable> {
        let mut values = self.headers.get_all(name).iter();
        let Some(first) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(ambiguous(format!("the header `{name}` is there twice")));
        }
        let text = std::str::from_utf8(first.as_bytes()).ok().map(str::trim);
        let text = text.filter(|text| !text.chars().any(char::is_control));
        text.map(Some)
            .ok_or_else(|| form(format!("the header `{name}` is not text")))
    }
}

/// Refuses a key that servers may take for a read one: another case, or the bracket form of Rails, PHP and qs.
fn check_spelling(query: &Query, key: &str) -> Result<(), Unreadable> {
    let alike = query
        .pairs()
        .map(|(known, _)| known)
        .find(|known| *known != key && same_key(key, known));
    alike.map_or(Ok(()), |other| {
        Err(ambiguous(format!(
            "the query has the key `{}`, spelled unlike the one that is read",
            other.escape_debug()
        )))
    })
}

/// Returns whether a server may take `given` for the key `read`.
pub(super) fn same_key(read: &str, given: &str) -> bool {
    let same = |given: &str| read == given || UniCase::unicode(read) == UniCase::unicode(given);
    same(given) || given.split_once('[').is_some_and(|(name, _)| same(name))
}

/// Makes the refusal of a name that can be read in two ways.
pub(super) fn ambiguous(detail: String) -> Unreadable {
    Unreadable {
        code: AMBIGUOUS,
        detail,
    }
}

/// Makes the refusal of a value that is not written as the connector says.
pub(super) fn form(detail: String) -> Unreadable {
    Unreadable { code: FORM, detail }
}
