//! Defines where a request goes: host, path and query in the one canonical spelling that is judged and sent.

mod host;
mod name;
mod path;
mod query;
mod spelling;

pub use host::{Authority, Host, HostError};
pub use name::{MAX_NAMES, is_shared_key, split_name, split_pair};
pub use path::{Oddities, Oddity, Path, PathError, decode};
pub use query::{Query, QueryError, decode_form};
pub use spelling::{METHOD_KEY, may_be, overrides_method, same_key};

/// A request line in canonical form, which is both judged and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Method in upper case, as sent.
    pub method: http::Method,
    /// Host and port that the agent named; all its spellings agree.
    pub authority: Authority,
    /// Path in canonical form.
    pub path: Path,
    /// Query string, as received.
    pub query: Query,
    /// Whether the agent asked for TLS; only port 80 of a connector with `http: true` is without.
    pub tls: bool,
}

impl Target {
    /// Returns the request target as it is sent in origin form.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        match self.query.raw() {
            Some(query) => format!("{}?{query}", self.path.as_str()),
            None => self.path.as_str().to_owned(),
        }
    }
}
