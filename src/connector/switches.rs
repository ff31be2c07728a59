//! Headers and parameters by which an upstream does something other than what is judged: a request in, a refusal out.

use http::{HeaderMap, HeaderName};

use super::{Connector, Unreadable};
use crate::model::target::Query;

/// Code of another method or URL than the one that is judged.
pub const METHOD_OVERRIDE: &str = "method_override";
/// Code of another identity than that of the credential.
pub const IDENTITY_HEADER: &str = "identity_header";

/// Headers by which frameworks take another method than the one sent.
const METHODS: [&str; 3] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];

/// Headers by which servers take another URL than the one sent.
const URLS: [&str; 5] = [
    "x-original-url",
    "x-rewrite-url",
    "x-original-uri",
    "x-forwarded-uri",
    "x-forwarded-path",
];

/// Headers that switch identity or tenant: parameters of a connector, or refused.
const IDENTITIES: [&str; 10] = [
    "sudo",
    "stripe-account",
    "stripe-context",
    "x-on-behalf-of",
    "x-act-as",
    "x-acting-as",
    "x-tenant-id",
    "xero-tenant-id",
    "mscrmcallerid",
    "callerobjectid",
];

/// How others of them begin.
const IDENTITY_PREFIXES: [&str; 2] = ["impersonate-", "x-impersonate-"];

impl Connector {
    /// Refuses what makes the upstream do another thing than the one judged, unless the connector lists it.
    ///
    /// # Errors
    /// [`METHOD_OVERRIDE`] and [`IDENTITY_HEADER`].
    pub fn check_switches(&self, headers: &HeaderMap, query: &Query) -> Result<(), Unreadable> {
        for name in headers.keys().map(HeaderName::as_str) {
            let overrides = METHODS.contains(&name) && !self.lets_override(name);
            if overrides || URLS.contains(&name) {
                return Err(Unreadable {
                    code: METHOD_OVERRIDE,
                    detail: format!(
                        "the header `{name}` overrides the method or URL that is judged; leave it out"
                    ),
                });
            }
            let mut prefixes = IDENTITY_PREFIXES.iter();
            let identity =
                IDENTITIES.contains(&name) || prefixes.any(|prefix| name.starts_with(prefix));
            if identity && !self.listed_headers.iter().any(|listed| listed == name) {
                return Err(Unreadable {
                    code: IDENTITY_HEADER,
                    detail: format!(
                        "the header `{name}` switches identity, and the connector does not list it"
                    ),
                });
            }
        }
        if query.pairs().any(|(name, _)| self.refuses_key(name)) {
            return Err(Unreadable {
                code: METHOD_OVERRIDE,
                detail: "the query key `_method` overrides the method that is judged; leave it out"
                    .to_owned(),
            });
        }
        Ok(())
    }
}
