//! Defines the rows as callers see them, as plain values.

use std::collections::BTreeMap;

/// An agent as stored. `token_hash` is SHA-256 of the whole token text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAgent {
    /// Name of the agent, `[a-z0-9-]+`.
    pub name: String,
    /// Labels that permissions and policies can name.
    pub labels: BTreeMap<String, String>,
    /// One row per living token: `run` adds one that expires.
    pub tokens: Vec<StoredToken>,
    /// Moment in RFC 3339, UTC.
    pub created_at: String,
}

/// A token as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// SHA-256 of the token's text.
    pub hash: [u8; 32],
    /// Seconds since 1970 after which it is void; `None` for ever.
    pub expires_at: Option<i64>,
}

/// An operator as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOperator {
    /// Name, unique among operators.
    pub name: String,
    /// `viewer`, `approver`, `editor` or `owner`.
    pub role: String,
    /// Named by policies' `approvers`.
    pub groups: Vec<String>,
    /// SHA-256 of the token's text.
    pub token_hash: [u8; 32],
}

/// A permission as stored: its manifest as JSON, one of `permissions:` in a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPermission {
    /// Stable; chosen by the store.
    pub id: i64,
    /// Unique; chosen by the caller, so that setting the same one again replaces it.
    pub key: String,
    /// JSON object with the keys of a policy file's permission.
    pub manifest: String,
}

/// Changes to permissions in the transaction that removes something they name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cascade {
    /// Ids of permissions that go too.
    pub removed: Vec<i64>,
    /// Permissions that stay under their ids, as they are from then on.
    pub changed: Vec<StoredPermission>,
}

/// A change that a command made and the gateway has not recorded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnrecordedChange {
    /// Chosen by the store; 0 before it is kept.
    pub id: i64,
    /// RFC 3339.
    pub time: String,
    /// Who made it.
    pub operator: String,
    /// `agent.add`, `permission.set`, …
    pub what: String,
    /// What was changed, in words.
    pub subject: String,
}

/// An event that an older version kept in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldEvent {
    /// Its number, from 1; there may be gaps.
    pub seq: u64,
    /// RFC 3339.
    pub time: String,
    /// `decided`, `finished` or `changed`.
    pub kind: String,
    /// A JSON object.
    pub body: String,
}
