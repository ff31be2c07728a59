//! Compiles the selectors of agents and the patterns of actions that an entry names. Each must match something that exists.

use std::collections::BTreeMap;

use crate::config::yaml::At;
use crate::model::action::ActionName;
use crate::model::agent::{Agent, AgentName};
use crate::model::glob::Glob;
use crate::model::template::NameTemplate;

use super::reading::{Effect, Reading};

/// A selector of agents in an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AgentSelector {
    /// Every agent, written `*`.
    All,
    /// Every agent with this label, written `team=care`.
    Label(String, String),
    /// The agent of this name.
    Name(String),
}

/// How exactly an agent was meant; ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aim {
    /// The entry names all agents with `*`.
    All,
    /// The entry names a label that the agent has.
    Label,
    /// The entry names the agent itself.
    Name,
}

/// An action's name, or a glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    glob: Glob,
    /// It names no action that exists.
    dangles: bool,
}

/// How exactly an action was meant; ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Precision {
    /// The entry is an `access` preset.
    Preset,
    /// By a glob with a literal start of so many bytes.
    Prefix(usize),
    /// The entry names the action in full.
    Exact,
}

impl AgentSelector {
    fn aim(&self, agent: &Agent) -> Option<Aim> {
        match self {
            Self::All => Some(Aim::All),
            Self::Label(key, value) => (agent.labels.get(key)? == value).then_some(Aim::Label),
            Self::Name(name) => (agent.name.as_str() == name).then_some(Aim::Name),
        }
    }
}

/// Returns how exactly a list of selectors means an agent; `None` where it does not.
pub(crate) fn aim(who: &[AgentSelector], agent: &Agent) -> Option<Aim> {
    who.iter().filter_map(|who| who.aim(agent)).max()
}

/// Returns whether some agent is, or may be, meant by both lists.
pub(crate) fn overlap(
    one: &[AgentSelector],
    other: &[AgentSelector],
    agents: &BTreeMap<String, BTreeMap<String, String>>,
) -> bool {
    let same = one
        .iter()
        .any(|who| *who == AgentSelector::All || other.contains(who));
    same || other.contains(&AgentSelector::All)
        || agents
            .iter()
            .any(|(name, labels)| means(one, name, labels) && means(other, name, labels))
}

/// Returns whether a list of selectors means an agent.
pub(crate) fn means(who: &[AgentSelector], name: &str, labels: &BTreeMap<String, String>) -> bool {
    who.iter().any(|who| match who {
        AgentSelector::All => true,
        AgentSelector::Label(key, value) => labels.get(key) == Some(value),
        AgentSelector::Name(own) => own == name,
    })
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            glob: Glob::new(text),
            dangles: false,
        }
    }

    fn dangling(text: &str) -> Self {
        Self {
            dangles: true,
            ..Self::new(text)
        }
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.glob.is_exact()
    }

    /// Returns whether it names no action that exists; a guard that does has been widened to its connector.
    pub(crate) fn dangles(&self) -> bool {
        self.dangles
    }

    /// A widened guard stands for an action that may be any, so it counts as exact.
    pub(crate) fn precision(&self) -> Precision {
        if self.is_exact() || self.dangles {
            Precision::Exact
        } else {
            Precision::Prefix(self.glob.literal_start())
        }
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.glob.matches(name)
    }

    /// Returns whether it matches some name that a template can make.
    pub(crate) fn overlaps(&self, template: &NameTemplate) -> bool {
        template.overlaps(&self.glob)
    }

    /// Returns whether it is for actions of any connector.
    pub(crate) fn is_for_any(&self) -> bool {
        self.first() == "*"
    }

    /// Returns the connector that it names, if it names one.
    pub(crate) fn connector(&self) -> Option<&str> {
        Some(self.first()).filter(|first| !first.contains('*'))
    }

    fn first(&self) -> &str {
        self.glob.as_str().split('.').next().unwrap_or_default()
    }
}

