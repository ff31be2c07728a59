//! Builds a list or mapping from the nodes of a document: each key once, none empty, `<<` written out.

use std::collections::HashMap;
use std::rc::Rc;

use super::fault::{Fault, QUOTING};
use super::node::{Kind, MapEntry, Node, Spot, Style};

/// A list or mapping whose end has not been seen.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) spot: Spot,
    /// 0 where there is none.
    pub(super) anchor: usize,
    inside: Inside,
}

#[derive(Debug)]
enum Inside {
    List(Vec<Rc<Node>>),
    Map(Mapping),
}

#[derive(Debug)]
struct Mapping {
    entries: Vec<MapEntry>,
    seen: HashMap<Rc<str>, Spot>,
    key: Key,
    merged: Vec<Rc<Node>>,
}

/// What a mapping waits for.
#[derive(Debug)]
enum Key {
    /// A key is expected next.
    Awaited,
    /// The value of this key.
    Read(Rc<str>, Spot),
    /// The value of `<<`.
    Merge,
    /// The value of a key that was refused.
    Refused,
}

impl Frame {
    pub(super) fn list(spot: Spot, anchor: usize) -> Self {
        Self {
            spot,
            anchor,
            inside: Inside::List(Vec::new()),
        }
    }

    pub(super) fn map(spot: Spot, anchor: usize) -> Self {
        let mapping = Mapping {
            entries: Vec::new(),
            seen: HashMap::new(),
            key: Key::Awaited,
            merged: Vec::new(),
        };
        Self {
            spot,
            anchor,
            inside: Inside::Map(mapping),
        }
    }

    /// Takes the next item, key or value; `spot` is where it is used.
    pub(super) fn take(&mut self, node: Rc<Node>, spot: &Spot) -> Option<Fault> {
        let mapping = match &mut self.inside {
            Inside::List(items) => {
                items.push(node);
                return None;
            }
            Inside::Map(mapping) => mapping,
        };
        match std::mem::replace(&mut mapping.key, Key::Awaited) {
            Key::Awaited => {
                let (key, fault) = match read_key(&node, spot, &mut mapping.seen) {
                    Ok(key) => (key, None),
                    Err(fault) => (Key::Refused, Some(fault)),
                };
                mapping.key = key;
                return fault;
            }
            Key::Read(key, spot) => mapping.entries.push(MapEntry {
                key,
                spot,
                value: node,
            }),
            Key::Merge if is_mergeable(&node) => mapping.merged.push(node),
            Key::Merge => {
                return Some(
                    Fault::new("alias", "`<<` takes a mapping, or a list of mappings").spot(spot),
                );
            }
            Key::Refused => {}
        }
        None
    }

    /// Returns the finished list or mapping.
    pub(super) fn close(self) -> Kind {
        match self.inside {
            Inside::List(items) => Kind::List(items),
            Inside::Map(Mapping {
                mut entries,
                mut seen,
                merged,
                ..
            }) => {
                for node in &merged {
                    merge(node, &mut entries, &mut seen);
                }
                Kind::Map(entries)
            }
        }
    }
}

fn read_key(node: &Node, spot: &Spot, seen: &mut HashMap<Rc<str>, Spot>) -> Result<Key, Fault> {
    let Kind::Scalar(text, style) = &node.kind else {
        return Err(Fault::new("wrong-type", "a key is text")
            .spot(spot)
            .help(QUOTING));
    };
    if text == "<<" && *style == Style::Plain {
        return Ok(Key::Merge);
    }
    if text.is_empty() {
        return Err(Fault::new("empty-key", "a key is empty").spot(spot));
    }
    let name: Rc<str> = text.as_str().into();
    if let Some(first) = seen.get(&name) {
        let mut fault = Fault::new("duplicate-key", format!("`{name}` is set twice")).spot(spot);
        fault.0.other = Some((first.clone(), "first set here"));
        return Err(fault);
    }
    seen.insert(Rc::clone(&name), spot.clone());
    Ok(Key::Read(name, spot.clone()))
}

fn is_mergeable(node: &Node) -> bool {
    match &node.kind {
        Kind::Map(_) => true,
        Kind::List(items) => items.iter().all(|item| matches!(item.kind, Kind::Map(_))),
        Kind::Scalar(..) => false,
    }
}

/// Adds the entries that the mapping does not set itself; the earlier source wins, as YAML's merge keys say.
fn merge(node: &Node, entries: &mut Vec<MapEntry>, seen: &mut HashMap<Rc<str>, Spot>) {
    match &node.kind {
        Kind::Map(more) => {
            for entry in more {
                if !seen.contains_key(&entry.key) {
                    seen.insert(Rc::clone(&entry.key), entry.spot.clone());
                    entries.push(entry.clone());
                }
            }
        }
        Kind::List(items) => items.iter().for_each(|item| merge(item, entries, seen)),
        Kind::Scalar(..) => {}
    }
}
