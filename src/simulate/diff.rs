//! Compares what agents may do under two snapshots: every agent with every action of the catalogue. Previews of changes and
//! `policy diff` are this.

mod render;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::model::action::{ActionName, Risk};
use crate::model::agent::Agent;
use crate::model::vocabulary::Vocabulary;
use crate::policy::{Decision, Outlook};
use crate::snapshot::Snapshot;

/// One of two states that are compared.
#[derive(Debug, Clone, Copy)]
pub struct Side<'s> {
    /// Connectors and policies of that state.
    pub snapshot: &'s Snapshot,
    /// Every agent that there is.
    pub agents: &'s [Arc<Agent>],
}

/// What a change does: the pairs of agent and action whose outlook differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// Pairs that are allowed from now on, whatever the parameters.
    pub allowed: usize,
    /// Pairs that need an approval from now on.
    pub asked: usize,
    /// Pairs that are denied from now on.
    pub denied: usize,
    /// Pairs that depend on a condition from now on.
    pub conditional: usize,
    /// By agent and action.
    pub changes: Vec<PairChange>,
}

/// An agent and an action whose outlook differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PairChange {
    /// Name of the agent.
    pub agent: String,
    /// Full name of the action.
    pub action: String,
    /// One of `low`, `medium`, `high`, `critical`.
    pub risk: &'static str,
    /// What may happen before the change.
    pub was: Outlook,
    /// What may happen after the change.
    pub now: Outlook,
}

/// Actions of a catalogue, with each risk that they can have, and whether they are special.
type Actions = BTreeMap<(ActionName, Risk), bool>;

/// Compares two states. Actions whose names are made from requests are left out.
#[must_use]
pub fn effect(old: Side<'_>, new: Side<'_>) -> Effect {
    let (before, after) = (actions(old.snapshot), actions(new.snapshot));
    let names: BTreeSet<&str> = old
        .agents
        .iter()
        .chain(new.agents)
        .map(|agent| agent.name.as_str())
        .collect();
    let mut effect = Effect::default();
    let all: BTreeSet<&(ActionName, Risk)> = before.keys().chain(after.keys()).collect();
    for name in names {
        for &key in &all {
            let was = outlook(old, &before, name, key);
            let now = outlook(new, &after, name, key);
            if was != now {
                effect.add(PairChange {
                    agent: name.to_owned(),
                    action: key.0.as_str().to_owned(),
                    risk: key.1.as_str(),
                    was,
                    now,
                });
            }
        }
    }
    effect
}

impl Effect {
    /// Returns whether nothing changes for any agent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    fn add(&mut self, change: PairChange) {
        let count = match (change.now.cases.is_empty(), change.now.decision) {
            (false, _) => &mut self.conditional,
            (true, Decision::Allow) => &mut self.allowed,
            (true, Decision::RequireApproval) => &mut self.asked,
            (true, Decision::Deny) => &mut self.denied,
        };
        *count += 1;
        self.changes.push(change);
    }
}

fn actions(snapshot: &Snapshot) -> Actions {
    let mut vocabulary = Vocabulary::default();
    snapshot.catalog().describe(&mut vocabulary);
    let shapes = vocabulary.actions.into_iter();
    shapes
        .flat_map(|(name, shape)| {
            let special = shape.special;
            let risks = shape.risks.into_iter();
            risks.map(move |risk| ((name.clone(), risk), special))
        })
        .collect()
}

fn outlook(side: Side<'_>, actions: &Actions, agent: &str, key: &(ActionName, Risk)) -> Outlook {
    let agent = side
        .agents
        .iter()
        .find(|known| known.name.as_str() == agent);
    match (agent, actions.get(key)) {
        (Some(agent), Some(special)) => {
            let policies = side.snapshot.policies();
            policies.outlook(agent, key.0.as_str(), (key.1, *special))
        }
        (None, _) | (_, None) => Outlook::denied(),
    }
}
