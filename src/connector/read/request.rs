//! Shows a request as the routes of a connector read it: captured labels, query, headers and the body under one roof.
//!
//! INVARIANT: a name that is read and present twice in one place refuses the request.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, Method};

use crate::connector::model::name_path::NamePath;
use crate::connector::read::form::Form;
use crate::connector::read::json::Fields;
use crate::connector::read::names::{Named, PairValue};
use crate::connector::read::operation::Operation;
use crate::connector::read::unreadable::{Unreadable, ambiguous, form};
use crate::model::header_value;
use crate::model::target::{Host, Query};

/// What one route reads from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a Method,
    pub(crate) host: &'a Host,
    pub(crate) query: &'a Query,
    pub(crate) headers: &'a HeaderMap,
    /// Decoded, in order: host, base path, path.
    pub(crate) captures: &'a [(&'a str, Cow<'a, str>)],
    pub(crate) body: Body<'a>,
    /// Names that differ from others only in spelling, and are read themselves.
    pub(crate) twins: &'a [Box<str>],
    /// Which part of the request this is; `None` where it is one part.
    pub(crate) operation: Option<&'a Operation>,
}

/// What is known of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'a> {
    /// No candidate reads it.
    Unread,
    /// A body that was read as JSON.
    Json(&'a Fields),
    /// Read as a form, urlencoded or multipart.
    Form(&'a Form<'a>),
}

impl<'a> Request<'a> {
    /// Returns what was captured under a name.
    pub(crate) fn captured(&self, name: &str) -> Option<&'a str> {
        self.captures
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| &**value)
    }

    /// Returns what the query holds under a name.
    pub(crate) fn query(&self, name: &NamePath) -> Result<Named<'a>, Unreadable> {
        let pairs = self.query.pairs();
        name.read(
            ("query", self.twins),
            pairs.map(|(name, value)| (name, PairValue::Text(value))),
        )
    }

    /// Returns what the form holds under a name; nothing where the body is none.
    pub(crate) fn form(&self, name: &NamePath) -> Result<Named<'a>, Unreadable> {
        match self.body {
            Body::Form(form) => name.read(("form", self.twins), form.pairs()),
            Body::Json(_) | Body::Unread => Ok(Named::default()),
        }
    }

    /// Returns the one value of a header.
    pub(crate) fn header(&self, name: &HeaderName) -> Result<Option<&'a str>, Unreadable> {
        let mut values = self.headers.get_all(name).iter();
        let Some(first) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(ambiguous(format!("the header `{name}` is there twice")));
        }
        // As it is sent: white space around it is gone since the head was read, and nothing else is trimmed.
        let text = header_value::text(first.as_bytes());
        text.map(Some)
            .ok_or_else(|| form(format!("the header `{name}` is not text")))
    }
}

impl<'a> Body<'a> {
    /// Returns the values of a body that was read as JSON.
    pub(crate) fn fields(self) -> Option<&'a Fields> {
        match self {
            Self::Json(fields) => Some(fields),
            Self::Form(_) | Self::Unread => None,
        }
    }
}
