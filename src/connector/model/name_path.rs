//! Compiles names of forms and queries: `labels[*]`, `card[number]`.

use std::fmt;

use crate::model::target::split_name;

/// Bytes of one name, as written.
const MAX_NAME: usize = 512;

/// A name of the grammar `root([key])*`, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamePath {
    pub(crate) root: Box<str>,
    pub(crate) steps: Vec<NameStep>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NameStep {
    /// A named key in brackets, `[name]`.
    Name(Box<str>),
    /// An index of a list, as in `[0]`.
    Index(usize),
    /// `[*]`: `[]`, any number, and, where it is the last step, the bare name, repeated.
    Items,
}

/// Why a text is not a name of a form or query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NamePathError {
    #[error("`{0}` is not a name: write `name`, `name[key]`, `name[0]`, `name[*]`")]
    NotAName(String),
    #[error("a name is over {MAX_NAME} bytes")]
    TooLong,
}

impl NamePath {
    /// Reads `name`, `name[key]`, `name[0]`, `name[*]`.
    pub(crate) fn parse(text: &str) -> Result<Self, NamePathError> {
        let wrong = || NamePathError::NotAName(text.escape_debug().to_string());
        if text.len() > MAX_NAME {
            return Err(NamePathError::TooLong);
        }
        let (root, keys) = split_name(text).ok_or_else(wrong)?;
        let steps = keys.map(|key| match key {
            "*" => Ok(NameStep::Items),
            "" => Err(wrong()),
            _ => Ok(index(key).map_or_else(|| NameStep::Name(key.into()), NameStep::Index)),
        });
        Ok(Self {
            root: root.into(),
            steps: steps.collect::<Result<_, _>>()?,
        })
    }

    /// Makes the name of one plain key.
    pub(crate) fn plain(key: &str) -> Self {
        Self {
            root: key.into(),
            steps: Vec::new(),
        }
    }

    /// Makes a name of keys, as `when` has them.
    pub(crate) fn of_keys(root: &str, keys: impl Iterator<Item = String>) -> Self {
        let step = |key: String| {
            index(&key).map_or_else(|| NameStep::Name(key.as_str().into()), NameStep::Index)
        };
        Self {
            root: root.into(),
            steps: keys.map(step).collect(),
        }
    }

    /// Returns what stands before the first bracket.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// Returns whether several values can lie under it.
    pub(crate) fn is_list(&self) -> bool {
        self.steps.contains(&NameStep::Items)
    }
}

impl fmt::Display for NamePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        self.steps.iter().try_for_each(|step| match step {
            NameStep::Name(name) => write!(f, "[{name}]"),
            NameStep::Index(index) => write!(f, "[{index}]"),
            NameStep::Items => f.write_str("[*]"),
        })
    }
}

/// Reads a number as servers that index by it do: `0`, `12`, but not `007`.
pub(crate) fn index(key: &str) -> Option<usize> {
    key.parse::<usize>()
        .ok()
        .filter(|number| number.to_string() == key)
}
