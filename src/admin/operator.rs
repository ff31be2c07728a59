//! Describes a person who runs the gateway.

use std::collections::BTreeSet;

use crate::config::Role;

/// A person who runs the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Name, unique among operators.
    pub name: String,
    /// The operator's role, which decides what it may do.
    pub role: Role,
    /// Named by policies' `approvers`.
    pub groups: BTreeSet<String>,
}
