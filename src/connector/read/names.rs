//! Takes what the pairs of a form or query hold under a name.
//!
//! INVARIANT: a pair that some server may take for a read name, but that is spelled unlike it, refuses the request.

use std::borrow::Cow;

use crate::connector::model::name_path::{NamePath, NameStep, index};
use crate::connector::read::json::keys::Seen;
use crate::connector::read::unreadable::{Unreadable, ambiguous};
use crate::model::show::brief;
use crate::model::target::{may_be, same_key, split_name};
use crate::model::value::MAX_LIST;

/// What the pairs hold under a name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    /// In the order of the pairs, at most one over [`MAX_LIST`].
    pub(crate) values: Vec<&'a str>,
    /// How many there were.
    pub(crate) count: usize,
    /// A value of a kind that the name cannot pass or end at: another container, or a file.
    pub(crate) misfit: bool,
}

/// The value of one pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PairValue<'a> {
    Text(&'a str),
    /// The content of a file is not a value.
    File,
}

/// How a given name relates to a read one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Same,
    /// The bare name where a list is read.
    Bare,
    /// A container where a value is read, or the other way round.
    Misfit,
    /// Servers differ on whether it is the same.
    Alike,
    Other,
}

impl NamePath {
    /// Takes what pairs hold under it; `twins` are names that differ from others only in spelling, and are read themselves.
    pub(crate) fn read<'a>(
        &self,
        (place, twins): (&str, &[Box<str>]),
        pairs: impl Iterator<Item = (&'a str, PairValue<'a>)>,
    ) -> Result<Named<'a>, Unreadable> {
        let mut named = Named::default();
        let mut seen = Seen::default();
        let mut first = None;
        for (name, held) in pairs {
            let shown = || brief(name);
            let relation = self.relation(name);
            match relation {
                Relation::Other => continue,
                Relation::Alike if is_root_of(name, twins) => continue,
                Relation::Alike => {
                    let message = format!(
                        "the {place} has `{}`, spelled unlike the name that is read",
                        shown()
                    );
                    return Err(ambiguous(message));
                }
                Relation::Misfit => {
                    named.misfit = true;
                    continue;
                }
                Relation::Same | Relation::Bare => {}
            }
            // A list that is written in two ways is one list for some servers and two for others.
            if *first.get_or_insert(relation) != relation {
                let message = format!("the {place} has `{}` with and without brackets", shown());
                return Err(ambiguous(message));
            }
            let repeats = relation == Relation::Bare || name.contains("[]");
            if !repeats && seen.insert(Cow::Borrowed(name)).is_err() {
                return Err(ambiguous(format!("the {place} has `{}` twice", shown())));
            }
            named.take(held);
        }
        Ok(named)
    }

    fn relation(&self, name: &str) -> Relation {
        if self.steps.is_empty() && *self.root == *name {
            return Relation::Same;
        }
        if !may_be(&self.root, name) {
            return Relation::Other;
        }
        let Some((_, keys)) = split_name(name).filter(|(root, _)| **root == *self.root) else {
            return Relation::Alike;
        };
        let mut steps = self.steps.iter();
        let mut keys = keys.peekable();
        if keys.peek().is_none() {
            return match self.steps.as_slice() {
                [NameStep::Items] => Relation::Bare,
                [] => Relation::Same,
                _ => Relation::Misfit,
            };
        }
        for key in keys {
            let Some(step) = steps.next() else {
                return Relation::Misfit;
            };
            match step.relation(key) {
                Relation::Same => {}
                other => return other,
            }
        }
        if steps.next().is_some() {
            return Relation::Misfit;
        }
        Relation::Same
    }
}

impl<'a> Named<'a> {
    fn take(&mut self, held: PairValue<'a>) {
        match held {
            PairValue::File => self.misfit = true,
            PairValue::Text(text) => {
                self.count += 1;
                if self.values.len() <= MAX_LIST {
                    self.values.push(text);
                }
            }
        }
    }
}

impl NameStep {
    fn relation(&self, key: &str) -> Relation {
        match self {
            Self::Name(own) if **own == *key => Relation::Same,
            Self::Name(own) if same_key(own, key) => Relation::Alike,
            // `[]` makes a list of what is read as a map.
            Self::Name(_) | Self::Index(_) if key.is_empty() => Relation::Misfit,
            Self::Index(own) if index(key) == Some(*own) => Relation::Same,
            Self::Items if key.is_empty() || index(key).is_some() => Relation::Same,
            Self::Items => Relation::Misfit,
            Self::Name(_) | Self::Index(_) => Relation::Other,
        }
    }
}

/// Returns whether a name begins with one of these, spelled as they are.
pub(crate) fn is_root_of(name: &str, roots: &[Box<str>]) -> bool {
    let root = name.split('[').next().unwrap_or(name);
    roots.iter().any(|known| **known == *root)
}
