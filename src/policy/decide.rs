//! Facts to a ruling: deny over `require_approval` over allow over silence, and silence is deny.
//!
//! INVARIANT: the order of permissions and policies in their files does not matter.

use std::collections::BTreeSet;

use super::permission::{Answer, Claim, Permission, Stand};
use super::{Choice, Decision, Facts, PolicySet, Ruling};
use crate::model::template::NameTemplate;

/// What concerns one action: places in the lists of permissions and policies.
#[derive(Debug, Default)]
pub(super) struct Concern {
    special: bool,
    permissions: Vec<(usize, Claim)>,
    rules: Vec<usize>,
}

/// What can concern a name that a template makes: places in the lists of permissions and policies.
#[derive(Debug, Default)]
pub(super) struct Nearby {
    permissions: Vec<usize>,
    rules: Vec<usize>,
}

/// What all permissions together say.
#[derive(Debug, Default)]
struct Permitted<'a> {
    denied: Vec<&'a Permission>,
    /// The weightiest stand and those that take it.
    stand: Option<Stand>,
    winners: Vec<(&'a Permission, Claim)>,
    failures: Vec<String>,
}

impl PolicySet {
    /// Decides on one action.
    #[must_use]
    pub fn decide(&self, facts: &Facts<'_>) -> Ruling {
        let name = facts.action.name.as_str();
        let fresh;
        let concern = match self.index.get(name) {
            Some(known) if known.special || !facts.action.special => known,
            // Named by what the request says, or special only this time.
            _ => {
                let nearby = facts.action.template.as_ref();
                let nearby = nearby.and_then(|template| self.nearby.get(template));
                fresh = match nearby {
                    Some(nearby) => self.concern_near(name, facts.action.special, nearby),
                    None => self.concern(name, facts.action.special),
                };
                &fresh
            }
        };
        let permitted = self.permitted(concern, facts);
        let mut spoken = Vec::new();
        let mut failures = permitted.failures.clone();
        for rule in concern
            .rules
            .iter()
            .filter_map(|at| self.compiled.rules.get(*at))
        {
            let voice = rule.speak(facts);
            failures.extend(voice.failure);
            spoken.extend(voice.decision.map(|decision| (decision, rule)));
        }
        let strictest = spoken
            .iter()
            .map(|(decision, _)| *decision)
            .chain(permitted.decision())
            .max();
        let decision = strictest.unwrap_or(Decision::Deny);
        spoken.retain(|(spoke, _)| strictest == Some(*spoke));
        spoken.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
        let mut by: Vec<_> = spoken.iter().map(|(_, rule)| rule.id.clone()).collect();
        by.extend(permitted.labels(decision).map(str::to_owned));
        by.sort();
        by.dedup();
        let mut ruling = Ruling {
            decision,
            by,
            reason: join(spoken.iter().filter_map(|(_, rule)| rule.reason.as_deref())),
            suggest: join(
                spoken
                    .iter()
                    .filter_map(|(_, rule)| rule.suggest.as_deref()),
            ),
            passes_issued: !facts.action.issues,
            ..Ruling::silent()
        };
        permitted.inject(&mut ruling, &mut failures);
        failures.sort();
        failures.dedup();
        ruling.failures = failures;
        ruling
    }

    /// Looks up what concerns an action.
    pub(super) fn concern(&self, name: &str, special: bool) -> Concern {
        let permissions = self.compiled.permissions.iter().enumerate();
        let rules = self.compiled.rules.iter().enumerate();
        Concern {
            special,
            permissions: permissions
                .filter_map(|(at, permission)| Some((at, permission.claim(name, special)?)))
                .collect(),
            rules: rules
                .filter(|(_, rule)| rule.covers(name, special))
                .map(|(at, _)| at)
                .collect(),
        }
    }

