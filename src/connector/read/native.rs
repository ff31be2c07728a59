//! Native overrides: what of a request no data can say, read by code; a request in, named labels out.
//!
//! An override only tells what is there. Which action it is and how risky stays with the connector file.

pub(crate) mod aws;

use std::fmt;

use crate::connector::read::reading::Unreadable;
use crate::connector::read::request::Request;

/// Every override that `native:` can name. THE list.
const ALL: [&dyn Native; 1] = [&aws::Aws];

/// What an override reads.
pub(crate) trait Native: fmt::Debug + Sync {
    /// What `native:` says.
    fn name(&self) -> &'static str;

    /// Its labels: each is a parameter of routes, and fills holes in names.
    fn labels(&self) -> &'static [Label];

    /// Says what a header is to the API; lower-case.
    fn header(&self, name: &str) -> HeaderUse;

    /// Iterates over the parameters that headers can be, for policies.
    fn header_parameters(&self) -> Box<dyn Iterator<Item = HeaderUse>>;

    /// Reads a label in the host and the headers; `None` where they do not say.
    fn read(&self, label: &str, request: &Request<'_>) -> Result<Option<String>, Unreadable>;
}

/// What a header is to an API that an override knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderUse {
    /// Nothing that the override knows.
    Unknown,
    /// It changes nothing about what is done.
    Transport,
    /// It says what is done: a parameter of this name.
    Parameter(&'static str),
    /// One of several under the parameter of this name, a list of `name=value`.
    Member(&'static str),
    /// The API may obey it, and the override does not know how.
    Refused,
}

/// Something that an override tells.
#[derive(Debug)]
pub(crate) struct Label {
    pub(crate) name: &'static str,
    pub(crate) reach: Reach,
}

/// Where else a label stands, beside what the override reads itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nowhere: it is a parameter of every route.
    Head,
    /// In forms, in the body or the query, under this name; read by routes whose name has a hole for it.
    Form(&'static str),
}

/// One label of one override.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    pub(crate) native: &'static dyn Native,
    pub(crate) label: &'static str,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        (self.native.name(), self.label) == (other.native.name(), other.label)
    }
}

impl Eq for Source {}

/// Returns the override of a name.
pub(crate) fn named(name: &str) -> Option<&'static dyn Native> {
    ALL.into_iter().find(|native| native.name() == name)
}

/// Iterates over the known names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|native| native.name())
}
