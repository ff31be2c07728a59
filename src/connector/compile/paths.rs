//! `JSONPath`s: the text of a parameter source in, steps for the one-pass reader out, or a query for what needs a tree.

use std::collections::HashMap;

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;

use crate::connector::read::json::follow::unfollowed;

/// Bytes of one path, as written.
const MAX_PATH: usize = 1024;

/// A path of one connector, by its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PathId(u32);

/// What is asked of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// Its value.
    Value,
    /// Whether something other than `null` is there.
    Presence,
}

/// One compiled path.
#[derive(Debug, Clone)]
pub(crate) struct BodyPath {
    pub(crate) route: Route,
    pub(crate) access: Access,
    /// More than one value can lie under it.
    pub(crate) list: bool,
    /// The last object key, as far as there is one: the name that another place could carry too.
    pub(crate) last_key: Option<Box<str>>,
}

/// How a path is followed.
#[derive(Debug, Clone)]
pub(crate) enum Route {
    /// While reading.
    Steps(Vec<Step>),
    /// On a tree: filters, `..`, slices, indices from the end.
    Tree {
        query: Box<JpQuery>,
        /// Every key that it names.
        names: Vec<Box<str>>,
        /// The plain steps that it starts with: their containers are checked while reading.
        front: Vec<Step>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Name(Box<str>),
    Index(usize),
    /// `[*]`, over a list.
    Items,
}

/// The paths of one connector, each once.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    pub(crate) list: Vec<BodyPath>,
    pub(crate) known: HashMap<(String, Access), PathId>,
}

impl Paths {
    /// Returns the number of a JSONPath.
    pub(crate) fn intern(&mut self, text: &str) -> Result<PathId, String> {
        let key = (text.to_owned(), Access::Value);
        if let Some(id) = self.known.get(&key) {
            return Ok(*id);
        }
        let path = BodyPath::parse(text)?;
        Ok(self.add(key, path))
    }

    /// Returns the number of a path of plain keys and indices, as `when` has it.
    pub(crate) fn intern_keys(&mut self, keys: &[Key], access: Access) -> PathId {
        let text = keys.iter().fold("$".to_owned(), |text, key| match key {
            Key::Name(name) => format!("{text}[{name:?}]"),
            Key::Index(index) => format!("{text}[{index}]"),
        });
        let key = (text, access);
        if let Some(id) = self.known.get(&key) {
            return *id;
        }
        let steps = keys.iter().map(|key| match key {
            Key::Name(name) => Step::Name(name.as_str().into()),
            Key::Index(index) => Step::Index(*index),
        });
        let path = BodyPath::of_steps(steps.collect(), access);
        self.add(key, path)
    }

    fn add(&mut self, key: (String, Access), path: BodyPath) -> PathId {
        let id = PathId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.list.push(path);
        self.known.insert(key, id);
        id
    }

    /// Returns a path by its number.
    pub(crate) fn get(&self, id: PathId) -> Option<&BodyPath> {
        self.list.get(id.0 as usize)
    }
}

/// One step of a path in `when`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// `.name`, `["name"]`
    Name(String),
    /// `[0]`
    Index(usize),
}

impl BodyPath {
    /// Returns whether it can be followed a step at a time.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.route, Route::Steps(_))
    }

    fn parse(text: &str) -> Result<Self, String> {
        // Plans are walked by recursion, a step at a time.
        if text.len() > MAX_PATH {
            return Err(format!("a JSONPath is over {MAX_PATH} bytes"));
        }
        let query =
            parse_json_path(text).map_err(|_| format!("`{text}` is not a JSONPath (RFC 9535)"))?;
        let descents = query
            .segments
            .iter()
            .filter(|segment| matches!(segment, Segment::Descendant(_)))
            .count();
        // Several `..` visit nodes more than once: 458 ms for `$..*..*..*` on a document 100 deep.
        if descents > 1 || text.matches("..").count() > 1 {
            return Err(format!("`{text}` has more than one `..`"));
        }
        if let Some(what) = unfollowed(&query) {
            return Err(format!("`{text}` has {what}, which is not followed"));
        }
        let steps: Option<Vec<Step>> = query.segments.iter().map(Step::of).collect();
        if let Some(steps) = steps {
            return Ok(Self::of_steps(steps, Access::Value));
        }
        let last_key = query
            .segments
            .iter()
            .rev()
            .find_map(last_name)
            .map(Box::from);
        let names = quoted_names(text);
        let mut front: Vec<Step> = query.segments.iter().map_while(Step::of).collect();
        if !matches!(
            query.segments.get(front.len()),
            Some(Segment::Descendant(_) | Segment::Selectors(_)) | None
        ) {
            front.push(Step::Items);
        }
        let route = Route::Tree {
            query: Box::new(query),
            names,
            front,
        };
        Ok(Self {
            route,
            access: Access::Value,
            list: true,
            last_key,
        })
    }

    fn of_steps(steps: Vec<Step>, access: Access) -> Self {
        let last_key = steps.iter().rev().find_map(|step| match step {
            Step::Name(name) => Some(name.clone()),
            Step::Index(_) | Step::Items => None,
        });
        Self {
            list: steps.contains(&Step::Items),
            last_key,
            route: Route::Steps(steps),
            access,
        }
    }
}

impl Step {
    fn of(segment: &Segment) -> Option<Self> {
        match segment {
            Segment::Selector(Selector::Name(name)) => Some(Self::Name(unquoted(name).into())),
            Segment::Selector(Selector::Wildcard) => Some(Self::Items),
            Segment::Selector(Selector::Index(index)) => {
                usize::try_from(*index).ok().map(Self::Index)
            }
            Segment::Selector(Selector::Slice(..) | Selector::Filter(_)) => None,
            Segment::Descendant(_) | Segment::Selectors(_) => None,
        }
    }
}

fn last_name(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Selector(Selector::Name(name)) => Some(unquoted(name)),
        Segment::Descendant(inner) => last_name(inner),
        Segment::Selector(_) | Segment::Selectors(_) => None,
    }
}

/// The parser keeps the quotes of `['name']`.
fn unquoted(name: &str) -> &str {
    let inside = |quote: char| {
        name.strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
    };
    inside('\'').or_else(|| inside('"')).unwrap_or(name)
}

/// Every word of a JSONPath that can be a key: more than the keys is harmless, fewer is not.
fn quoted_names(text: &str) -> Vec<Box<str>> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || !c.is_ascii();
    text.split(|c| !word(c))
        .filter(|name| name.chars().any(char::is_alphabetic))
        .map(Box::from)
        .collect()
}
