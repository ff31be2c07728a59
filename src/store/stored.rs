//! Defines the rows as callers see them, as plain values.

use std::collections::BTreeMap;

use crate::model::hex::hex;

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredToken {
    /// SHA-256 of the token's text.
    pub hash: [u8; 32],
    /// Seconds since 1970 after which it is expired; `None` for ever.
    pub expires_at: Option<i64>,
    /// Moment in RFC 3339, UTC; `None` for a token of an older version.
    pub created_at: Option<String>,
    /// Seconds since 1970, of the last request that the store knows of.
    pub used_at: Option<i64>,
}

impl StoredToken {
    /// Returns the name under which operators see the token: the first 12 hexadecimal digits of its hash.
    #[must_use]
    pub fn id(&self) -> String {
        let (head, _) = self.hash.split_at(6);
        hex(head)
    }
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

/// A policy as stored: its manifest as JSON, one of `policies:` in a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPolicy {
    /// The policy's own id.
    pub id: String,
    /// JSON object with the keys of a policy file's policy.
    pub manifest: String,
}

/// Changes to rules in the transaction that removes something they name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cascade {
    /// Ids of permissions that go too.
    pub removed: Vec<i64>,
    /// Permissions that stay under their ids, as they are from then on.
    pub changed: Vec<StoredPermission>,
    /// Ids of policies that go too.
    pub removed_policies: Vec<String>,
    /// Policies that stay under their ids, as they are from then on.
    pub changed_policies: Vec<StoredPolicy>,
}

/// A change that a command made and the gateway has not recorded yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnrecordedChange {
    /// Chosen by the store; 0 before it is kept.
    pub id: i64,
    /// When it was made, RFC 3339, UTC.
    pub time: String,
    /// Name of the operator who made it.
    pub operator: String,
    /// Kind of the change: `agent.add`, `permission.set`, …
    pub what: String,
    /// What was changed, in words.
    pub subject: String,
    /// The agent that it is about; empty for none.
    pub agent: String,
    /// A JSON object with anything else that is worth keeping; empty for none.
    pub detail: String,
}

/// An event that an older version kept in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldEvent {
    /// Its number, from 1; there may be gaps.
    pub seq: u64,
    /// When it was recorded, RFC 3339, UTC.
    pub time: String,
    /// `decided`, `finished` or `changed`.
    pub kind: String,
    /// The fields of the event, a JSON object.
    pub body: String,
}
