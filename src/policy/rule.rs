//! Evaluates a policy: what must hold for the agents and actions that it names.

use super::condition::Owner;
use super::facts::Judged;
use super::manifest::PolicyEntry;
use super::reading::{Effect, Reading};
use super::selector::{self, AgentSelector, Pattern};
use super::{Decision, Facts};
use crate::config::diagnostic::Place;
use crate::config::yaml::At;
use crate::expression::{Outcome, Program};
use crate::model::template::NameTemplate;

/// A policy with its names resolved and its condition compiled.
#[derive(Debug)]
pub(crate) struct Rule {
    /// File, line and column of the entry.
    pub(crate) place: Place,
    pub(crate) id: String,
    pub(crate) who: Vec<AgentSelector>,
    patterns: Vec<Pattern>,
    /// The condition as written in the file.
    pub(super) when_text: Option<String>,
    when: Option<Program>,
    pub(crate) decision: Decision,
    pub(crate) reason: Option<String>,
    pub(crate) suggest: Option<String>,
}

/// A policy's answer for one action: a decision, or none, and a failure of its condition.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) decision: Option<Decision>,
    pub(crate) failure: Option<String>,
}

impl Rule {
    /// Returns whether it is for this action at all: an allow by glob is not for a special one.
    pub(crate) fn covers(&self, name: &str, special: bool) -> bool {
        let named_only = special && self.decision == Decision::Allow;
        self.patterns
            .iter()
            .any(|pattern| pattern.matches(name) && (!named_only || pattern.is_exact()))
    }

    /// Returns whether it is for some name that a template can make.
    pub(crate) fn may_cover(&self, template: &NameTemplate) -> bool {
        self.patterns
            .iter()
            .any(|pattern| pattern.overlaps(template))
    }

    /// Returns whether an action stands in its list by its full name.
    pub(crate) fn names(&self, action: &str) -> bool {
        let mut patterns = self.patterns.iter();
        patterns.any(|pattern| pattern.is_exact() && pattern.matches(action))
    }

    /// Evaluates the policy for an action that it covers.
    pub(crate) fn evaluate(&self, facts: &Facts<'_>) -> Verdict {
        if selector::aim(&self.who, facts.agent).is_none() {
            return Verdict::default();
        }
        match self.when.as_ref().map(|when| when.evaluate(&Judged(facts))) {
            None | Some(Outcome::True) => Verdict {
                decision: Some(self.decision),
                failure: None,
            },
            Some(Outcome::False) => Verdict::default(),
            Some(Outcome::Failed(message)) => {
                let decision = match self.decision {
                    Decision::Allow => None,
                    Decision::RequireApproval | Decision::Deny => Some(Decision::Deny),
                };
                Verdict {
                    decision,
                    failure: Some(format!("{}: {message}", self.id)),
                }
            }
        }
    }
}

impl Reading<'_> {
    /// Compiles one policy; every problem is reported.
    pub(crate) fn rule(&mut self, entry: &At<PolicyEntry>) -> Rule {
        let at = (entry.line, entry.column);
        let policy = &entry.value;
        self.unsupported("budget", policy.budget.as_ref());
        self.unsupported("rate", policy.rate.as_ref());
        self.unsupported("approval", policy.approval.as_ref());
        self.unsupported("shadow", policy.shadow.as_ref());
        let decision = policy.decision.value;
        let effect = match decision {
            Decision::Allow => Effect::Grants,
            Decision::RequireApproval | Decision::Deny => Effect::Guards,
        };
        let who = match &policy.agents {
            Some(agents) => self.agents(agents, at, effect),
            None => vec![AgentSelector::All],
        };
        if policy.actions.is_empty() {
            self.error(
                "no-actions",
                "`actions` is empty and would match no action",
                at,
                "",
            );
        }
        let patterns = self.patterns(&policy.actions, effect);
        let guards = effect == Effect::Guards;
        let owner = Owner {
            key: "when",
            patterns: &patterns,
            connector: None,
            guards,
        };
        let when = self.condition(&policy.when, owner);
        Rule {
            place: entry.place(self.source, ""),
            id: policy.id.value.clone(),
            who,
            when,
            when_text: policy.when.value.clone(),
            decision,
            reason: policy.reason.clone(),
            suggest: policy.suggest.clone(),
            patterns,
        }
    }
}
