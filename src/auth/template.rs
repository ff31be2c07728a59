//! Lists the ways of putting a credential on; each has a file beside this one.

use http::header::COOKIE;
use http::{HeaderMap, HeaderName};

use super::{ApplyError, Fields, basic, bearer, body, cookie, header, hmac, path, query, sigv4};

/// One way of putting a credential on. THE list of ways; a scheme may take several.
#[derive(Debug, Clone)]
pub(super) enum Template {
    /// Writes `Authorization: Bearer …` (RFC 6750).
    Bearer(bearer::Bearer),
    /// Writes `Authorization: Basic …` (RFC 7617).
    Basic(basic::Basic),
    /// Headers of the API's own.
    Header(header::Header),
    /// Writes pairs of the query.
    Query(query::Query),
    /// Writes pairs of `Cookie`.
    Cookie(cookie::Cookie),
    /// Writes a prefix of the path.
    Path(path::Path),
    /// Writes into a judged body.
    Body(body::Body),
    /// Signs as AWS does; over what all others have written.
    Sigv4(sigv4::Sigv4),
    /// Signs with a keyed hash; over what all others have written.
    Hmac(hmac::Hmac),
}

impl Template {
    /// Writes what depends on the fields alone; returns whether that is all that there is.
    pub(super) fn apply_to_head(
        &self,
        fields: &Fields,
        headers: &mut HeaderMap,
    ) -> Result<bool, ApplyError> {
        match self {
            Self::Bearer(way) => way.apply(fields, headers)?,
            Self::Basic(way) => way.apply(fields, headers)?,
            Self::Header(way) => way.apply(fields, headers)?,
            Self::Query(_)
            | Self::Cookie(_)
            | Self::Path(_)
            | Self::Body(_)
            | Self::Sigv4(_)
            | Self::Hmac(_) => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn headers(&self) -> Vec<HeaderName> {
        match self {
            Self::Bearer(_) | Self::Basic(_) => vec![http::header::AUTHORIZATION],
            Self::Header(way) => way.names().cloned().collect(),
            Self::Cookie(_) => vec![COOKIE],
            Self::Sigv4(_) => sigv4::written(),
            Self::Hmac(way) => way.headers.iter().map(|(name, _)| name.clone()).collect(),
            Self::Query(_) | Self::Path(_) | Self::Body(_) => Vec::new(),
        }
    }

    pub(super) fn query(&self) -> Vec<&str> {
        match self {
            Self::Query(way) => way.names().collect(),
            Self::Sigv4(_) => sigv4::QUERY.to_vec(),
            Self::Hmac(way) => way.query.iter().map(|(name, _)| name.as_str()).collect(),
            Self::Bearer(_)
            | Self::Basic(_)
            | Self::Header(_)
            | Self::Cookie(_)
            | Self::Path(_)
            | Self::Body(_) => Vec::new(),
        }
    }
}
