//! Tells which permissions and policies were asked about an action, and what each answered: for `explain`, never on a request's way.

use std::collections::BTreeSet;

use serde::Serialize;

use super::facts::Judged;
use super::permission::PermissionVerdict;
use super::{Decision, Facts, PolicySet};
use crate::config::diagnostic::Place;
use crate::expression::{Part, parts};

/// A permission or policy that is for the action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleTrace {
    /// Id of a policy; label of a permission.
    pub id: String,
    /// Which it is: `permission` or `policy`.
    pub kind: &'static str,
    /// File and line, as in `policies.d/team.yaml:4`.
    pub place: String,
    /// What it says where it applies.
    pub decision: Option<Decision>,
    /// Why it says so, or why it says nothing.
    pub because: &'static str,
    /// The condition and its parts with their values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub condition: Vec<Part>,
}

impl PolicySet {
    /// Returns whether a condition reads the time of a request, so that two requests that are otherwise alike may be decided
    /// differently.
    #[must_use]
    pub fn reads_time(&self) -> bool {
        let rules = self.compiled.rules.iter();
        let rules = rules.filter_map(|rule| rule.when_text.as_deref());
        let permissions = self.compiled.permissions.iter();
        let permissions = permissions.filter_map(|known| known.condition_text.as_deref());
        rules.chain(permissions).any(|text| text.contains("time"))
    }

    /// Lists permissions, then policies: kind, id, and file with line.
    #[must_use]
    pub fn listed(&self) -> Vec<(&'static str, String, String)> {
        let permissions = self.compiled.permissions.iter();
        let permissions =
            permissions.map(|known| ("permission", known.label.clone(), place(&known.place)));
        let rules = self.compiled.rules.iter();
        let rules = rules.map(|rule| ("policy", rule.id.clone(), place(&rule.place)));
        permissions.chain(rules).collect()
    }

    /// Returns what each permission and policy that is for the action answers.
    #[must_use]
    #[expect(
        clippy::too_many_lines,
        reason = "two short lists, one of permissions and one of policies"
    )]
    pub fn trace(&self, facts: &Facts<'_>) -> Vec<RuleTrace> {
        let name = facts.action.name.as_str();
        let applicable = self.applicable(name, facts.action.special);
        let mut found = Vec::new();
        for (at, action_match) in &applicable.permissions {
            let Some(permission) = self.compiled.permissions.get(*at) else {
                continue;
            };
            let action_match = if action_match.covers_unknown() && !self.guarded(facts) {
                action_match.named()
            } else {
                *action_match
            };
            let (verdict, failure) = permission.evaluate(action_match, facts);
            let condition = condition(permission.condition_text.as_deref(), facts);
            let is_for = super::selector::aim(&permission.who, facts.agent).is_some();
            let (decision, because) = match verdict {
                PermissionVerdict::Denies if failure.is_some() => {
                    (Some(Decision::Deny), "its condition fails, which denies")
                }
                PermissionVerdict::Denies => (Some(Decision::Deny), "it applies"),
                PermissionVerdict::Applies(precedence) => {
                    (Some(precedence.weight.decision), "it applies")
                }
                PermissionVerdict::Silent if !is_for => (None, "it is for other agents"),
                PermissionVerdict::Silent if failure.is_some() => (None, "its condition fails"),
                PermissionVerdict::Silent => (None, "its condition does not hold"),
            };
            found.push(RuleTrace {
                id: permission.label.clone(),
                kind: "permission",
                place: place(&permission.place),
                decision,
                because,
                condition: if is_for { condition } else { Vec::new() },
            });
        }
        let rules = applicable.rules.iter();
        found.extend(rules.filter_map(|at| {
            let rule = self.compiled.rules.get(*at)?;
            let verdict = rule.evaluate(facts);
            let is_for = super::selector::aim(&rule.who, facts.agent).is_some();
            let because = match (&verdict.decision, &verdict.failure) {
                (Some(_), Some(_)) => "its condition fails, which denies",
                (Some(_), None) => "it applies",
                (None, _) if !is_for => "it is for other agents",
                (None, Some(_)) => "its condition fails",
                (None, None) => "its condition does not hold",
            };
            Some(RuleTrace {
                id: rule.id.clone(),
                kind: "policy",
                place: place(&rule.place),
                decision: verdict.decision,
                because,
                condition: if is_for {
                    condition(rule.when_text.as_deref(), facts)
                } else {
                    Vec::new()
                },
            })
        }));
        found
    }
}

fn condition(text: Option<&str>, facts: &Facts<'_>) -> Vec<Part> {
    let Some(text) = text else {
        return Vec::new();
    };
    let secret = facts.action.params.iter().filter(|param| param.secret);
    let secrets: BTreeSet<String> = secret.map(|param| param.name.to_string()).collect();
    parts(text, &Judged(facts), &secrets)
}

fn place(place: &Place) -> String {
    match place.line {
        0 => place.source.name.to_string(),
        line => format!("{}:{line}", place.source.name),
    }
}
