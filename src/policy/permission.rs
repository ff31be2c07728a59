//! Evaluates a permission: what its agents may do, and with which credential.

mod reach;
mod reading;

use super::facts::Judged;
use super::manifest::Access;
use super::selector::{self, AgentSelector, Aim, Pattern, Precision};
use super::{Decision, Facts};
use crate::config::diagnostic::{Place, Source};
use crate::expression::{Outcome, Program};
use crate::model::action::Risk;
use crate::model::credential::CredentialId;
use crate::model::template::NameTemplate;

/// A permission with its names resolved and its condition compiled.
#[derive(Debug)]
pub(crate) struct Permission {
    /// File, line and column of the entry.
    pub(crate) place: Place,
    /// Stable as long as the file is: `permission policies.d/jira.yaml:4`.
    pub(crate) label: String,
    pub(crate) who: Vec<AgentSelector>,
    preset: Option<Preset>,
    allow: Vec<Pattern>,
    ask: Vec<Pattern>,
    /// The condition as written in the file.
    pub(super) condition_text: Option<String>,
    deny: Vec<Pattern>,
    condition: Option<Program>,
    pub(crate) credential: Option<CredentialId>,
    pub(crate) hosts: Vec<String>,
    /// The file says `response_secrets: pass`, so credentials in answers reach the agent unmasked.
    pub(crate) passes_response_secrets: bool,
}

#[derive(Debug)]
struct Preset {
    connector: String,
    access: Access,
}

/// How a permission matches one action, before the agent is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActionMatch {
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
pub(crate) enum Reach {
    /// The permission names every connector with `*`.
    Any,
    /// The permission names the connector by its id.
    Named,
}

/// A decision with the precision of its pattern; the more precise wins, then the stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Weight {
    precision: Precision,
    pub(crate) decision: Decision,
}

/// The weight of a permission for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Precedence {
    aim: Aim,
    pub(crate) weight: Weight,
}

/// A permission's answer for one request.
#[derive(Debug)]
pub(crate) enum PermissionVerdict {
    /// It is for others, or its condition does not hold.
    Silent,
    /// To be weighed against other permissions.
    Applies(Precedence),
    /// By `deny`, `access: none`, or because a condition failed where it narrows an ask or a deny.
    Denies,
}

/// Returns the name by which records say that a permission spoke; `line` is where its entry begins.
#[must_use]
pub fn label(source: &Source, line: usize) -> String {
    // One of the store has no lines to tell apart.
    if source.text.trim_end().contains('\n') {
        format!("permission {}:{line}", source.name)
    } else {
        format!("permission {}", source.name)
    }
}

impl Permission {
    /// Matches an action; `None` where the permission does not apply to it.
    pub(crate) fn match_action(&self, name: &str, special: bool) -> Option<ActionMatch> {
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
    pub(crate) fn may_match(&self, template: &NameTemplate) -> bool {
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
    pub(crate) fn evaluate(
        &self,
        action_match: ActionMatch,
        facts: &Facts<'_>,
    ) -> (PermissionVerdict, Option<String>) {
        let Some(aim) = selector::aim(&self.who, facts.agent) else {
            return (PermissionVerdict::Silent, None);
        };
        let Some(verdict) = action_match.verdict(aim, facts.action.risk) else {
            return (PermissionVerdict::Silent, None);
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
    pub(crate) fn opens(self) -> bool {
        self.opens
    }

    pub(crate) fn covers_unknown(self) -> bool {
        self.covers_unknown
    }

    /// Says the same as if the action had been named.
    pub(crate) fn named(self) -> Self {
        Self {
            special: false,
            ..self
        }
    }
}

/// Returns whether an action is what its connector has no route for.
pub(crate) fn is_unknown(name: &str) -> bool {
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

impl ActionMatch {
    /// Returns what the entry says of an action of this risk where its condition holds; `None` for nothing.
    pub(super) fn verdict(self, aim: Aim, risk: Risk) -> Option<PermissionVerdict> {
        if self.denies {
            return Some(PermissionVerdict::Denies);
        }
        let preset = self.access.and_then(|access| access.decision(risk));
        // A special action is asked for by a preset, but never allowed by one.
        let preset = preset.filter(|decision| *decision != Decision::Allow || !self.special);
        let preset = preset.map(|decision| Weight {
            precision: Precision::Preset,
            decision,
        });
        let weight = self.listed.or(preset)?;
        Some(PermissionVerdict::Applies(Precedence { aim, weight }))
    }
}
