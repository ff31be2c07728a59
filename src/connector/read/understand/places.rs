//! Refuses names that stand in two places of a request: what is read in one must not be in the other.

use crate::connector::model::connector::Connector;
use crate::connector::model::group::Group;
use crate::connector::read::request::Body;
use crate::connector::read::understand::Parsed;
use crate::connector::read::unreadable::{METHOD_OVERRIDE, Unreadable, ambiguous};
use crate::model::show::brief;
use crate::model::target::{METHOD_KEY, Query, may_be};

impl Parsed<'_> {
    pub(crate) fn body(&self) -> Body<'_> {
        match self {
            Self::Unread => Body::Unread,
            Self::Json(fields) => Body::Json(fields),
            Self::Form(form) => Body::Form(form),
        }
    }
}

impl Body<'_> {
    /// Returns whether every outermost key of the body is one of these.
    pub(crate) fn lies_in(self, keys: &[&str]) -> bool {
        match self {
            Self::Unread => true,
            Self::Json(fields) => fields.keys.iter().all(|key| keys.contains(&key.as_str())),
            Self::Form(form) => form.lies_in(keys),
        }
    }

    /// Returns whether servers may take another method than the one sent from an outermost key of the body.
    fn overrides_method(self) -> bool {
        match self {
            Self::Unread => false,
            Self::Json(fields) => fields.overrides_method,
            Self::Form(form) => form.overrides_method(),
        }
    }

    /// Returns an outermost key of the body that some server may take for this one.
    fn like(&self, key: &str) -> Option<&str> {
        match self {
            Self::Unread => None,
            Self::Json(fields) => {
                let mut keys = fields.keys.iter().map(String::as_str);
                keys.find(|given| may_be(key, given))
            }
            Self::Form(form) => form.like(key),
        }
    }
}

impl Connector {
    /// Refuses a body that says what method the request is to be taken for.
    pub(crate) fn check_method_key(&self, body: Body<'_>) -> Result<(), Unreadable> {
        if body.overrides_method() && !self.lets_override(METHOD_KEY) {
            return Err(Unreadable {
                code: METHOD_OVERRIDE,
                detail: format!(
                    "the key `{METHOD_KEY}` of the body overrides the method that is judged; leave it out"
                ),
            });
        }
        Ok(())
    }
}

impl Group {
    /// Refuses a name that is read in one place and present in another: servers that merge the two take either.
    pub(crate) fn check_places(&self, query: &Query, body: Body<'_>) -> Result<(), Unreadable> {
        for (key, _) in query.pairs() {
            if self.body_keys.iter().any(|read| may_be(read, key)) {
                return Err(ambiguous(format!(
                    "`{}` is read in the body, and the query has it too",
                    brief(key)
                )));
            }
        }
        if let Some(key) = self.query_keys.iter().find_map(|read| body.like(read)) {
            return Err(ambiguous(format!(
                "`{}` is read in the query, and the body has it too",
                brief(key)
            )));
        }
        Ok(())
    }
}
