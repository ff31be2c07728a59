//! Decides recorded requests again under other connectors and policies, and groups what would be different.
//!
//! Records hold no bodies, so each request counts as the actions that it was read as. Secret parameters are known by their hashes
//! only, which no condition equals.

mod found;
mod recorded;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use crate::journal::{Decided, RecordedAction};
use crate::model::action::{Action, ActionName, Parameter, Parameters, Risk};
use crate::model::agent::Agent;
use crate::model::clock::stamp;
use crate::model::credential::CredentialId;
use crate::model::target::Target;
use crate::model::vocabulary::Vocabulary;
use crate::policy::{Decision, Facts, combine};
use crate::snapshot::Snapshot;
pub use found::{Example, Replayed, ReplayedChange};
use recorded::{target, value_of, was};

/// Codes of refusals that permissions and policies decide; all others would come again whatever they say.
const DECIDED: [&str; 5] = [
    "denied",
    "no_permission",
    "approval_required",
    "approval_refused",
    "approval_timeout",
];

/// What is the same in requests that are counted together.
type Group = (String, String, Decision, Decision);

/// Requests that are remembered with what was decided; journals hold the same ones again and again.
const REMEMBERED: usize = 100_000;

/// What is decided about requests that are alike in everything that decides.
#[derive(Debug)]
struct Judged {
    /// The actions, joined by commas.
    names: String,
    now: Decision,
    by: Vec<String>,
}

/// A replay under one snapshot.
#[derive(Debug)]
pub struct Replay<'s> {
    snapshot: &'s Snapshot,
    /// By what decides about them; `None` for requests that no rule decides.
    judged: HashMap<String, Option<Arc<Judged>>>,
    reads_time: bool,
    agents: HashMap<String, Arc<Agent>>,
    vocabulary: Vocabulary,
    found: Replayed,
    groups: BTreeMap<Group, (u64, Example)>,
    /// What is compared with, instead of the recorded decisions.
    baseline: Option<Box<Self>>,
}

impl<'s> Replay<'s> {
    /// Begins a replay; an agent that is not in the list may do nothing.
    #[must_use]
    pub fn new(snapshot: &'s Snapshot, agents: &[Arc<Agent>]) -> Self {
        let mut vocabulary = Vocabulary::default();
        snapshot.catalog().describe(&mut vocabulary);
        let by_name = |agent: &Arc<Agent>| (agent.name.to_string(), Arc::clone(agent));
        Self {
            snapshot,
            judged: HashMap::new(),
            reads_time: snapshot.policies().reads_time(),
            agents: agents.iter().map(by_name).collect(),
            vocabulary,
            found: Replayed::default(),
            groups: BTreeMap::new(),
            baseline: None,
        }
    }

    /// Compares with what other rules decide about the same requests, instead of with what was recorded.
    #[must_use]
    pub fn against(mut self, baseline: Self) -> Self {
        self.found.recorded_otherwise = Some(0);
        self.baseline = Some(Box::new(baseline));
        self
    }

    /// Decides one record again; the newest come first.
    pub fn add(&mut self, (written, time): (&str, SystemTime), record: &Decided<'_>) {
        let by_rules = record.code.is_empty() || DECIDED.contains(&&*record.code);
        let judged = by_rules.then(|| self.judge(time, record)).flatten();
        let Some((was, judged)) = was(record).zip(judged) else {
            self.found.skipped += 1;
            return;
        };
        self.found.records += 1;
        let before = self.baseline.as_mut();
        let before = before.and_then(|baseline| baseline.judge(time, record));
        let recorded = was;
        let was = before.map_or(recorded, |before| before.now);
        if was != recorded {
            let otherwise = self.found.recorded_otherwise.get_or_insert(0);
            *otherwise = otherwise.saturating_add(1);
        }
        if judged.now == was {
            return;
        }
        let group = (
            record.agent.to_string(),
            judged.names.clone(),
            was,
            judged.now,
        );
        let example = || Example {
            request_id: record.request_id.to_string(),
            time: written.to_owned(),
            request: format!("{} {}{}", record.method, record.host, record.path),
            by: judged.by.clone(),
        };
        let entry = self.groups.entry(group);
        entry.or_insert_with(|| (0, example())).0 += 1;
    }

