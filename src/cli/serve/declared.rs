//! Builds roster entries and hashes from the agents and operators that the configuration declares.

use std::sync::Arc;

use crate::admin::Operator;
use crate::cli::workspace::Workspace;
use crate::config::{DeclaredAgent, DeclaredOperator};
use crate::model::secret::Secret;
use crate::roster::{RosterEntry, TokenHash};

/// An operator and the hash of the token.
pub(super) type OperatorToken = (Operator, TokenHash);

/// Returns the entries of declared agents that have a token.
pub(super) fn entries(workspace: &Workspace) -> Vec<RosterEntry> {
    let entry = |declared: &DeclaredAgent| {
        let hash = hash(declared.token.as_ref()?)?;
        Some(RosterEntry {
            hash,
            agent: Arc::new(declared.agent.clone()),
            expires_at: None,
        })
    };
    workspace.config().agents.iter().filter_map(entry).collect()
}

/// Returns the declared operators that have a token.
pub(super) fn operators(workspace: &Workspace) -> Vec<OperatorToken> {
    let operator = |declared: &DeclaredOperator| {
        let operator = Operator {
            name: declared.name.clone(),
            role: declared.role,
            groups: declared.groups.clone(),
        };
        Some((operator, hash(declared.token.as_ref()?)?))
    };
    workspace
        .config()
        .operators
        .iter()
        .filter_map(operator)
        .collect()
}

fn hash(token: &Secret) -> Option<TokenHash> {
    std::str::from_utf8(token.expose()).ok().map(TokenHash::of)
}