impl Reading<'_> {
    /// Compiles selectors of agents; where all agents are known, each must match one.
    pub(crate) fn agents(
        &mut self,
        written: &[At<String>],
        entry: (usize, usize),
        effect: Effect,
    ) -> Vec<AgentSelector> {
        if written.is_empty() {
            self.error(
                "no-agents",
                "`agents` is empty and would match no agent",
                entry,
                "use `\"*\"` for all",
            );
        }
        let mut all = Vec::new();
        for text in written {
            let who = match text.value.split_once('=') {
                None if text.value == "*" => AgentSelector::All,
                None => AgentSelector::Name(text.value.clone()),
                Some((key, value)) => AgentSelector::Label(key.to_owned(), value.to_owned()),
            };
            if let Some((message, help)) = self.matches_none(&who) {
                self.dangling(("unknown-agent", message), text, help, effect);
            }
            all.push(who);
        }
        all
    }

    fn matches_none(&self, who: &AgentSelector) -> Option<(String, String)> {
        let agents = &self.vocabulary.agents;
        match who {
            AgentSelector::Name(_) | AgentSelector::Label(..)
                if !self.vocabulary.agents_are_complete() =>
            {
                None
            }
            AgentSelector::All => None,
            AgentSelector::Name(name) if agents.contains_key(name) => None,
            AgentSelector::Name(name) => {
                let close = self.suggestion(name, agents.keys().map(String::as_str));
                let make = || format!("`tollgate agent add {name}` makes it");
                let plain = close.is_empty() && AgentName::parse(name).is_ok();
                let help = if plain { make() } else { close };
                Some((format!("there is no agent `{}`", name.escape_debug()), help))
            }
            AgentSelector::Label(key, value) => {
                if agents.values().any(|labels| labels.get(key) == Some(value)) {
                    return None;
                }
                let labels: Vec<_> = agents
                    .values()
                    .flat_map(|labels| labels.iter().map(|(key, value)| format!("{key}={value}")))
                    .collect();
                let written = format!("{key}={value}");
                let help = self.suggestion(&written, labels.iter().map(String::as_str));
                Some((
                    format!("no agent has the label `{}`", written.escape_debug()),
                    help,
                ))
            }
        }
    }

    /// Reads patterns of actions; each should match an action that exists, now or under its old name. A guard that does not
    /// covers its whole connector instead, so that nothing gets past it while its name is wrong.
    pub(crate) fn patterns(&mut self, written: &[At<String>], effect: Effect) -> Vec<Pattern> {
        let mut all = Vec::new();
        for text in written {
            let at = (text.line, text.column);
            let pattern = Pattern::new(&text.value);
            if self.vocabulary.has_match(&pattern.glob) {
                all.push(pattern);
                continue;
            }
            if self.vocabulary.partial {
                all.push(pattern);
                continue;
            }
            // An old name stands for exactly one action; a glob over old names might by now mean more than it did.
            if let Some(new) = self.vocabulary.renamed.get(&text.value) {
                all.push(Pattern::new(new.as_str()));
                let message = format!("`{}` is an old name", text.value.escape_debug());
                self.warning("renamed-action", message, at, format!("it is `{new}` now"));
                continue;
            }
            let what = if pattern.is_exact() {
                "there is no action"
            } else {
                "no action matches"
            };
            let message = format!("{what} `{}`", text.value.escape_debug());
            let help = self.meant(&text.value).unwrap_or_else(|| {
                let known = self.vocabulary.actions.keys().map(ActionName::as_str);
                match effect {
                    Effect::Guards => self.suggestion(&text.value, known),
                    Effect::Grants => {
                        let near = self.least_risky(&text.value);
                        self.suggestion(&text.value, near)
                    }
                }
            });
            let shown = (message, help);
            all.push(self.dangling_pattern(text, effect, shown));
        }
        all
    }

    fn dangling_pattern(
        &mut self,
        text: &At<String>,
        effect: Effect,
        (message, help): (String, String),
    ) -> Pattern {
        let connector = text.value.split('.').next().unwrap_or_default();
        let widens = effect == Effect::Guards && self.vocabulary.connectors.contains(connector);
        let message = if widens && !self.refuses(text, effect) {
            format!("{message}; while it is wrong, all of `{connector}` is covered")
        } else {
            message
        };
        self.dangling(("unknown-action", message), text, help, effect);
        if widens {
            Pattern::dangling(&format!("{connector}.*"))
        } else {
            Pattern::dangling(&text.value)
        }
    }
}
