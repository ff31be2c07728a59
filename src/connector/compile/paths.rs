//! Compiles the `JSONPath` of a parameter source into steps for the one-pass reader, or a query for what needs a tree.

use std::collections::HashMap;

use jsonpath_rust::parser::model::{
    Comparable, Filter, FilterAtom, JpQuery, Segment, Selector, SingularQuery, Test,
};
use jsonpath_rust::parser::parse_json_path;

use crate::connector::model::body_path::{Access, BodyPath, PathId, PathStep, Traversal};

/// Bytes of one path, as written.
const MAX_PATH: usize = 1024;

/// The paths of one connector, each once.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    pub(crate) list: Vec<BodyPath>,
    pub(crate) known: HashMap<(String, Access), PathId>,
}

/// Why a text is not a `JSONPath` that is followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonPathError {
    #[error("a JSONPath is over {MAX_PATH} bytes")]
    TooLong,
    #[error("`{0}` is not a JSONPath (RFC 9535)")]
    NotAPath(String),
    #[error("`{0}` has more than one `..`")]
    TwoDescents(String),
    #[error("`{0}` has {1}, which is not followed")]
    NotFollowed(String, &'static str),
}

impl Paths {
    /// Returns the number of a JSONPath.
    pub(crate) fn intern(&mut self, text: &str) -> Result<PathId, JsonPathError> {
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
            Key::Name(name) => PathStep::Name(name.as_str().into()),
            Key::Index(index) => PathStep::Index(*index),
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
    /// A key of an object, `.name` or `["name"]`.
    Name(String),
    /// An index of a list, as in `[0]`.
    Index(usize),
}

impl BodyPath {
    fn parse(text: &str) -> Result<Self, JsonPathError> {
        // Plans are walked by recursion, a step at a time.
        if text.len() > MAX_PATH {
            return Err(JsonPathError::TooLong);
        }
        let query = parse_json_path(text).map_err(|_| JsonPathError::NotAPath(text.to_owned()))?;
        let descents = query
            .segments
            .iter()
            .filter(|segment| matches!(segment, Segment::Descendant(_)))
            .count();
        // Several `..` visit nodes more than once: 458 ms for `$..*..*..*` on a document 100 deep.
        if descents > 1 || text.matches("..").count() > 1 {
            return Err(JsonPathError::TwoDescents(text.to_owned()));
        }
        if let Some(what) = unfollowed(&query) {
            return Err(JsonPathError::NotFollowed(text.to_owned(), what));
        }
        let steps: Option<Vec<PathStep>> = query.segments.iter().map(PathStep::of).collect();
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
        let mut front: Vec<PathStep> = query.segments.iter().map_while(PathStep::of).collect();
        if !matches!(
            query.segments.get(front.len()),
            Some(Segment::Descendant(_) | Segment::Selectors(_)) | None
        ) {
            front.push(PathStep::Items);
        }
        let route = Traversal::Tree {
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

    fn of_steps(steps: Vec<PathStep>, access: Access) -> Self {
        let last_key = steps.iter().rev().find_map(|step| match step {
            PathStep::Name(name) => Some(name.clone()),
            PathStep::Index(_) | PathStep::Items => None,
        });
        Self {
            list: steps.contains(&PathStep::Items),
            last_key,
            route: Traversal::Steps(steps),
            access,
        }
    }
}

impl PathStep {
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

/// Returns what of a query is not followed: what could make it look at one value again and again.
pub(crate) fn unfollowed(query: &JpQuery) -> Option<&'static str> {
    query.segments.iter().find_map(in_segment)
}

fn in_segment(segment: &Segment) -> Option<&'static str> {
    match segment {
        Segment::Descendant(inner) => in_segment(inner),
        Segment::Selector(Selector::Filter(filter)) => in_filter(filter),
        Segment::Selector(_) => None,
        Segment::Selectors(all) => all.iter().find_map(|selector| match selector {
            Selector::Filter(filter) => in_filter(filter),
            _ => None,
        }),
    }
}

fn in_filter(filter: &Filter) -> Option<&'static str> {
    match filter {
        Filter::Or(all) | Filter::And(all) => all.iter().find_map(in_filter),
        Filter::Atom(FilterAtom::Filter { expr, .. }) => in_filter(expr),
        Filter::Atom(FilterAtom::Test { expr, .. }) => match &**expr {
            Test::RelQuery(segments) => {
                let plain = |segment: &Segment| {
                    matches!(
                        segment,
                        Segment::Selector(
                            Selector::Name(_) | Selector::Index(_) | Selector::Wildcard
                        )
                    )
                };
                (!segments.iter().all(plain)).then_some("a path in a filter that is not plain")
            }
            Test::AbsQuery(_) => Some("`$` in a filter"),
            Test::Function(_) => Some("a function in a filter"),
        },
        Filter::Atom(FilterAtom::Comparison(comparison)) => match comparison.vals() {
            (
                Comparable::Literal(_),
                Comparable::SingularQuery(SingularQuery::Current(_)) | Comparable::Literal(_),
            )
            | (Comparable::SingularQuery(SingularQuery::Current(_)), Comparable::Literal(_)) => {
                None
            }
            _ => Some("a comparison of something else than `@…` and a constant"),
        },
    }
}
