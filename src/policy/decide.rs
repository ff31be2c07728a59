//! Decides on an action. Deny overrides `require_approval`, which overrides allow; when nothing applies, the action is denied.
//!
//! INVARIANT: the order of permissions and policies in their files does not matter.

use std::collections::BTreeSet;

use super::applicable::Applicable;
use super::permission::{ActionMatch, Permission, PermissionVerdict, Precedence};
use super::rule::Rule;
use super::{Choice, Decision, Facts, PolicySet, Ruling};

/// The verdicts of all permissions together.
#[derive(Debug, Default)]
struct Permitted<'a> {
    denied: Vec<&'a Permission>,
    /// The weightiest stand and those that take it.
    precedence: Option<Precedence>,
    winners: Vec<(&'a Permission, ActionMatch)>,
    failures: Vec<String>,
}

impl PolicySet {
    /// Decides on one action.
    #[must_use]
    pub fn decide(&self, facts: &Facts<'_>) -> Ruling {
        let name = facts.action.name.as_str();
        let fresh;
        let applicable = match self.index.get(name) {
            Some(known) if known.special || !facts.action.special => known,
            // The name is made from the request, or the action is special only this time.
            _ => {
                let candidates = facts.action.template.as_ref();
                let candidates = candidates.and_then(|template| self.candidates.get(template));
                fresh = match candidates {
                    Some(candidates) => {
                        self.applicable_among(name, facts.action.special, candidates)
                    }
                    None => self.applicable(name, facts.action.special),
                };
                &fresh
            }
        };
        let permitted = self.permitted(applicable, facts);
        let mut failures = permitted.failures.clone();
        let mut verdicts = self.evaluate_rules(applicable, facts, &mut failures);
        let strictest = verdicts
            .iter()
            .map(|(decision, _)| *decision)
            .chain(permitted.decision())
            .max();
        // Permissions open a connector, policies narrow: where nothing opens it, no operator is asked.
        let looked_for = strictest != Some(Decision::Deny) && permitted.deciding().next().is_none();
        let openers = if looked_for {
            self.closest_openers(facts, &mut failures)
        } else {
            Vec::new()
        };
        let no_permission = looked_for && openers.is_empty();
        let strictest = strictest.filter(|_| !no_permission);
        let decision = strictest.unwrap_or(Decision::Deny);
        verdicts.retain(|(decided, _)| strictest == Some(*decided));
        verdicts.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
        let mut by: Vec<_> = verdicts.iter().map(|(_, rule)| rule.id.clone()).collect();
        if strictest.is_some() {
            by.extend(permitted.labels(decision).map(str::to_owned));
        }
        by.sort();
        by.dedup();
        let rules = || verdicts.iter().map(|(_, rule)| rule);
        let mut ruling = Ruling {
            decision,
            by,
            reason: join(rules().filter_map(|rule| rule.reason.as_deref())),
            suggest: join(rules().filter_map(|rule| rule.suggest.as_deref())),
            passes_response_secrets: !facts.action.response_secret,
            no_permission,
            ..Ruling::silent()
        };
        if decision != Decision::Deny {
            permitted.inject(&openers, &mut ruling, &mut failures);
        }
        failures.sort();
        failures.dedup();
        ruling.failures = failures;
        ruling
    }

    /// Returns what policies decide.
    fn evaluate_rules(
        &self,
        applicable: &Applicable,
        facts: &Facts<'_>,
        failures: &mut Vec<String>,
    ) -> Vec<(Decision, &Rule)> {
        let mut verdicts = Vec::new();
        let places = applicable.rules.iter();
        for rule in places.filter_map(|at| self.compiled.rules.get(*at)) {
            let verdict = rule.evaluate(facts);
            failures.extend(verdict.failure);
            verdicts.extend(verdict.decision.map(|decision| (decision, rule)));
        }
        verdicts
    }

    fn permitted<'s>(&'s self, applicable: &Applicable, facts: &Facts<'_>) -> Permitted<'s> {
        let mut permitted = Permitted::default();
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
            permitted.failures.extend(failure);
            match verdict {
                PermissionVerdict::Silent => {}
                PermissionVerdict::Denies => permitted.denied.push(permission),
                PermissionVerdict::Applies(precedence) => {
                    if permitted.precedence.is_none_or(|known| precedence > known) {
                        permitted.precedence = Some(precedence);
                        permitted.winners.clear();
                    }
                    if permitted.precedence == Some(precedence) {
                        permitted.winners.push((permission, action_match));
                    }
                }
            }
        }
        permitted
    }

    /// Returns the permissions that open the connector without a word on the action: those that mean agent and connector most closely.
    fn closest_openers(&self, facts: &Facts<'_>, failures: &mut Vec<String>) -> Vec<&Permission> {
        let mut closest = None;
        let mut openers = Vec::new();
        let places = self.openers.get(facts.action.name.connector());
        let all = places.into_iter().flatten();
        for permission in all.filter_map(|at| self.compiled.permissions.get(*at)) {
            let (meant, failure) = permission.reach_for(facts);
            failures.extend(failure);
            let Some(meant) = meant else { continue };
            if closest.is_none_or(|known| meant > known) {
                closest = Some(meant);
                openers.clear();
            }
            if closest == Some(meant) {
                openers.push(permission);
            }
        }
        openers
    }

    /// Returns whether something denies or asks for actions of the connector for this agent, which a request that matches no route may be too.
    pub(super) fn guarded(&self, facts: &Facts<'_>) -> bool {
        let guards = self.guards.get(facts.action.name.connector());
        guards.is_none_or(|guards| {
            self.guards_of(guards)
                .any(|guard| guard.is_for(facts.agent))
        })
    }
}

