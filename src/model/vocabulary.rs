//! Lists what exists: the actions, parameters, agents and credentials that a policy may name. `snapshot` fills it, `policy`
//! checks against it.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{ActionName, Risk};
use super::glob::Glob;
use super::template::NameTemplate;
use super::value::ValueType;

/// Everything that a policy file can refer to.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// By full name; also `<connector>.unknown`.
    pub actions: BTreeMap<ActionName, ActionShape>,
    /// Actions whose names are made from requests.
    pub templates: BTreeMap<NameTemplate, ActionShape>,
    /// Ids of all loaded connectors.
    pub connectors: BTreeSet<String>,
    /// Agent name to labels, declared and, where the store is at hand, stored.
    pub agents: BTreeMap<String, BTreeMap<String, String>>,
    /// Credential id to connector; `None` while the store is not at hand (`check` on a bare directory).
    pub credentials: Option<BTreeMap<String, String>>,
    /// Old name to new name (`renamed_from:`).
    pub renamed: BTreeMap<String, ActionName>,
    /// Some connector is broken, so a missing name may still exist.
    pub partial: bool,
    /// Handling of missing names.
    pub unknown: Unknown,
}

/// Handling of an entry that names a missing agent, connector, action or credential.
///
/// However it is reported, the entry never grants more: a dangling grant is inert, and a dangling deny or ask covers its
/// connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// An error: for an entry that is being added.
    Refused,
    /// An error where the entry would be disarmed by it, a warning where it would only grant: for files that are checked or reloaded.
    Guarded {
        /// Names that dangled before: they do not keep other changes from taking effect.
        known: BTreeSet<String>,
    },
    /// A warning: at start, and for entries of the store, because a state that was accepted once must start.
    Tolerated,
}

impl Vocabulary {
    /// Returns the shape of an action, whether its name is fixed or made.
    #[must_use]
    pub fn shape(&self, name: &ActionName) -> Option<&ActionShape> {
        let mut templates = self.templates.iter();
        self.actions.get(name).or_else(|| {
            let made = templates.find(|(template, _)| template.accepts(name.as_str()));
            made.map(|(_, shape)| shape)
        })
    }

    /// Returns the template that can make a name which no action has.
    #[must_use]
    pub fn template(&self, name: &ActionName) -> Option<&NameTemplate> {
        let fixed = self.actions.contains_key(name);
        let mut templates = self.templates.keys().filter(|_| !fixed);
        templates.find(|template| template.accepts(name.as_str()))
    }

    /// Returns whether a glob matches an action that is, or can be made.
    #[must_use]
    pub fn has_match(&self, glob: &Glob) -> bool {
        let mut names = self.actions.keys();
        names.any(|name| glob.matches(name.as_str()))
            || self
                .templates
                .keys()
                .any(|template| template.overlaps(glob))
    }

    /// Returns whether `agents` are all that there are; without the store at hand, others may be in it.
    #[must_use]
    pub fn agents_are_complete(&self) -> bool {
        self.credentials.is_some()
    }
}

impl Default for Unknown {
    fn default() -> Self {
        Self::Guarded {
            known: BTreeSet::new(),
        }
    }
}

/// What policies need of an action: parameters, risks and flags.
#[derive(Debug, Clone, Default)]
pub struct ActionShape {
    /// Every risk that the action can have.
    pub risks: BTreeSet<Risk>,
    /// Never allowed by a glob or preset.
    pub special: bool,
    /// Its answer holds a credential.
    pub response_secret: bool,
    /// Parameters of the action, by name.
    pub params: BTreeMap<String, ParamShape>,
}

/// What policies need of a parameter: its type and form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamShape {
    /// `None` where the connector does not say, as for a JSON value of any type.
    pub value_type: Option<ValueType>,
    /// A list of such values.
    pub list: bool,
    /// Whether `pattern` or `fold` fixes its spelling.
    pub one_spelling: bool,
    /// Whether it can be absent.
    pub optional: bool,
}

/// Returns the known name that was probably meant, as help: ``did you mean `jira.issue.delete`? ``; empty where none is close.
#[must_use]
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let close = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(written, name), name));
    match close.max_by(|one, other| one.0.total_cmp(&other.0)) {
        Some((likeness, name)) if likeness >= 0.8 => format!("did you mean `{name}`?"),
        _ => String::new(),
    }
}
