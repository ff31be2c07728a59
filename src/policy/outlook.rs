//! Tells what an agent may do with an action before there is a request: the decision for each way in which conditions can turn out.
//!
//! INVARIANT: where no condition is involved, the outlook is what `decide` decides.

use std::collections::BTreeSet;

use serde::Serialize;

use super::permission::{ActionMatch, Permission, PermissionVerdict, Precedence};
use super::rule::Rule;
use super::selector;
use super::{Decision, PolicySet};
use crate::model::action::Risk;
use crate::model::agent::Agent;

/// Most conditions whose combinations are all tried; of more, each is tried alone and all together.
const COMBINED: usize = 4;

/// What may happen to requests of one agent for one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// The decision where none of the conditions holds.
    pub decision: Decision,
    /// Decisions that differ from it, and the conditions that lead there; those with the fewest conditions first.
    pub cases: Vec<Case>,
}

/// A decision that depends on conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// Expressions that all hold, as written in the files.
    pub when: Vec<String>,
    /// The decision where they hold.
    pub decision: Decision,
}

/// An entry that concerns agent and action, and what it says where its condition holds.
#[derive(Debug)]
enum Weighed<'p> {
    Permission(&'p Permission, ActionMatch),
    /// Opens the connector, whatever it says of the action.
    Opener(&'p Permission),
    Rule(&'p Rule),
}

impl Outlook {
    /// Returns the outlook of an agent or action that does not exist.
    #[must_use]
    pub fn denied() -> Self {
        Self {
            decision: Decision::Deny,
            cases: Vec::new(),
        }
    }
}

impl Weighed<'_> {
    fn condition(&self) -> Option<&str> {
        match self {
            Self::Permission(permission, _) | Self::Opener(permission) => {
                permission.condition_text.as_deref()
            }
            Self::Rule(rule) => rule.when_text.as_deref(),
        }
    }
}

impl PolicySet {
    /// Returns what an agent may do with an action of this risk.
    #[must_use]
    pub fn outlook(&self, agent: &Agent, name: &str, (risk, special): (Risk, bool)) -> Outlook {
        let entries = self.weighed(agent, name, special);
        let conditions: BTreeSet<&str> = entries.iter().filter_map(Weighed::condition).collect();
        let conditions: Vec<&str> = conditions.into_iter().collect();
        let decide = |held: &[&str]| {
            let holds = |entry: &&Weighed<'_>| {
                let condition = entry.condition();
                condition.is_none_or(|condition| held.contains(&condition))
            };
            decide(entries.iter().filter(holds), agent, risk)
        };
        let decision = decide(&[]);
        let mut cases: Vec<Case> = Vec::new();
        for held in combinations(&conditions) {
            let then = decide(&held);
            // The nearest case with fewer conditions says it already.
            let told = cases
                .iter()
                .rev()
                .find(|case| case.when.iter().all(|when| held.contains(&when.as_str())))
                .map_or(decision, |case| case.decision);
            if then != told {
                cases.push(Case {
                    when: held.iter().map(|&text| text.to_owned()).collect(),
                    decision: then,
                });
            }
        }
        Outlook { decision, cases }
    }

    fn weighed(&self, agent: &Agent, name: &str, special: bool) -> Vec<Weighed<'_>> {
        let applicable = self.applicable(name, special);
        let connector = name.split('.').next().unwrap_or_default();
        let guards = self.guards.get(connector);
        let guarded =
            guards.is_none_or(|guards| self.guards_of(guards).any(|guard| guard.is_for(agent)));
        let permissions = applicable.permissions.iter().filter_map(|(at, matched)| {
            let named = matched.covers_unknown() && !guarded;
            let matched = if named { matched.named() } else { *matched };
            Some(Weighed::Permission(
                self.compiled.permissions.get(*at)?,
                matched,
            ))
        });
        let openers = self.openers.get(connector).into_iter().flatten();
        let openers = openers
            .filter_map(|at| self.compiled.permissions.get(*at))
            .filter(|permission| permission.reach(name).is_some())
            .map(Weighed::Opener);
        let rules = applicable.rules.iter();
        let rules = rules
            .filter_map(|at| self.compiled.rules.get(*at))
            .map(Weighed::Rule);
        let concerns = |entry: &Weighed<'_>| match entry {
            Weighed::Permission(permission, _) | Weighed::Opener(permission) => {
                selector::aim(&permission.who, agent).is_some()
            }
            Weighed::Rule(rule) => selector::aim(&rule.who, agent).is_some(),
        };
        permissions
            .chain(openers)
            .chain(rules)
            .filter(concerns)
            .collect()
    }
}

/// Decides by entries whose conditions all hold, as `PolicySet::decide` does.
fn decide<'e>(
    entries: impl Iterator<Item = &'e Weighed<'e>>,
    agent: &Agent,
    risk: Risk,
) -> Decision {
    let mut strictest = None;
    let mut weightiest: Option<Precedence> = None;
    let (mut opened, mut opens) = (false, false);
    for entry in entries {
        match entry {
            Weighed::Rule(rule) => strictest = strictest.max(Some(rule.decision)),
            Weighed::Opener(_) => opened = true,
            Weighed::Permission(permission, matched) => {
                let Some(aim) = selector::aim(&permission.who, agent) else {
                    continue;
                };
                match matched.verdict(aim, risk) {
                    Some(PermissionVerdict::Denies) => strictest = Some(Decision::Deny),
                    Some(PermissionVerdict::Applies(precedence)) => {
                        if weightiest.is_none_or(|known| precedence > known) {
                            weightiest = Some(precedence);
                            opens = false;
                        }
                        opens |= weightiest == Some(precedence) && matched.opens();
                    }
                    Some(PermissionVerdict::Silent) | None => {}
                }
            }
        }
    }
    strictest = strictest.max(weightiest.map(|precedence| precedence.weight.decision));
    match strictest {
        Some(decision) if opened || opens => decision,
        Some(_) | None => Decision::Deny,
    }
}

/// Returns sets of conditions that may hold together, small ones first; the empty one is left out.
fn combinations<'c>(conditions: &[&'c str]) -> Vec<Vec<&'c str>> {
    if conditions.len() > COMBINED {
        let alone = conditions.iter().map(|condition| vec![*condition]);
        return alone.chain([conditions.to_vec()]).collect();
    }
    let mut sets: Vec<Vec<&str>> = (1_u32..1 << conditions.len())
        .map(|bits| {
            let held = conditions.iter().enumerate();
            held.filter(|(at, _)| bits >> at & 1 == 1)
                .map(|(_, condition)| *condition)
                .collect()
        })
        .collect();
    sets.sort_by_key(Vec::len);
    sets
}
