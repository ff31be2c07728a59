//! Parses a description (JSON or YAML) to a tree whose values know their places, and follows `$ref` within limits.
//!
//! INVARIANT: reading ends: a chain of references has at most `MAX_HOPS` links, and all of them together `MAX_STEPS`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::diagnostic::{Diagnostic, Place, Report, Source};
use crate::config::yaml;

/// Bytes of one description; the largest public ones have 15 MiB.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Longest chain of references.
const MAX_HOPS: usize = 32;
/// References followed in one document; GitHub's takes 20,000.
const MAX_STEPS: usize = 2_000_000;
/// Problems told of one description.
const MAX_PROBLEMS: usize = 20;

/// One description and what is wrong with it so far.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) source: Source,
    root: Value,
    steps: Cell<usize>,
    /// Pointers and messages; placed in the text at the end, since that means reading it once more.
    problems: RefCell<Vec<Problem>>,
    told: RefCell<BTreeSet<String>>,
}

#[derive(Debug)]
struct Problem {
    code: &'static str,
    pointer: String,
    message: String,
    help: &'static str,
}

/// A value of a document and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Spot<'d> {
    document: &'d Document,
    pub(super) value: &'d Value,
    /// RFC 6901, without `#`.
    pub(super) pointer: String,
}

impl Document {
    /// Reads a text.
    ///
    /// # Errors
    /// What is wrong with its syntax, with places.
    pub(super) fn read(source: &Source) -> Result<Self, Report> {
        let mut report = Report::default();
        let text: &str = &source.text;
        let whole = |line, column| Place::new(source.clone(), line, column);
        if text.len() > MAX_BYTES {
            let message = format!("a description is at most {} MiB", MAX_BYTES >> 20);
            report.push(Diagnostic::error("too-large", message).at(whole(0, 0)));
            return Err(report);
        }
        let root = if text
            .trim_start_matches('\u{feff}')
            .trim_start()
            .starts_with('{')
        {
            serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
                let message = format!("this is not JSON: {}", short(&error));
                report.push(
                    Diagnostic::error("json-syntax", message)
                        .at(whole(error.line(), error.column())),
                );
            })
        } else {
            yaml::read::<Value>(source, &mut report).ok_or(())
        };
        match root {
            Ok(root) if root.is_object() => Ok(Self {
                source: source.clone(),
                root,
                steps: Cell::new(0),
                problems: RefCell::default(),
                told: RefCell::default(),
            }),
            Ok(_) => {
                let message = "a description is a mapping, and this is something else";
                report.push(Diagnostic::error("not-a-description", message).at(whole(1, 1)));
                Err(report)
            }
            Err(()) => Err(report),
        }
    }

    pub(super) fn root(&self) -> Spot<'_> {
        Spot {
            document: self,
            value: &self.root,
            pointer: String::new(),
        }
    }

    /// Ends the reading: the value if nothing was wrong, else every problem with line and column.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Report> {
        let problems = self.problems.into_inner();
        if problems.is_empty() {
            return Ok(value);
        }
        let pointers: Vec<&str> = problems
            .iter()
            .map(|problem| problem.pointer.as_str())
            .collect();
        let places = yaml::locate(&self.source.text, &pointers);
        let mut report = Report::default();
        for (problem, place) in problems.iter().zip(places) {
            let (line, column) = place.unwrap_or_default();
            let place = Place {
                source: self.source.clone(),
                line,
                column,
                note: format!("#{}", problem.pointer),
            };
            let diagnostic = Diagnostic::error(problem.code, problem.message.clone()).at(place);
            report.push(if problem.help.is_empty() {
                diagnostic
            } else {
                diagnostic.help(problem.help)
            });
        }
        Err(report)
    }

    fn problem(&self, code: &'static str, pointer: &str, message: String, help: &'static str) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MAX_PROBLEMS
            && self.told.borrow_mut().insert(format!("{code} {pointer}"))
        {
            problems.push(Problem {
                code,
                pointer: pointer.to_owned(),
                message,
                help,
            });
        }
    }

    fn step(&self, pointer: &str) -> bool {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps == MAX_STEPS {
            let message = format!(
                "following the references of this description takes more than {MAX_STEPS} steps"
            );
            self.problem(
                "too-large",
                pointer,
                message,
                "split it, or take the operations out that are not needed",
            );
        }
        steps < MAX_STEPS
    }
}

