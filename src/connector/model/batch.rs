//! Says where the requests are found that one request carries.

use crate::connector::model::body_path::PathId;

/// How a route's members are found.
#[derive(Debug, Clone)]
pub(crate) enum Batch {
    /// In a JSON body.
    Json(Members),
    /// In a multipart body of `application/http`.
    Multipart,
    /// The members are not decoded.
    Undecoded,
}

/// Where the members of a JSON body are, and what of them is where.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    pub(crate) list: MemberKeys,
    pub(crate) method: MemberKeys,
    /// The first that a member has.
    pub(crate) path: Vec<MemberKeys>,
    pub(crate) body: MemberKeys,
    pub(crate) headers: MemberKeys,
    pub(crate) base: String,
    /// Of all of these: so that other spellings of their keys are refused.
    pub(crate) ids: Vec<PathId>,
}

/// Keys from the outside in.
pub(crate) type MemberKeys = Vec<Box<str>>;
