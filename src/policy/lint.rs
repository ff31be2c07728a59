//! Checks all permissions and policies together: which permissions can open a connector, which entries guard it, and which
//! combinations are probably mistakes and become warnings.

use std::collections::{BTreeMap, BTreeSet};

use super::permission::Permission;
use super::rule::Rule;
use super::selector::{self, AgentSelector};
use super::{Decision, PolicySet};
use crate::config::diagnostic::{Diagnostic, Place, Report};
use crate::model::agent::Agent;
use crate::model::table::Table;
use crate::model::template::NameTemplate;
use crate::model::vocabulary::Vocabulary;

/// Entries that deny or ask for some action of a connector, as places in the lists of permissions and policies.
#[derive(Debug, Default)]
pub(crate) struct Guards {
    permissions: BTreeSet<usize>,
    rules: BTreeSet<usize>,
}

/// An entry that denies or asks for actions of a connector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guard<'a> {
    who: &'a [AgentSelector],
    label: &'a str,
}

impl Guard<'_> {
    /// Returns whether it is for an agent.
    pub(crate) fn is_for(self, agent: &Agent) -> bool {
        selector::aim(self.who, agent).is_some()
    }
}

impl PolicySet {
    /// Returns by connector the permissions that can open it.
    pub(crate) fn openers(&self, vocabulary: &Vocabulary) -> Table<String, Vec<usize>> {
        let connectors = vocabulary.connectors.iter();
        let opening = |connector: &String| {
            let permissions = self.compiled.permissions.iter().enumerate();
            let opening = permissions.filter(|(_, permission)| permission.may_reach(connector));
            (connector.clone(), opening.map(|(at, _)| at).collect())
        };
        connectors.map(opening).collect()
    }

    /// Returns by connector what denies or asks for some of its actions.
    pub(crate) fn guards(&self, vocabulary: &Vocabulary) -> Table<String, Guards> {
        let connectors = vocabulary.connectors.iter();
        let mut all: Table<String, Guards> = connectors
            .map(|connector| (connector.clone(), Guards::default()))
            .collect();
        for (name, applicable) in &self.index {
            let connector = name.split('.').next().unwrap_or_default();
            let Some(guards) = all.get_mut(connector) else {
                continue;
            };
            let guarding = |at: &usize| {
                let permission = self.compiled.permissions.get(*at);
                permission.is_some_and(|permission| {
                    permission.guards(connector, |pattern| pattern.matches(name))
                })
            };
            let permissions = applicable.permissions.iter().map(|(at, _)| *at);
            guards.permissions.extend(permissions.filter(guarding));
            let rules = applicable.rules.iter().copied();
            guards.rules.extend(rules.filter(|at| self.narrows(*at)));
        }
        for (template, candidates) in &self.candidates {
            let Some(guards) = all.get_mut(template.connector()) else {
                continue;
            };
            let permissions = candidates.permissions.iter().copied();
            guards
                .permissions
                .extend(permissions.filter(|at| self.guards_some(*at, template)));
            let rules = candidates.rules.iter().copied();
            guards.rules.extend(rules.filter(|at| self.narrows(*at)));
        }
        all
    }

    fn guards_some(&self, at: usize, template: &NameTemplate) -> bool {
        let permission = self.compiled.permissions.get(at);
        permission.is_some_and(|permission| {
            permission.guards(template.connector(), |pattern| pattern.overlaps(template))
        })
    }

    fn narrows(&self, at: usize) -> bool {
        let rule = self.compiled.rules.get(at);
        rule.is_some_and(|rule| rule.decision != Decision::Allow)
    }

    /// Iterates over the guards of one connector.
    pub(crate) fn guards_of<'s>(&'s self, guards: &'s Guards) -> impl Iterator<Item = Guard<'s>> {
        let permissions = guards.permissions.iter();
        let permissions = permissions.filter_map(|at| self.compiled.permissions.get(*at));
        let permissions = permissions.map(|permission| Guard {
            who: &permission.who,
            label: &permission.label,
        });
        let rules = guards.rules.iter();
        let rules = rules.filter_map(|at| self.compiled.rules.get(*at));
        let rules = rules.map(|rule| Guard {
            who: &rule.who,
            label: &rule.id,
        });
        permissions.chain(rules)
    }

