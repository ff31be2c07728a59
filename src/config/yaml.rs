//! Reads typed values from YAML text, strictly: every value has a place, and all problems are reported at once.
//!
//! A file is declared as plain serde structs. A pass that fails is repeated without the item or field that failed, so each
//! broken item is told; keys that a struct lacks are told by themselves, `deny_unknown_fields` or not. Never `flatten`.

mod fault;
mod frame;
mod load;
mod locate;
mod node;
mod reader;
mod session;
mod shape;

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::diagnostic::{Diagnostic, Place, Report, Source};
use node::{Kind, Node, Spot, Style};

pub(in crate::config) use fault::CONFIDENTIAL;
pub use locate::locate;
pub use shape::{Entries, OneOrMany, ShortOr};

/// Most problems reported of one file.
const MAX_PROBLEMS: usize = 100;

/// A value and where it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct At<T> {
    /// The value as read.
    pub value: T,
    /// From 1; 0 where unknown.
    pub line: usize,
    /// From 1, in characters; 0 where unknown.
    pub column: usize,
}

/// A value for a place in a file that comes from elsewhere.
#[derive(Debug, Clone)]
pub(in crate::config) struct Override {
    /// Keys from the top.
    pub(in crate::config) path: Vec<String>,
    /// One scalar, or the items of a list.
    pub(in crate::config) value: Given,
    /// Shown where the file's name would stand: `TOLLGATE_LOG_LEVEL`.
    pub(in crate::config) origin: String,
}

/// Value of an [`Override`].
#[derive(Debug, Clone)]
pub(in crate::config) enum Given {
    /// Read as whatever type the place has.
    Scalar(String),
    /// The same for each item.
    List(Vec<String>),
}

/// Reads one document into `T`; problems go into the report and `None` comes back if any is an error.
pub fn read<T: DeserializeOwned>(source: &Source, report: &mut Report) -> Option<T> {
    let before = report.diagnostics.len();
    read_partial(source, report).filter(|_| report.diagnostics.len() == before)
}

/// Reads what can be read of a document: broken items and optional fields are left out, with their problems in the report.
///
/// For checks that go on after the first kind of problem. What comes back beside a problem is never to be used.
pub fn read_partial<T: DeserializeOwned>(source: &Source, report: &mut Report) -> Option<T> {
    read_with(source, &[], report)
}

/// Reads what can be read of a document with some of its values replaced.
pub(in crate::config) fn read_with<T: DeserializeOwned>(
    source: &Source,
    overrides: &[Override],
    report: &mut Report,
) -> Option<T> {
    let load::Loaded {
        root,
        mut faults,
        refused,
    } = load::load(&source.text);
    let mut value = None;
    if let Some(mut root) = root {
        free_extensions(&mut root);
        for (index, given) in overrides.iter().enumerate() {
            replace(&mut root, &given.path, &given_node(given, index));
        }
        let session = session::Session::new(refused);
        value = passes(&root, &session);
        faults.extend(session.into_faults());
    }
    let mut diagnostics: Vec<Diagnostic> = faults
        .into_iter()
        .map(|fault| fault.into_diagnostic(source))
        .collect();
    diagnostics.sort_by_key(|diagnostic| {
        diagnostic
            .places
            .first()
            .map(|place| (place.line, place.column))
    });
    diagnostics
        .into_iter()
        .take(MAX_PROBLEMS)
        .for_each(|diagnostic| report.push(diagnostic));
    value
}

fn passes<T: DeserializeOwned>(root: &Node, session: &session::Session) -> Option<T> {
    let reader = reader::Reader {
        node: root,
        session,
    };
    for _ in 0..MAX_PROBLEMS {
        match reader.placed(T::deserialize(reader)) {
            Ok(value) => return Some(value),
            Err(fault) => {
                if !session.record(fault) {
                    return None;
                }
            }
        }
    }
    None
}

/// Drops top-level `x-…` keys: they hold anchors, or notes of other programs.
fn free_extensions(root: &mut Node) {
    if let Kind::Map(entries) = &mut root.kind {
        entries.retain(|entry| !entry.key.starts_with("x-"));
    }
}

/// Ids of given nodes count down, so that they never meet those of the file.
fn given_node(given: &Override, index: usize) -> Rc<Node> {
    let spot = Spot {
        line: 0,
        column: 0,
        origin: Some(given.origin.as_str().into()),
    };
    let id = |offset: usize| {
        u32::MAX.saturating_sub(u32::try_from(index * 1_000 + offset).unwrap_or(u32::MAX / 2))
    };
    let scalar = |text: &str, offset| {
        Node::new(
            id(offset),
            spot.clone(),
            Kind::Scalar(text.to_owned(), Style::Given),
        )
    };
    Rc::new(match &given.value {
        Given::Scalar(text) => scalar(text, 0),
        Given::List(items) => {
            let items = items
                .iter()
                .enumerate()
                .map(|(at, text)| Rc::new(scalar(text, at + 1)));
            Node::new(id(0), spot.clone(), Kind::List(items.collect()))
        }
    })
}

fn replace(node: &mut Node, path: &[String], value: &Rc<Node>) {
    let Some((key, rest)) = path.split_first() else {
        return;
    };
    if !matches!(node.kind, Kind::Map(_)) {
        node.kind = Kind::Map(Vec::new());
    }
    let Kind::Map(entries) = &mut node.kind else {
        return;
    };
    let index = entries
        .iter()
        .position(|entry| *entry.key == **key)
        .unwrap_or_else(|| {
            let id = value
                .id
                .saturating_sub(u32::try_from(500 + path.len()).unwrap_or(500));
            let empty = Node::new(id, value.spot.clone(), Kind::Map(Vec::new()));
            entries.push(node::MapEntry {
                key: key.as_str().into(),
                spot: value.spot.clone(),
                value: Rc::new(empty),
            });
            entries.len() - 1
        });
    let Some(entry) = entries.get_mut(index) else {
        return;
    };
    if rest.is_empty() {
        entry.value = Rc::clone(value);
    } else {
        replace(Rc::make_mut(&mut entry.value), rest, value);
    }
}

// === impl At ===

impl<T> At<T> {
    /// Returns the place of the value in its source, with a note that may be empty.
    pub fn place(&self, source: &Source, note: impl Into<String>) -> Place {
        Place {
            source: source.clone(),
            line: self.line,
            column: self.column,
            note: note.into(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = At<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<At<T>, A::Error> {
                let missing = || serde::de::Error::custom("a value without a place");
                let value = parts.next_element()?.ok_or_else(missing)?;
                let line = parts.next_element()?.unwrap_or_default();
                let column = parts.next_element()?.unwrap_or_default();
                Ok(At {
                    value,
                    line,
                    column,
                })
            }

            /// Other formats know no places.
            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<At<T>, D::Error> {
                T::deserialize(deserializer).map(|value| At {
                    value,
                    line: 0,
                    column: 0,
                })
            }
        }
        deserializer.deserialize_newtype_struct(reader::AT, Read(PhantomData))
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}