    /// Returns what was found.
    #[must_use]
    pub fn finish(mut self) -> Replayed {
        let groups = self.groups.into_iter();
        self.found.changes = groups
            .map(
                |((agent, actions, was, now), (count, example))| ReplayedChange {
                    agent,
                    actions,
                    was,
                    now,
                    count,
                    example,
                },
            )
            .collect();
        self.found
            .changes
            .sort_by_key(|change| std::cmp::Reverse(change.count));
        self.found
    }

    /// Decides a request, or remembers what was decided about one like it.
    fn judge(&mut self, time: SystemTime, record: &Decided<'_>) -> Option<Arc<Judged>> {
        let key = self.key(time, record);
        if let Some(known) = self.judged.get(&key) {
            return known.clone();
        }
        let actions = record.actions();
        let judged = target(record)
            .filter(|_| !actions.is_empty())
            .map(|target| {
                let (now, by) = self.decide((time, record), &actions, &target);
                let names: Vec<&str> = actions.iter().map(|action| action.name.as_str()).collect();
                let names = names.join(", ");
                Arc::new(Judged { names, now, by })
            });
        if self.judged.len() >= REMEMBERED {
            self.judged.clear();
        }
        self.judged.insert(key, judged.clone());
        judged
    }

    /// Returns everything of a record that a decision depends on.
    fn key(&self, time: SystemTime, record: &Decided<'_>) -> String {
        let actions = record
            .actions
            .as_deref()
            .map_or("", |actions| actions.get());
        let bytes = record.body_bytes.map(|bytes| bytes.to_string());
        let time = self.reads_time.then(|| stamp(time));
        let parts = [
            &*record.agent,
            &*record.credential,
            &*record.method,
            record.host.as_str().unwrap_or_default(),
            record.path.as_str().unwrap_or_default(),
            bytes.as_deref().unwrap_or_default(),
            time.as_deref().unwrap_or_default(),
            actions,
        ];
        parts.join("\0")
    }

    fn decide(
        &self,
        (time, record): (SystemTime, &Decided<'_>),
        actions: &[RecordedAction],
        target: &Target,
    ) -> (Decision, Vec<String>) {
        let Some(agent) = self.agents.get(&*record.agent) else {
            return (Decision::Deny, Vec::new());
        };
        let credential = CredentialId::parse(&record.credential).ok();
        let decided = actions.iter().map(|recorded| {
            let action = self.action(recorded)?;
            Some(
                self.snapshot.policies().decide(&Facts {
                    agent,
                    action: &action,
                    target,
                    content_type: "",
                    body_bytes: record
                        .body_bytes
                        .and_then(|bytes| usize::try_from(bytes).ok()),
                    time,
                    credential: credential.as_ref(),
                }),
            )
        });
        // An action that is no action any more would be refused.
        match decided.collect::<Option<Vec<_>>>() {
            Some(rulings) => {
                let ruling = combine(rulings);
                (ruling.decision, ruling.by)
            }
            None => (Decision::Deny, Vec::new()),
        }
    }

    fn action(&self, recorded: &RecordedAction) -> Option<Action> {
        let name = ActionName::parse(&recorded.name).ok()?;
        let shape = self.vocabulary.shape(&name)?;
        let only = shape.risks.first().filter(|_| shape.risks.len() == 1);
        let risk: Risk = only.copied().unwrap_or(recorded.risk);
        let mut params = Parameters::with_capacity(recorded.params.len());
        for (name, value) in &recorded.params {
            params.set(Parameter {
                name: name.as_str().into(),
                value: value_of(value),
                secret: value.is_object(),
            });
        }
        Some(Action {
            risk,
            special: shape.special,
            response_secret: shape.response_secret,
            params,
            summary: None,
            template: self.vocabulary.template(&name).cloned(),
            name,
        })
    }
}
