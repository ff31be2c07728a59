//! Defines what a YAML document says, as a tree in which every value knows its place.
//!
//! INVARIANT: no tag, no duplicate key, no alias is left; a tree is at most `MAX_DEPTH` deep and `MAX_NODES` large.

use std::rc::Rc;

/// How a scalar was written; it decides which types it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes: may be a number, a boolean or null.
    Plain,
    /// Quoted or a block: always text.
    Quoted,
    /// From outside the file, such as a variable: whatever is asked for.
    Given,
}

/// Line and column of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// From 1; 0 outside the file.
    pub(super) line: usize,
    /// From 1, in characters; 0 outside the file.
    pub(super) column: usize,
    /// Name of what it comes from where that is not the file.
    pub(super) origin: Option<Rc<str>>,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct MapEntry {
    /// The key; it is never empty.
    pub(super) key: Rc<str>,
    /// Place of the key.
    pub(super) spot: Spot,
    /// What it is set to.
    pub(super) value: Rc<Node>,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Text, after YAML's escapes.
    Scalar(String, Style),
    /// The items in their order.
    List(Vec<Rc<Node>>),
    /// Entries in order, keys unique.
    Map(Vec<MapEntry>),
}

/// One value of the document.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Unique in its document; an aliased node keeps its id wherever it is used.
    pub(super) id: u32,
    /// Of its first character.
    pub(super) spot: Spot,
    /// Kind and content of the value.
    pub(super) kind: Kind,
    /// Nodes in it with aliases written out, itself included.
    pub(super) weight: usize,
    /// Levels in it, itself included.
    pub(super) height: usize,
}

/// What a plain scalar stands for in YAML 1.2, without the spellings that surprise: `0x1f`, `017`, `1_000`, `True`, `.inf` are text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meaning {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text,
}

// === impl Spot ===

impl Spot {
    pub(super) fn new(line: usize, column: usize) -> Self {
        Self {
            line,
            column,
            origin: None,
        }
    }
}

// === impl Node ===

impl Node {
    pub(super) fn new(id: u32, spot: Spot, kind: Kind) -> Self {
        let (weight, height) = match &kind {
            Kind::Scalar(..) => (0, 0),
            Kind::List(items) => measure(items.iter()),
            Kind::Map(entries) => measure(entries.iter().map(|entry| &entry.value)),
        };
        Self {
            id,
            spot,
            kind,
            weight: weight.saturating_add(1),
            height: height.saturating_add(1),
        }
    }

    /// Returns what a scalar means; `Text` for everything else.
    pub(super) fn meaning(&self) -> Meaning {
        match &self.kind {
            Kind::Scalar(text, Style::Plain) => Meaning::of(text),
            Kind::Scalar(..) | Kind::List(_) | Kind::Map(_) => Meaning::Text,
        }
    }

    /// Returns whether nothing was written where a value should be.
    pub(super) fn is_blank(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(text, Style::Plain) if text.is_empty())
    }

    /// Returns what this is in an operator's words, with the value only where it is short and telling.
    pub(super) fn describe(&self) -> String {
        match (&self.kind, self.meaning()) {
            (Kind::List(_), _) => "a list".to_owned(),
            (Kind::Map(_), _) => "a mapping".to_owned(),
            (Kind::Scalar(text, _), Meaning::Text) if text.is_empty() => "nothing".to_owned(),
            (Kind::Scalar(..), Meaning::Text) => "text".to_owned(),
            (Kind::Scalar(text, _), Meaning::Null | Meaning::Bool(_)) => format!("`{text}`"),
            (
                Kind::Scalar(text, _),
                Meaning::Unsigned(_) | Meaning::Signed(_) | Meaning::Float(_),
            ) => {
                format!("the number `{text}`")
            }
        }
    }
}

fn measure<'a>(children: impl Iterator<Item = &'a Rc<Node>>) -> (usize, usize) {
    children.fold((0, 0), |(weight, height), child| {
        (
            child.weight.saturating_add(weight),
            child.height.max(height),
        )
    })
}

// === impl Meaning ===

impl Meaning {
    pub(super) fn of(text: &str) -> Self {
        match text {
            "~" | "null" | "Null" | "NULL" => return Self::Null,
            "true" => return Self::Bool(true),
            "false" => return Self::Bool(false),
            _ => {}
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let whole = digits.split(['.', 'e', 'E']).next().unwrap_or_default();
        let number = digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
            && !whole.is_empty()
            && whole.bytes().all(|byte| byte.is_ascii_digit())
            && (whole == "0" || !whole.starts_with('0'));
        if !number {
            return Self::Text;
        }
        if let Ok(value) = text.parse() {
            return Self::Unsigned(value);
        }
        if let Ok(value) = text.parse() {
            return Self::Signed(value);
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Self::Float(value),
            Ok(_) | Err(_) => Self::Text,
        }
    }
}
