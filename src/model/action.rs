//! Defines actions: what a request does, under a name, with parameters and a risk.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::template::NameTemplate;
use super::value::Value;

/// How much harm an action can do; ordered.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Reads, searches and model inference.
    Low,
    /// Writes that can be undone; reading secrets, mail, payments.
    Medium,
    /// Deletes or revokes something, or moves money.
    High,
    /// Hands out a credential, or cannot be understood and may do anything.
    Critical,
}

impl Risk {
    /// Returns the name as written in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Risk {
    type Err = UnknownRisk;

    fn from_str(text: &str) -> Result<Self, UnknownRisk> {
        match text {
            "low" => Ok(Self::Low),
            "medium" => Ok(Self::Medium),
            "high" => Ok(Self::High),
            "critical" => Ok(Self::Critical),
            other => Err(UnknownRisk(other.to_owned())),
        }
    }
}

/// A text that is not a risk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown risk `{0}`; one of low, medium, high, critical")]
pub struct UnknownRisk(pub String);

/// Why a text is not an action's name; holds the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionNameError {
    /// It has one segment.
    #[error("`{0}` is not an action: it needs a connector and a verb, as in `jira.issue.delete`")]
    OneSegment(String),
    /// A segment is empty or has other characters.
    #[error("`{0}` is not an action: segments are `[a-z0-9_-]+`, joined by dots")]
    BadSegment(String),
}

/// A full action name: `connector.resource.verb`, at least two segments of `[a-z0-9_-]+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionName(Arc<str>);

impl ActionName {
    /// Parses a name.
    ///
    /// # Errors
    ///
    /// If the name does not have the form of one.
    pub fn parse(text: &str) -> Result<Self, ActionNameError> {
        let segments = text.split('.').count();
        if segments < 2 {
            return Err(ActionNameError::OneSegment(text.to_owned()));
        }
        let good = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
        };
        if text
            .split('.')
            .any(|segment| segment.is_empty() || !segment.bytes().all(good))
        {
            return Err(ActionNameError::BadSegment(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// Returns the whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first segment.
    #[must_use]
    pub fn connector(&self) -> &str {
        self.0.split_once('.').map_or(&*self.0, |(first, _)| first)
    }

    /// Returns what lies between connector and verb; empty for a name of two segments.
    #[must_use]
    pub fn resource(&self) -> &str {
        let rest = self.0.split_once('.').map_or("", |(_, rest)| rest);
        rest.rsplit_once('.').map_or("", |(resource, _)| resource)
    }

    /// Returns the last segment.
    #[must_use]
    pub fn verb(&self) -> &str {
        self.0.rsplit_once('.').map_or(&*self.0, |(_, verb)| verb)
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ActionName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// One named value of an action.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Name of the parameter, `[a-z][a-z0-9_]*`.
    pub name: Arc<str>,
    /// Value that the request has.
    pub value: Value,
    /// Comparable in policies, but shown and recorded only as a keyed hash.
    pub secret: bool,
}

/// The parameters of one action, in the order in which the connector declares them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters(Vec<Parameter>);

impl Parameters {
    /// Returns an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns an empty set with room for so many.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// Adds a parameter, or replaces the one of this name.
    pub fn set(&mut self, parameter: Parameter) {
        match self.0.iter_mut().find(|known| known.name == parameter.name) {
            Some(known) => *known = parameter,
            None => self.0.push(parameter),
        }
    }

    /// Returns the value under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|parameter| &*parameter.name == name)
            .map(|parameter| &parameter.value)
    }

    /// Iterates over the parameters in the order in which they were set.
    pub fn iter(&self) -> std::slice::Iter<'_, Parameter> {
        self.0.iter()
    }

    /// Returns how many bytes they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let bytes = |parameter: &Parameter| size_of::<Parameter>() + parameter.value.bytes();
        self.0.iter().map(bytes).sum()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Parameters {
    type Item = &'a Parameter;
    type IntoIter = std::slice::Iter<'a, Parameter>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Action {
    /// Returns the name under which it is counted: labels of metrics are a closed set, so a made name counts as its template.
    #[must_use]
    pub fn label(&self) -> &str {
        self.template
            .as_ref()
            .map_or_else(|| self.name.as_str(), NameTemplate::as_str)
    }
}

/// One thing that a request does. A request can be several.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// The full name, `jira.issue.delete`.
    pub name: ActionName,
    /// Stated by the route, or by method.
    pub risk: Risk,
    /// Never allowed by a glob or a preset: it must be named.
    pub special: bool,
    /// Its answer holds a credential.
    pub response_secret: bool,
    /// Parameters that were read from the request.
    pub params: Parameters,
    /// The sentence for people, filled in: `create Bug in OPS`.
    pub summary: Option<String>,
    /// Template of the name, if it is made from the request.
    pub template: Option<NameTemplate>,
}
