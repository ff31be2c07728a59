//! Finds the routes that a target can mean: the connector whose domain and base path it has, then the patterns that accept it.

pub(crate) mod candidates;
pub(crate) mod catalog;
pub(crate) mod domains;
pub(crate) mod folded;
pub(crate) mod near;
pub(crate) mod router;
pub(crate) mod tried;
