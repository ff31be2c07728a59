//! Explains what was judged: the permissions and policies that are for each action, and what the credential is bound to.

use std::sync::Arc;

use serde::Serialize;

use crate::model::agent::Agent;
use crate::model::clock::Clock;
use crate::pipeline::decision_input::DecisionInput;
use crate::policy::{Facts, RuleTrace};
use crate::snapshot::Snapshot;
use crate::vault::Keyring;

/// What permissions and policies answer about one action.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedRules {
    /// Full name of the action.
    pub action: String,
    /// First the permissions, then the policies.
    pub rules: Vec<RuleTrace>,
}

/// A credential that would be injected.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedBinding {
    /// Scheme of the connector by which it is put on.
    pub scheme: String,
    /// Where it may be sent, as `host:port`.
    pub hosts: Vec<String>,
    /// Path prefix below which it may be sent.
    pub path: String,
    /// Agents that may use it; empty for all.
    pub agents: Vec<String>,
}

/// Returns what permissions and policies answer about each action.
pub(super) fn rules(
    snapshot: &Snapshot,
    (agent, clock): (&Arc<Agent>, &Clock),
    input: &DecisionInput,
) -> Vec<ExplainedRules> {
    let traced = input.actions.iter().map(|action| ExplainedRules {
        action: action.name.to_string(),
        rules: snapshot.policies().trace(&Facts {
            agent,
            action,
            target: &input.target,
            content_type: input.content_type(),
            body_bytes: input.body_bytes,
            time: clock.now(),
            credential: None,
        }),
    });
    traced.collect()
}

/// Returns the binding of a credential of the keyring.
pub(super) fn binding(keyring: &Keyring, credential: Option<&str>) -> Option<ExplainedBinding> {
    let all = keyring.list();
    let sealed = all
        .iter()
        .find(|known| Some(known.id.as_str()) == credential)?;
    Some(ExplainedBinding {
        scheme: sealed.scheme.clone(),
        hosts: sealed.binding.hosts.clone(),
        path: sealed.binding.path.clone(),
        agents: sealed.binding.agents.clone(),
    })
}
