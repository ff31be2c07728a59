//! Evaluates a permission: what its agents may do, and with which credential.

mod reach;
mod reading;

use super::facts::Judged;
use super::manifest::Access;
use super::selector::{self, AgentSelector, Aim, Pattern, Precision};
use super::{Decision, Facts};
use crate::config::diagnostic::Place;
use crate::expression::{Outcome, Program};
use crate::model::action::Risk;
use crate::model::credential::CredentialId;
use crate::model::template::NameTemplate;

/// A permission with its names resolved and its condition compiled.
#[derive(Debug)]
pub(super) struct Permission {
    /// File, line and column of the entry.
    pub(super) place: Place,
    /// Stable as long as the file is: `permission policies.d/jira.yaml:4`.
    pub(super) label: String,
    pub(super) who: Vec<AgentSelector>,
    preset: Option<Preset>,
    allow: Vec<Pattern>,
    ask: Vec<Pattern>,
    deny: Vec<Pattern>,
    condition: Option<Program>,
    pub(super) credential: Option<CredentialId>,
    pub(super) hosts: Vec<String>,
    /// The file says `response_secrets: pass`, so credentials in answers reach the agent unmasked.
    pub(super) passes_response_secrets: bool,
}

#[derive(Debug)]
struct Preset {
    connector: String,
    access: Access,
}

/// How a permission matches one action, before the agent is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct ActionMatch {
    /// By `deny` or `access: none`: it wins over everything.
    denies: bool,
    /// By `allow` or `ask`.
    listed: Option<Weight>,
    /// By `access`; the risk decides.
    access: Option<Access>,
    special: bool,
    /// `access: full` names the connector, and the action is its `unknown`.
    covers_unknown: bool,
    /// Whether it opens the connector, so that its credential may be injected.
    opens: bool,
}

/// How closely a permission means the connector that it opens; ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// The permission names every connector with `*`.
    Any,
    /// The permission names the connector by its id.
    Named,
}

/// A decision with the precision of its pattern; the more precise wins, then the stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Weight {
    precision: Precision,
    pub(super) decision: Decision,
}

/// The weight of a permission for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Precedence {
    aim: Aim,
    pub(super) weight: Weight,
}

/// A permission's answer for one request.
#[derive(Debug)]
pub(super) enum PermissionVerdict {
    /// It is for others, or its condition does not hold.
    Silent,
    /// To be weighed against other permissions.
    Applies(Precedence),
    /// By `deny`, `access: none`, or because a condition failed where it narrows an ask or a deny.
    Denies,
}

impl Permission {
    /// Matches an action; `None` where the permission does not apply to it.
    pub(super) fn match_action(&self, name: &str, special: bool) -> Option<ActionMatch> {
        let connector = name.split('.').next().unwrap_or_default();
        let preset = self
            .preset
            .as_ref()
            .filter(|preset| preset.connector == "*" || preset.connector == connector);
        let access = preset.map(|preset| preset.access);
        let denies =
            access == Some(Access::None) || self.deny.iter().any(|pattern| pattern.matches(name));
        let usable = |pattern: &&Pattern| pattern.matches(name) && (!special || pattern.is_exact());
        let allows = self
            .allow
            .iter()
            .filter(usable)
            .map(|pattern| (pattern, Decision::Allow));
        let asks = self.ask.iter().filter(|pattern| pattern.matches(name));
        let all: Vec<_> = allows
            .chain(asks.map(|pattern| (pattern, Decision::RequireApproval)))
            .collect();
        let weigh = |(pattern, decision): &(&Pattern, Decision)| Weight {
            precision: pattern.precision(),
            decision: *decision,
        };
        let listed = all.iter().map(weigh).max();
        if !denies && listed.is_none() && access.is_none() {
            return None;
        }
        let named = preset.is_some_and(|preset| preset.connector == connector);
        Some(ActionMatch {
            denies,
            listed,
            access,
            special,
            covers_unknown: named && access == Some(Access::Full) && is_unknown(name),
            opens: self.reach(name).is_some(),
        })
    }

    /// Returns whether it says something of some name that a template can make.
    pub(super) fn may_match(&self, template: &NameTemplate) -> bool {
        let connector = template.connector();
        let preset = self.preset.as_ref();
        let lists = [&self.allow, &self.ask, &self.deny];
        preset.is_some_and(|preset| preset.connector == "*" || preset.connector == connector)
            || lists
                .into_iter()
                .flatten()
                .any(|pattern| pattern.overlaps(template))
    }

    /// Evaluates the permission for a request; `action_match` is its own match of the action.
    pub(super) fn evaluate(
        &self,
        action_match: ActionMatch,
        facts: &Facts<'_>,
    ) -> (PermissionVerdict, Option<String>) {
        let Some(aim) = selector::aim(&self.who, facts.agent) else {
            return (PermissionVerdict::Silent, None);
        };
        let preset = action_match
            .access
            .and_then(|access| access.decision(facts.action.risk));
        // A special action is asked for by a preset, but never allowed by one.
        let preset =
            preset.filter(|decision| *decision != Decision::Allow || !action_match.special);
        let preset = preset.map(|decision| Weight {
            precision: Precision::Preset,
            decision,
        });
        let weight = action_match.listed.or(preset);
        if !action_match.denies && weight.is_none() {
            return (PermissionVerdict::Silent, None);
        }
        let verdict = match weight {
            _ if action_match.denies => PermissionVerdict::Denies,
            Some(weight) => PermissionVerdict::Applies(Precedence { aim, weight }),
            None => PermissionVerdict::Silent,
        };
        match self
            .condition
            .as_ref()
            .map(|condition| condition.evaluate(&Judged(facts)))
        {
            None | Some(Outcome::True) => (verdict, None),
            Some(Outcome::False) => (PermissionVerdict::Silent, None),
            Some(Outcome::Failed(message)) => {
                let failure = Some(format!("{}: {message}", self.label));
                match verdict {
                    PermissionVerdict::Applies(Precedence {
                        weight:
                            Weight {
                                decision: Decision::Allow,
                                ..
                            },
                        ..
                    })
                    | PermissionVerdict::Silent => (PermissionVerdict::Silent, failure),
                    PermissionVerdict::Applies(_) | PermissionVerdict::Denies => {
                        (PermissionVerdict::Denies, failure)
                    }
                }
            }
        }
    }
}

impl ActionMatch {
    pub(super) fn opens(self) -> bool {
        self.opens
    }

    pub(super) fn covers_unknown(self) -> bool {
        self.covers_unknown
    }

    /// Says the same as if the action had been named.
    pub(super) fn named(self) -> Self {
        Self {
            special: false,
            ..self
        }
    }
}

/// Returns whether an action is what its connector has no route for.
pub(super) fn is_unknown(name: &str) -> bool {
    let rest = name.split_once('.').map(|(_, rest)| rest);
    rest == Some("unknown")
}

impl Access {
    /// Returns the preset's decision for a risk; `None` where the preset does not apply.
    fn decision(self, risk: Risk) -> Option<Decision> {
        match (self, risk) {
            (Self::Full, _) | (Self::Supervised | Self::ReadOnly, Risk::Low) => {
                Some(Decision::Allow)
            }
            (Self::Supervised, Risk::Medium) | (Self::Ask, _) => Some(Decision::RequireApproval),
            (Self::Supervised, Risk::High | Risk::Critical)
            | (Self::ReadOnly, Risk::Medium | Risk::High | Risk::Critical) => None,
            (Self::None, _) => Some(Decision::Deny),
        }
    }
}