impl Permitted<'_> {
    fn decision(&self) -> Option<Decision> {
        if !self.denied.is_empty() {
            return Some(Decision::Deny);
        }
        self.precedence.map(|precedence| precedence.weight.decision)
    }

    fn labels(&self, decision: Decision) -> impl Iterator<Item = &str> {
        let denied = self
            .denied
            .iter()
            .filter(move |_| decision == Decision::Deny)
            .copied();
        let won = self.decision() == Some(decision) && self.denied.is_empty();
        let winners = self
            .winners
            .iter()
            .filter(move |_| won)
            .map(|(permission, _)| *permission);
        denied
            .chain(winners)
            .map(|permission| permission.label.as_str())
    }

    /// Iterates over the permissions that decide on the action and open the connector.
    fn deciding(&self) -> impl Iterator<Item = &Permission> {
        let opening = self
            .winners
            .iter()
            .filter(|(_, action_match)| action_match.opens());
        opening.map(|(permission, _)| *permission)
    }

    /// Sets the credential and hosts of the ruling: those of the deciding permissions, or else those of the openers.
    fn inject(&self, openers: &[&Permission], ruling: &mut Ruling, failures: &mut Vec<String>) {
        let givers = || self.deciding().chain(openers.iter().copied());
        ruling.credential = givers()
            .filter_map(|permission| permission.credential.clone())
            .map(Choice::One)
            .fold(Choice::Open, Choice::and);
        if ruling.credential == Choice::Torn {
            failures.push("permissions of equal weight choose different credentials".to_owned());
        }
        let winners = self.winners.iter().map(|(permission, _)| *permission);
        let mut counting = winners.chain(openers.iter().copied());
        ruling.passes_response_secrets |=
            counting.all(|permission| permission.passes_response_secrets);
        let hosts: BTreeSet<_> = givers().flat_map(|giver| &giver.hosts).collect();
        ruling.hosts = hosts.into_iter().cloned().collect();
    }
}

impl Ruling {
    fn silent() -> Self {
        Self {
            decision: Decision::Deny,
            by: Vec::new(),
            reason: None,
            suggest: None,
            no_permission: false,
            credential: Choice::Open,
            hosts: Vec::new(),
            passes_response_secrets: false,
            failures: Vec::new(),
        }
    }
}

/// Makes one ruling of those on a request's actions: the strictest decides, and a credential goes only with what all agree on.
#[must_use]
pub fn combine(rulings: Vec<Ruling>) -> Ruling {
    let rulings = match <[Ruling; 1]>::try_from(rulings) {
        Ok([only]) => return only,
        Err(rulings) => rulings,
    };
    let Some(decision) = rulings.iter().map(|ruling| ruling.decision).max() else {
        return Ruling::silent();
    };
    let strictest = || rulings.iter().filter(|ruling| ruling.decision == decision);
    let sorted = |texts: BTreeSet<&String>| texts.into_iter().cloned().collect::<Vec<_>>();
    let goes = decision != Decision::Deny;
    let choices = rulings
        .iter()
        .filter(|_| goes)
        .map(|ruling| ruling.credential.clone());
    let in_all = |host: &&String| rulings.iter().all(|ruling| ruling.hosts.contains(host));
    let by = sorted(strictest().flat_map(|ruling| &ruling.by).collect());
    Ruling {
        decision,
        no_permission: by.is_empty() && rulings.iter().any(|ruling| ruling.no_permission),
        by,
        reason: join(strictest().filter_map(|ruling| ruling.reason.as_deref())),
        suggest: join(strictest().filter_map(|ruling| ruling.suggest.as_deref())),
        credential: choices.fold(Choice::Open, Choice::and),
        passes_response_secrets: rulings.iter().all(|ruling| ruling.passes_response_secrets),
        hosts: sorted(
            rulings
                .iter()
                .flat_map(|ruling| &ruling.hosts)
                .filter(|_| goes)
                .filter(in_all)
                .collect(),
        ),
        failures: sorted(rulings.iter().flat_map(|ruling| &ruling.failures).collect()),
    }
}

/// Joins texts, each once.
fn join<'a>(texts: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut all: Vec<&str> = Vec::new();
    for text in texts {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    (!all.is_empty()).then(|| all.join(" "))
}
