//! Decides which headers of a request an API gets.

use http::HeaderName;

use crate::connector::model::override_headers::{is_identity, is_override};
use crate::connector::model::standard_headers::{self, is_always_dropped};

/// What a connector says of headers, by lower-case names.
#[derive(Debug, Default)]
pub(crate) struct HeaderRules {
    /// `allow_headers`, default headers, places of credentials (which are emptied); sorted.
    pub(crate) declared: Box<[Box<str>]>,
    /// Prefixes of header names, from `x-vendor-*`.
    pub(crate) prefixes: Box<[Box<str>]>,
    /// What some route reads; sorted. It passes where one that the request is reads it.
    pub(crate) read: Box<[Box<str>]>,
    pub(crate) unknown: Unknown,
}

/// What becomes of a header on no list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// Dropped where every action is low, else the request is refused.
    #[default]
    Checked,
    /// The file says `unknown_headers: pass`.
    Passes,
}

impl HeaderRules {
    pub(crate) fn declares(&self, name: &str) -> bool {
        let exact = self.declared.binary_search_by(|known| (**known).cmp(name));
        exact.is_ok()
            || self
                .prefixes
                .iter()
                .any(|prefix| name.starts_with(&**prefix))
    }

    /// Returns whether some route reads it.
    pub(crate) fn reads(&self, name: &str) -> bool {
        self.read
            .binary_search_by(|known| (**known).cmp(name))
            .is_ok()
    }
}

/// Returns whether a header goes upstream only where a connector lists it under `allow_headers`, and may be listed there.
#[must_use]
pub fn needs_declaring(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let known = standard_headers::is_harmless(&name) || is_always_dropped(&name);
    let switches = is_identity(&name) || is_override(&name);
    !known && !switches && !name.contains('_') && name.parse::<HeaderName>().is_ok()
}
