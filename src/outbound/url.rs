//! Parses the URLs that the gateway itself calls: `https://host[:port]/path[?query]`, nothing else.

use std::fmt;
use std::str::FromStr;

use crate::model::target::{Authority, HostError};

const HTTPS: u16 = 443;

/// An HTTPS URL. `Debug` and `Display` show no query, which may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpsUrl {
    authority: Authority,
    path: String,
    query: Option<String>,
}

/// Why a text is not such a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpsUrlError {
    /// Another scheme, or none.
    #[error("it does not begin with `https://`")]
    Scheme,
    /// It has a user, a fragment, or characters that no URL has.
    #[error("it is not `https://host/path`")]
    Form,
    /// The host is none.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl HttpsUrl {
    /// Returns host and port.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns path and query as they are sent.
    #[must_use]
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

impl FromStr for HttpsUrl {
    type Err = HttpsUrlError;

    fn from_str(text: &str) -> Result<Self, HttpsUrlError> {
        let rest = text.strip_prefix("https://").ok_or(HttpsUrlError::Scheme)?;
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>^`{|}#".contains(&byte);
        if !rest.bytes().all(is_plain) {
            return Err(HttpsUrlError::Form);
        }
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query.to_owned())),
            None => (rest, None),
        };
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, format!("/{path}")),
            None => (rest, "/".to_owned()),
        };
        if authority.contains('@') {
            return Err(HttpsUrlError::Form);
        }
        Ok(Self {
            authority: Authority::parse(authority, HTTPS)?,
            path,
            query,
        })
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.authority, self.path)
    }
}

impl fmt::Debug for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
