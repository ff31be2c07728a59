//! Finds credentials of the client's own that would go out: those in the places that a connector lists, and signatures of a query.
//!
//! What a request has in a header or query is taken out; a body, and each member of a batch in it, goes out as it was judged.

use std::fmt;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

use crate::connector::model::body_path::PathId;
use crate::connector::model::client_credential::BodyPlaces;
use crate::connector::model::connector::Connector;
use crate::connector::read::request::Request;
use crate::connector::read::unreadable::Unreadable;
use crate::model::show::brief;
use crate::model::target::{Query, may_be};

/// Keys of a query that is signed as a whole: without them it is another request, and with them it is somebody else's.
const SIGNED: [&[&str]; 5] = [
    &["X-Amz-Signature"],
    &["X-Goog-Signature"],
    &["X-Oss-Signature"],
    &["X-Tos-Signature"],
    // A shared access signature of Azure: `sig` alone is too common a name.
    &["sig", "sv"],
];

/// What becomes of the places where an API takes credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// They are emptied before the request is sent, so only what stays there counts.
    Emptied,
    /// They are sent as the client wrote them, as in a member of a batch.
    AsWritten,
}

/// Where a request carries a credential of the client's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialPlace<'r> {
    /// The query is signed as a whole, by this key.
    Signature(&'static str),
    /// A header in which the API takes one.
    Header(&'r str),
    /// A name of the query that is, or that some server takes for, a key in which the API takes one.
    Query(&'r str),
}

impl fmt::Display for CredentialPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Signature(key) => write!(f, "query:{key}"),
            Self::Query(key) => write!(f, "query:{}", brief(key)),
        }
    }
}

impl BodyPlaces {
    /// Returns all places in which the body holds a credential.
    pub(crate) fn find(&self, request: &Request<'_>) -> Result<Vec<String>, Unreadable> {
        let mut found = Vec::new();
        for name in &self.form {
            let named = request.form(name)?;
            if named.count > 0 || named.misfit {
                found.push(format!("form:{name}"));
            }
        }
        let fields = request.body.fields();
        let there = |path: &PathId| {
            let slot = fields.and_then(|fields| fields.get(*path));
            slot.is_some_and(|slot| slot.count > 0 || slot.misfit)
        };
        let json = self.json.iter().filter(|(path, _)| there(path));
        found.extend(json.map(|(_, text)| text.to_string()));
        Ok(found)
    }
}

impl Connector {
    /// Returns the headers in which the API takes a credential, and those in which HTTP does. Lower-case.
    pub fn credential_headers(&self) -> impl Iterator<Item = &str> {
        let usual = [AUTHORIZATION.as_str(), COOKIE.as_str()];
        let own = self.credential_places().headers.iter();
        usual.into_iter().chain(own.map(String::as_str))
    }

    /// Returns where a request carries a credential of the client's own that would be sent. Bodies are searched as they are read.
    ///
    /// `headers` are looked at only where they are sent as written.
    #[must_use]
    pub fn client_credential<'r>(
        &'r self,
        query: &'r Query,
        headers: &'r HeaderMap,
        sending: Sending,
    ) -> Option<CredentialPlace<'r>> {
        let header = || {
            let mut names = self.credential_headers();
            names.find(|name| sending == Sending::AsWritten && headers.contains_key(*name))
        };
        let own = &self.credential_places().query;
        let is_emptied =
            |key: &&str| sending == Sending::Emptied && own.iter().any(|own| own == key);
        let signature = signature(query).filter(|key| !is_emptied(key));
        let signature = signature.map(CredentialPlace::Signature);
        signature
            .or_else(|| header().map(CredentialPlace::Header))
            .or_else(|| {
                self.credential_key(query, sending)
                    .map(CredentialPlace::Query)
            })
    }

    fn credential_key<'q>(&self, query: &'q Query, sending: Sending) -> Option<&'q str> {
        let keys = &self.credential_places().query;
        let is_emptied = |name: &str| {
            sending == Sending::Emptied && keys.iter().any(|key| key.eq_ignore_ascii_case(name))
        };
        let mut names = query.pairs().map(|(name, _)| name);
        names.find(|name| keys.iter().any(|key| may_be(key, name)) && !is_emptied(name))
    }
}

/// Returns the key by which a query is signed as a whole.
fn signature(query: &Query) -> Option<&'static str> {
    let has = |key: &&str| {
        query
            .pairs()
            .any(|(name, _)| name.eq_ignore_ascii_case(key))
    };
    let signed = SIGNED.iter().find(|keys| keys.iter().all(&has))?;
    signed.first().copied()
}