    /// Looks up what can concern some name that a template makes, so that what is for other actions costs nothing there either.
    pub(super) fn near(&self, template: &NameTemplate) -> Nearby {
        let permissions = self.compiled.permissions.iter().enumerate();
        let rules = self.compiled.rules.iter().enumerate();
        Nearby {
            permissions: permissions
                .filter(|(_, permission)| permission.may_claim(template))
                .map(|(at, _)| at)
                .collect(),
            rules: rules
                .filter(|(_, rule)| rule.may_cover(template))
                .map(|(at, _)| at)
                .collect(),
        }
    }

    fn concern_near(&self, name: &str, special: bool, nearby: &Nearby) -> Concern {
        let permission = |at: &usize| {
            let permission = self.compiled.permissions.get(*at)?;
            Some((*at, permission.claim(name, special)?))
        };
        let rule = |at: &&usize| {
            let rule = self.compiled.rules.get(**at);
            rule.is_some_and(|rule| rule.covers(name, special))
        };
        Concern {
            special,
            permissions: nearby.permissions.iter().filter_map(permission).collect(),
            rules: nearby.rules.iter().filter(rule).copied().collect(),
        }
    }

    fn permitted<'s>(&'s self, concern: &Concern, facts: &Facts<'_>) -> Permitted<'s> {
        let mut permitted = Permitted::default();
        for (at, claim) in &concern.permissions {
            let Some(permission) = self.compiled.permissions.get(*at) else {
                continue;
            };
            let (answer, failure) = permission.answer(*claim, facts);
            permitted.failures.extend(failure);
            match answer {
                Answer::Silent => {}
                Answer::Denies => permitted.denied.push(permission),
                Answer::Stands(stand) => {
                    if permitted.stand.is_none_or(|known| stand > known) {
                        permitted.stand = Some(stand);
                        permitted.winners.clear();
                    }
                    if permitted.stand == Some(stand) {
                        permitted.winners.push((permission, *claim));
                    }
                }
            }
        }
        permitted
    }
}

impl Permitted<'_> {
    fn decision(&self) -> Option<Decision> {
        if !self.denied.is_empty() {
            return Some(Decision::Deny);
        }
        self.stand.map(|stand| stand.weight.decision)
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

    /// Says what may be injected, unless nothing goes.
    fn inject(&self, ruling: &mut Ruling, failures: &mut Vec<String>) {
        if ruling.decision == Decision::Deny {
            return;
        }
        let naming = || {
            self.winners
                .iter()
                .filter(|(_, claim)| claim.injects())
                .map(|(permission, _)| *permission)
        };
        ruling.injects = naming().next().is_some();
        ruling.credential = naming()
            .filter_map(|permission| permission.credential.clone())
            .map(Choice::One)
            .fold(Choice::Open, Choice::and);
        if ruling.credential == Choice::Torn {
            failures.push("permissions of equal weight choose different credentials".to_owned());
        }
        let mut winners = self.winners.iter();
        ruling.passes_issued |=
            ruling.injects && winners.all(|(permission, _)| permission.passes_issued);
        let hosts: BTreeSet<_> = naming().flat_map(|permission| &permission.hosts).collect();
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
            injects: false,
            credential: Choice::Open,
            hosts: Vec::new(),
            passes_issued: false,
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
    let injects = decision != Decision::Deny && rulings.iter().all(|ruling| ruling.injects);
    let choices = rulings
        .iter()
        .filter(|_| injects)
        .map(|ruling| ruling.credential.clone());
    let in_all = |host: &&String| rulings.iter().all(|ruling| ruling.hosts.contains(host));
    Ruling {
        decision,
        by: sorted(strictest().flat_map(|ruling| &ruling.by).collect()),
        reason: join(strictest().filter_map(|ruling| ruling.reason.as_deref())),
        suggest: join(strictest().filter_map(|ruling| ruling.suggest.as_deref())),
        injects,
        credential: choices.fold(Choice::Open, Choice::and),
        passes_issued: rulings.iter().all(|ruling| ruling.passes_issued),
        hosts: sorted(
            rulings
                .iter()
                .flat_map(|ruling| &ruling.hosts)
                .filter(|_| injects)
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
