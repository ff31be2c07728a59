//! Puts credentials on requests by the schemes of connectors. `Template` lists the ways; each has a file in `auth/`.
//!
//! A compiled scheme names only fields that it declares, so applying it can fail only for what the vault holds.

mod basic;
mod bearer;
mod compile;
mod header;
mod manifest;
mod placement;
mod query;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use http::{HeaderMap, HeaderName};

use crate::config::diagnostic::{Report, Source};
use crate::model::secret::Secret;

pub use manifest::{BasicManifest, FieldManifest, SchemeManifest};

/// A scheme, checked and ready to apply.
#[derive(Debug, Clone)]
pub struct Scheme {
    /// Unique in the connector.
    pub id: String,
    fields: Vec<Field>,
    templates: Vec<Template>,
    placement: Box<str>,
    env: Vec<(String, String)>,
}

/// One field of a scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name of the field, `[a-z][a-z0-9_]*`.
    pub name: String,
    /// Whether its bytes are a secret.
    pub secret: bool,
}

/// The opened fields of one credential: all of the scheme's fields, secret or not.
pub type Fields = BTreeMap<String, Secret>;

/// The part of an outgoing request that a scheme may write to.
pub struct Outgoing<'a> {
    /// Headers as they will be sent.
    pub headers: &'a mut HeaderMap,
    /// Query without `?`, as it will be sent.
    pub query: &'a mut Option<String>,
}

/// Places where an API takes credentials; those that an agent sends there are stripped or refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Header names in lower case.
    pub headers: Vec<String>,
    /// Keys of query pairs.
    pub query: Vec<String>,
    /// Lower-case entries of `Sec-WebSocket-Protocol`; one that ends in `*` is a prefix.
    pub protocols: Vec<String>,
}

/// Reasons why a credential cannot be put on.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The stored credential lacks it.
    #[error("the credential has no field `{0}`")]
    MissingField(String),
    /// Control characters or bytes that a header cannot hold.
    #[error("field `{0}` cannot be written into a header")]
    NotAHeaderValue(String),
}

/// One way of putting a credential on. THE list of ways; a scheme may take several.
#[derive(Debug, Clone)]
enum Template {
    /// Writes `Authorization: Bearer …` (RFC 6750).
    Bearer(bearer::Bearer),
    /// Writes `Authorization: Basic …` (RFC 7617).
    Basic(basic::Basic),
    /// Headers of the API's own.
    Header(header::Header),
    /// Writes pairs of the query.
    Query(query::Query),
}

// === impl Outgoing ===

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outgoing(..)")
    }
}

// === impl Scheme ===

impl Scheme {
    /// Compiles a scheme; every problem goes into the report.
    pub fn compile(
        manifest: &SchemeManifest,
        source: &Source,
        report: &mut Report,
    ) -> Option<Self> {
        compile::compile(manifest, &BTreeSet::new(), source, report)
    }

    /// As [`Scheme::compile`], where the operator lets these variables be set too.
    pub fn compile_with(
        manifest: &SchemeManifest,
        variables: &BTreeSet<String>,
        source: &Source,
        report: &mut Report,
    ) -> Option<Self> {
        compile::compile(manifest, variables, source, report)
    }

    /// Returns the fields in file order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Returns where this scheme writes what, as one text: credentials are bound to it.
    #[must_use]
    pub fn placement(&self) -> &str {
        &self.placement
    }

    /// Returns where this scheme writes, sorted.
    #[must_use]
    pub fn places(&self) -> Places {
        let mut places = Places::default();
        for template in &self.templates {
            places.headers.extend(
                template
                    .headers()
                    .iter()
                    .map(|name| name.as_str().to_owned()),
            );
            places
                .query
                .extend(template.query().into_iter().map(str::to_owned));
        }
        places.headers.sort_unstable();
        places.query.sort_unstable();
        places
    }

    /// Returns the variables that SDKs look for, sorted, with `{placeholder}` and `{field}` still in them.
    #[must_use]
    pub fn env(&self) -> &[(String, String)] {
        &self.env
    }

    /// Puts the credential on, in place of an earlier one. After an error the request may be half written and is not sent.
    ///
    /// # Errors
    ///
    /// If a field is missing or cannot be written.
    pub fn apply(&self, fields: &Fields, outgoing: &mut Outgoing<'_>) -> Result<(), ApplyError> {
        for template in &self.templates {
            match template {
                Template::Bearer(way) => way.apply(fields, outgoing.headers)?,
                Template::Basic(way) => way.apply(fields, outgoing.headers)?,
                Template::Header(way) => way.apply(fields, outgoing.headers)?,
                Template::Query(way) => way.apply(fields, outgoing.query)?,
            }
        }
        Ok(())
    }
}

// === impl Template ===

impl Template {
    fn headers(&self) -> Vec<HeaderName> {
        match self {
            Self::Bearer(_) | Self::Basic(_) => vec![http::header::AUTHORIZATION],
            Self::Header(way) => way.names().cloned().collect(),
            Self::Query(_) => Vec::new(),
        }
    }

    fn query(&self) -> Vec<&str> {
        match self {
            Self::Query(way) => way.names().collect(),
            Self::Bearer(_) | Self::Basic(_) | Self::Header(_) => Vec::new(),
        }
    }
}
