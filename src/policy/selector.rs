//! Whom and what a permission or policy is for: texts to selectors of agents and patterns of actions, each sure to match something.

use crate::config::yaml::At;
use crate::model::action::ActionName;
use crate::model::agent::Agent;

use super::compile::Reading;

/// Whom an entry is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// `*`
    All,
    /// `team=care`
    Label(String, String),
    /// `devops`
    Name(String),
}

/// How exactly an agent was meant; ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Aim {
    /// By `*`.
    All,
    /// By a label.
    Label,
    /// By name.
    Name,
}

/// An action's name, or a glob in which `*` is any run of characters, dots included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    text: String,
}

/// How exactly an action was meant; ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Precision {
    /// By `access`.
    Preset,
    /// By a glob with a literal start of so many bytes.
    Prefix(usize),
    /// By its name.
    Exact,
}

impl Who {
    fn aim(&self, agent: &Agent) -> Option<Aim> {
        match self {
            Self::All => Some(Aim::All),
            Self::Label(key, value) => (agent.labels.get(key)? == value).then_some(Aim::Label),
            Self::Name(name) => (agent.name.as_str() == name).then_some(Aim::Name),
        }
    }
}

/// Returns how exactly a list of selectors means an agent; `None` where it does not.
pub(super) fn aim(who: &[Who], agent: &Agent) -> Option<Aim> {
    who.iter().filter_map(|who| who.aim(agent)).max()
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
        }
    }

    pub(super) fn is_exact(&self) -> bool {
        !self.text.contains('*')
    }

    pub(super) fn precision(&self) -> Precision {
        match self.text.find('*') {
            Some(prefix) => Precision::Prefix(prefix),
            None => Precision::Exact,
        }
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        let mut parts = self.text.split('*');
        let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        for part in parts {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }

    /// Returns whether it names this connector: its literal first segment, or `*`.
    pub(super) fn names(&self, connector: &str) -> bool {
        let first = self.text.split('.').next().unwrap_or_default();
        first == connector || first == "*"
    }

    /// Returns the connector that it names, if it names one.
    pub(super) fn connector(&self) -> Option<&str> {
        self.text
            .split('.')
            .next()
            .filter(|first| !first.contains('*'))
    }
}

impl Reading<'_> {
    /// Reads selectors of agents; each must mean somebody who exists, where all who do are known.
    pub(super) fn agents(&mut self, written: &[At<String>], entry: (usize, usize)) -> Vec<Who> {
        if written.is_empty() {
            self.error(
                "no-agents",
                "`agents` is empty: it would mean nobody",
                entry,
                "use `\"*\"` for all",
            );
        }
        let mut all = Vec::new();
        for text in written {
            let at = (text.line, text.column);
            let who = match text.value.split_once('=') {
                None if text.value == "*" => Who::All,
                None => Who::Name(text.value.clone()),
                Some((key, value)) => Who::Label(key.to_owned(), value.to_owned()),
            };
            if let Some((message, help)) = self.nobody(&who) {
                self.error("unknown-agent", message, at, help);
            }
            all.push(who);
        }
        all
    }

    fn nobody(&self, who: &Who) -> Option<(String, String)> {
        let agents = &self.vocabulary.agents;
        match who {
            Who::Name(_) | Who::Label(..) if !self.vocabulary.agents_are_complete() => None,
            Who::All => None,
            Who::Name(name) if agents.contains_key(name) => None,
            Who::Name(name) => {
                let help = self.suggestion(name, agents.keys().map(String::as_str));
                Some((format!("there is no agent `{}`", name.escape_debug()), help))
            }
            Who::Label(key, value) => {
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

    /// Reads patterns of actions; each must match an action that exists, now or under its old name.
    pub(super) fn patterns(&mut self, written: &[At<String>]) -> Vec<Pattern> {
        let mut all = Vec::new();
        for text in written {
            let at = (text.line, text.column);
            let pattern = Pattern::new(&text.value);
            if self
                .vocabulary
                .actions
                .keys()
                .any(|name| pattern.matches(name.as_str()))
            {
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
            let help = self.suggestion(
                &text.value,
                self.vocabulary.actions.keys().map(ActionName::as_str),
            );
            self.error("unknown-action", message, at, help);
        }
        all
    }
}
