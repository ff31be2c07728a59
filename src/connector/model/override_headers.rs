//! Lists headers by which an upstream does something else than what is judged.

/// Headers by which frameworks take another method than the one sent.
const METHODS: [&str; 3] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];

/// Headers by which servers take another URL than the one sent.
pub(crate) const URLS: [&str; 5] = [
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

/// Returns whether a header switches identity or tenant.
pub(crate) fn is_identity(name: &str) -> bool {
    let mut prefixes = IDENTITY_PREFIXES.iter();
    IDENTITIES.contains(&name) || prefixes.any(|prefix| name.starts_with(prefix))
}

/// Returns whether a header makes servers take another method or URL than the one sent.
pub(crate) fn is_override(name: &str) -> bool {
    METHODS.contains(&name) || URLS.contains(&name)
}
