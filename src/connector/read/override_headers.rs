//! Refuses headers and parameters by which an upstream does something other than what is judged.

use http::{HeaderMap, HeaderName};

use crate::connector::model::connector::Connector;
use crate::connector::model::override_headers::{URLS, is_identity, is_override};
use crate::connector::read::unreadable::{METHOD_OVERRIDE, Unreadable, UnreadableCode};
use crate::model::target::{METHOD_KEY, Query, Target, may_be};

/// Code of another identity than that of the credential.
pub(crate) const IDENTITY_HEADER: UnreadableCode = UnreadableCode::IdentityHeader;

/// Keys of queries by which servers take another method than the one sent, or another operation, beside `_method`: read by a
/// route, or refused.
const METHOD_KEYS: [&str; 7] = [
    "method",
    "$httpMethod",
    "_HttpMethod",
    "_http_method",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];

/// Keys of queries that switch identity.
const IDENTITY_KEYS: [&str; 1] = ["sudo"];

/// Makes the refusal of a header that switches identity and that no route of the request reads.
pub(crate) fn refuse_identity(name: &str) -> Unreadable {
    Unreadable {
        code: IDENTITY_HEADER,
        detail: format!("the header `{name}` switches identity, and no route here reads it"),
    }
}

impl Connector {
    /// Refuses a target that servers read in different ways, unless the API needs it, and what makes the upstream do another thing than
    /// the one judged. For a request, and for each member of a batch.
    ///
    /// # Errors
    /// `not_canonical`, and those of [`Self::check_switches`].
    pub fn check_target(&self, target: &Target, headers: &HeaderMap) -> Result<(), Unreadable> {
        let odd = target.path.oddities().without(self.allowed_oddities());
        if odd.is_empty() {
            return self.check_switches(headers, &target.query);
        }
        Err(Unreadable {
            code: UnreadableCode::NotCanonical,
            detail: format!("the path is spelled in a way that servers read differently ({odd})"),
        })
    }

    /// Refuses what makes the upstream do another thing than the one judged, unless the connector lists it.
    ///
    /// # Errors
    /// `METHOD_OVERRIDE` and `IDENTITY_HEADER`.
    pub fn check_switches(&self, headers: &HeaderMap, query: &Query) -> Result<(), Unreadable> {
        for name in headers.keys().map(HeaderName::as_str) {
            if is_override(name) && (URLS.contains(&name) || !self.lets_override(name)) {
                return Err(Unreadable {
                    code: METHOD_OVERRIDE,
                    detail: format!(
                        "the header `{name}` overrides the method or URL that is judged; leave it out"
                    ),
                });
            }
            if is_identity(name) && !self.header_rules.reads(name) {
                return Err(refuse_identity(name));
            }
        }
        if query.pairs().any(|(name, _)| self.refuses_key(name)) {
            return Err(refuse_key(METHOD_KEY));
        }
        Ok(())
    }

    /// Refuses a key of the query that switches method, operation or identity, unless something that was judged reads it.
    pub(crate) fn check_query_switches(
        &self,
        query: &Query,
        is_read: impl Fn(&str) -> bool,
    ) -> Result<(), Unreadable> {
        for (given, _) in query.pairs() {
            // Shorter than every one of them, as most keys are.
            if given.len() < 4 {
                continue;
            }
            let like = |known: &&&str| may_be(known, given) && !is_read(given);
            if let Some(known) = METHOD_KEYS.iter().find(like)
                && !self.lets_override(known)
                && !self.lets_override(given)
            {
                return Err(refuse_key(known));
            }
            if let Some(known) = IDENTITY_KEYS.iter().find(like) {
                return Err(Unreadable {
                    code: IDENTITY_HEADER,
                    detail: format!(
                        "the query key `{known}` switches identity, and no route here reads it"
                    ),
                });
            }
        }
        Ok(())
    }
}

fn refuse_key(key: &str) -> Unreadable {
    Unreadable {
        code: METHOD_OVERRIDE,
        detail: format!(
            "the query key `{key}` overrides the method or operation that is judged; leave it out, or have a route read it (`query:{key}`)"
        ),
    }
}