impl<'d> Spot<'d> {
    /// Returns the value under a key, references followed.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.as_object()?.get(key)?;
        self.child(key, value).followed()
    }

    /// Returns the whole document.
    pub(super) fn root(&self) -> Self {
        self.document.root()
    }

    /// Returns the text under a key.
    pub(super) fn text(&self, key: &str) -> Option<&'d str> {
        self.value.as_object()?.get(key)?.as_str()
    }

    /// Returns the boolean under a key; false where there is none.
    pub(super) fn flag(&self, key: &str) -> bool {
        let value = self.value.as_object().and_then(|map| map.get(key));
        value.and_then(Value::as_bool).unwrap_or_default()
    }

    /// Returns the entries of a mapping in the order of the text, references followed.
    pub(super) fn entries(&self) -> Vec<(&'d str, Self)> {
        let entries = self.value.as_object().into_iter().flatten();
        entries
            .filter_map(|(key, value)| Some((key.as_str(), self.child(key, value).followed()?)))
            .collect()
    }

    /// Returns the entries of a mapping as they are: `$ref` is no reference in every format.
    pub(super) fn plain_entries(&self) -> Vec<(&'d str, Self)> {
        let entries = self.value.as_object().into_iter().flatten();
        entries
            .map(|(key, value)| (key.as_str(), self.child(key, value)))
            .collect()
    }

    /// Returns the value under a key as it is.
    pub(super) fn plain(&self, key: &str) -> Option<Self> {
        let value = self.value.as_object()?.get(key)?;
        Some(self.child(key, value))
    }

    /// Returns the items of a list, references followed.
    pub(super) fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().into_iter().flatten();
        items
            .enumerate()
            .filter_map(|(at, value)| self.child(&at.to_string(), value).followed())
            .collect()
    }

    /// Returns the items of a list that are texts.
    pub(super) fn texts(&self, key: &str) -> Vec<&'d str> {
        let list = self.value.as_object().and_then(|map| map.get(key));
        let items = list.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).collect()
    }

    /// Adds a problem at this value.
    pub(super) fn problem(
        &self,
        code: &'static str,
        message: impl Into<String>,
        help: &'static str,
    ) {
        self.document
            .problem(code, &self.pointer, message.into(), help);
    }

    fn child(&self, key: &str, value: &'d Value) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        Self {
            document: self.document,
            value,
            pointer: format!("{}/{key}", self.pointer),
        }
    }

    /// Follows `$ref` to what it means; a broken, foreign or endless one is a problem, and nothing.
    fn followed(self) -> Option<Self> {
        let mut here = self;
        let mut seen: Vec<String> = Vec::new();
        while let Some(reference) = here
            .value
            .as_object()
            .and_then(|map| map.get("$ref"))
            .and_then(Value::as_str)
        {
            let at = format!("{}/$ref", here.pointer);
            let shown = short(&reference.escape_debug());
            if !here.document.step(&at) {
                return None;
            }
            let Some(pointer) = reference.strip_prefix('#') else {
                let message = format!("`{shown}` is in another file");
                here.document.problem(
                    "foreign-reference",
                    &at,
                    message,
                    "bundle the description into one file first",
                );
                return None;
            };
            if seen.len() >= MAX_HOPS || seen.iter().any(|known| known == pointer) {
                let message = format!("`{shown}` leads back to itself and never to a value");
                here.document.problem("endless-reference", &at, message, "");
                return None;
            }
            let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8_lossy();
            let Some(value) = here.document.root.pointer(&pointer) else {
                let message = format!("`{shown}` refers to nothing in this description");
                here.document.problem("broken-reference", &at, message, "");
                return None;
            };
            seen.push(pointer.clone().into_owned());
            here = Self {
                document: here.document,
                value,
                pointer: pointer.into_owned(),
            };
        }
        Some(here)
    }
}

/// Returns one line that is not too long.
fn short(text: &impl ToString) -> String {
    let text = text.to_string();
    let line = text.lines().next().unwrap_or_default();
    // The place is told apart.
    let line = line
        .split_once(" at line ")
        .map_or(line, |(front, _)| front);
    if line.chars().count() > 160 {
        let front: String = line.chars().take(160).collect();
        format!("{front}…")
    } else {
        line.to_owned()
    }
}
