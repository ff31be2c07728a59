//! Keeps outgoing headers by an allow-list. A request and the routes that it turned out to be in; the headers on no list out.
//!
//! INVARIANT: a header goes upstream only if its name is on the list of harmless ones, the connector declares it, or a route that
//! the request is reads it.

use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::connector::model::connector::Connector;
use crate::connector::model::group::Group;
use crate::connector::model::header_rules::Unknown;
use crate::connector::model::native::HeaderUse;
use crate::connector::model::override_headers::is_identity;
use crate::connector::model::parameter::Origin;
use crate::connector::model::route::Route;
use crate::connector::model::standard_headers;
use crate::connector::read::override_headers::refuse_identity;
use crate::connector::read::unreadable::{Unreadable, UnreadableCode};
use crate::model::header_value;

/// Code of a header that is on no list.
pub(crate) const UNDECLARED_HEADER: UnreadableCode = UnreadableCode::UndeclaredHeader;

/// What a request turned out to be, as far as headers are concerned.
pub(crate) struct Readers<'a, A, G> {
    /// The routes that it is.
    pub(crate) applying: A,
    /// What was looked at to find them: a `when` that did not hold has read its header too.
    pub(crate) groups: G,
    /// Some of it is no route.
    pub(crate) has_unknown: bool,
    pub(crate) connector: &'a Connector,
}

impl<'a, A, G> Readers<'a, A, G>
where
    A: Iterator<Item = &'a Route> + Clone,
    G: Iterator<Item = &'a Group> + Clone,
{
    /// Returns the headers that are on no list.
    ///
    /// # Errors
    /// `identity_header`, and `undeclared_header` for one that the connector's override knows to change what is done.
    pub(crate) fn unlisted(&self, headers: &HeaderMap) -> Result<Vec<HeaderName>, Unreadable> {
        let mut unlisted = Vec::new();
        let rules = &self.connector.header_rules;
        for name in headers.keys() {
            let text = name.as_str();
            if standard_headers::is_harmless(text) || rules.declares(text) {
                continue;
            }
            if rules.reads(text) && self.read(text) {
                continue;
            }
            if is_identity(text) {
                return Err(refuse_identity(text));
            }
            match self.native(text) {
                HeaderUse::Unknown => {}
                HeaderUse::Transport => continue,
                HeaderUse::Parameter(_) | HeaderUse::Member(_) if !self.has_unknown => continue,
                HeaderUse::Parameter(_) | HeaderUse::Member(_) | HeaderUse::Refused => {
                    return Err(refuse(text, self.connector));
                }
            }
            if rules.unknown == Unknown::Checked && !self.connector.lets_override(text) {
                unlisted.push(name.clone());
            }
        }
        Ok(unlisted)
    }

    fn native(&self, name: &str) -> HeaderUse {
        let native = self.connector.native;
        native.map_or(HeaderUse::Unknown, |native| native.header(name))
    }

    /// Returns whether a route that the request is, or a condition on the way to it, reads the header.
    fn read(&self, name: &str) -> bool {
        let conditions = self
            .groups
            .clone()
            .flat_map(|group| group.table.routes())
            .filter_map(|number| self.connector.route(number));
        self.applying.clone().any(|route| route.reads_header(name))
            || conditions
                .flat_map(|route| &route.when)
                .any(|when| when.headers.iter().any(|known| known == name))
    }
}

impl Route {
    fn reads_header(&self, name: &str) -> bool {
        let mut origins = self.params.iter().flat_map(|param| &*param.origins);
        origins.any(|origin| matches!(origin, Origin::Header(known) if known.as_str() == name))
    }
}

/// Strips the white space that may stand around a value (RFC 9110 section 5.5), so that the bytes that are judged are the bytes that
/// are sent; refuses a value that servers read as different texts.
///
/// Runs before anything looks at a value, and nothing trims one later: HTTP/1.1 readers strip it, HTTP/2 readers do not.
///
/// # Errors
/// `not_canonical`
pub fn clean(headers: &mut HeaderMap) -> Result<(), Unreadable> {
    for (name, value) in headers.iter_mut() {
        let bytes = value.as_bytes();
        let refused = || Unreadable {
            code: UnreadableCode::NotCanonical,
            detail: format!(
                "the header `{name}` holds a space or control character that servers read differently; leave it out"
            ),
        };
        if !header_value::is_clean(bytes) {
            return Err(refused());
        }
        let trimmed = header_value::trim_bytes(bytes);
        if trimmed.len() == bytes.len() {
            continue;
        }
        let mut stripped = HeaderValue::from_bytes(trimmed).map_err(|_| refused())?;
        stripped.set_sensitive(value.is_sensitive());
        *value = stripped;
    }
    Ok(())
}

/// Returns the headers that concern this hop only: fixed names, those that `Connection` nominates, names with `_`.
#[must_use]
pub fn not_forwarded(headers: &HeaderMap) -> Vec<HeaderName> {
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| header_value::entries(value.as_bytes()))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .collect();
    let names = headers.keys().filter(|name| {
        standard_headers::is_always_dropped(name.as_str())
            || nominated.contains(name)
            // WSGI, CGI and others read `X_Y` as `X-Y`.
            || name.as_str().bytes().any(|byte| byte == b'_')
    });
    names.cloned().collect()
}

/// Refuses a header that no one may drop: without it the request would be another one.
pub(crate) fn refuse(name: &str, connector: &Connector) -> Unreadable {
    Unreadable {
        code: UNDECLARED_HEADER,
        detail: format!(
            "the header `{name}` is not declared by the connector `{}`: leave it out, or have it declared (`allow_headers`, or as a parameter `header:{name}`)",
            connector.id
        ),
    }
}