    /// Warns of entries that have no effect.
    pub(crate) fn lint(&self, vocabulary: &Vocabulary, report: &mut Report) {
        for permission in &self.compiled.permissions {
            self.warn_of_unknown(permission, vocabulary, report);
        }
        // Without the store at hand, the permission may be in it.
        if !vocabulary.agents_are_complete() {
            return;
        }
        let mut covered: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        let fixed = self.index.iter();
        let fixed = fixed.map(|(name, applicable)| {
            let connector = name.split('.').next().unwrap_or_default();
            (connector, &applicable.rules)
        });
        let made = self.candidates.iter();
        let made = made.map(|(template, candidates)| (template.connector(), &candidates.rules));
        for (connector, rules) in fixed.chain(made) {
            for at in rules {
                covered.entry(*at).or_default().insert(connector);
            }
        }
        for (at, rule) in self.compiled.rules.iter().enumerate() {
            if let Some(connectors) = covered.get(&at) {
                self.warn_of_unopened(rule, connectors, vocabulary, report);
            }
        }
    }

    /// Warns where `access: full` does not cover the connector's `unknown`.
    fn warn_of_unknown(
        &self,
        permission: &Permission,
        vocabulary: &Vocabulary,
        report: &mut Report,
    ) {
        let Some(connector) = permission.full() else {
            return;
        };
        let unknown = format!("{connector}.unknown");
        let mut rules = self.compiled.rules.iter();
        let mut permissions = self.compiled.permissions.iter();
        if rules.any(|rule| rule.names(&unknown))
            || permissions.any(|permission| permission.names(&unknown))
        {
            return;
        }
        let Some(guards) = self.guards.get(connector) else {
            return;
        };
        let guard = self
            .guards_of(guards)
            .find(|guard| selector::overlap(guard.who, &permission.who, &vocabulary.agents));
        if let Some(guard) = guard {
            let message = format!(
                "`access: full` does not cover `{unknown}` here, because `{}` denies or asks for actions of `{connector}`",
                guard.label
            );
            let help = format!(
                "a request that matches no route might be one of them; to let it pass all the same, add `allow: [{unknown}]`"
            );
            warn("full-unknown", message, &permission.place, help, report);
        }
    }

    /// A policy that allows or asks opens nothing.
    fn warn_of_unopened(
        &self,
        rule: &Rule,
        connectors: &BTreeSet<&str>,
        vocabulary: &Vocabulary,
        report: &mut Report,
    ) {
        if rule.decision == Decision::Deny {
            return;
        }
        let opened = |name: &str, labels: &BTreeMap<String, String>| {
            self.compiled.permissions.iter().any(|permission| {
                let mut connectors = connectors.iter();
                selector::means(&permission.who, name, labels)
                    && connectors.any(|connector| permission.may_reach(connector))
            })
        };
        let meant = vocabulary
            .agents
            .iter()
            .filter(|(name, labels)| selector::means(&rule.who, name, labels));
        let (open, shut): (Vec<_>, Vec<_>) = meant.partition(|(name, labels)| opened(name, labels));
        let for_all = rule.who.contains(&AgentSelector::All);
        let Some((agent, _)) = shut.first().filter(|_| !for_all || open.is_empty()) else {
            return;
        };
        let connector = connectors.first().copied().unwrap_or_default();
        let whom = if for_all { "any agent" } else { agent.as_str() };
        let message = format!(
            "`{}` permits nothing for {whom}: no permission opens `{connector}` for it",
            rule.id
        );
        let help = format!(
            "policies narrow what permissions open; add one, as in `tollgate permission set --agent {agent} --connector {connector} --access read_only`"
        );
        warn("no-permission", message, &rule.place, help, report);
    }
}

fn warn(code: &'static str, message: String, place: &Place, help: String, report: &mut Report) {
    report.push(
        Diagnostic::warning(code, message)
            .at(place.clone())
            .help(help),
    );
}
