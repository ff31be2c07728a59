//! Credentials in bodies: the places that a connector lists and a body in, the place where an agent put one of its own out.
//!
//! What stands in a header or query is stripped; a body goes out as it was judged, so a credential in it refuses the request.

use crate::connector::model::body_path::PathId;
use crate::connector::model::client_credential::BodyPlaces;
use crate::connector::model::connector::Connector;
use crate::connector::read::request::Request;
use crate::connector::read::unreadable::Unreadable;
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

/// Returns the key by which a query is signed as a whole.
#[must_use]
pub fn query_signature(query: &Query) -> Option<&'static str> {
    let has = |key: &&str| {
        query
            .pairs()
            .any(|(name, _)| name.eq_ignore_ascii_case(key))
    };
    let signed = SIGNED.iter().find(|keys| keys.iter().all(&has))?;
    signed.first().copied()
}

impl BodyPlaces {
    /// Returns the place in which the body holds a credential.
    pub(crate) fn find(&self, request: &Request<'_>) -> Result<Option<String>, Unreadable> {
        for name in &self.form {
            let named = request.form(name)?;
            if named.count > 0 || named.misfit {
                return Ok(Some(format!("form:{name}")));
            }
        }
        let fields = request.body.fields();
        let there = |path: &PathId| {
            let slot = fields.and_then(|fields| fields.get(*path));
            slot.is_some_and(|slot| slot.count > 0 || slot.misfit)
        };
        let found = self.json.iter().find(|(path, _)| there(path));
        Ok(found.map(|(_, text)| text.to_string()))
    }
}

impl Connector {
    /// Returns a name of the query that some server takes for a key of a credential, but that is not stripped as one.
    pub fn half_credential<'q>(&self, query: &'q Query) -> Option<&'q str> {
        let keys = &self.credential_places().query;
        let mut names = query.pairs().map(|(name, _)| name);
        names.find(|name| {
            keys.iter().any(|key| may_be(key, name))
                && !keys.iter().any(|key| key.eq_ignore_ascii_case(name))
        })
    }
}
