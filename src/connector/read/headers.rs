//! Outgoing headers: an allow-list. A request and the routes that it turned out to be in; the headers on no list out.
//!
//! INVARIANT: a header goes upstream only if its name is on the list of harmless ones, the connector declares it, or a route that
//! the request is reads it.

use http::{HeaderMap, HeaderName};

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
