//! Parses a description (JSON or YAML) to a tree whose values know their places, and follows `$ref` within limits.
//!
//! INVARIANT: reading ends: a chain of references has at most `MAX_HOPS` links, and all of them together `MAX_STEPS`.

mod spot;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::diagnostic::{Diagnostic, Place, Report, Source};
use crate::config::yaml;

pub(crate) use spot::Spot;

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
pub(crate) struct Document {
    pub(crate) source: Source,
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

impl Document {
    /// Reads a text.
    ///
    /// # Errors
    /// What is wrong with its syntax, with places.
    pub(crate) fn read(source: &Source) -> Result<Self, Report> {
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

    pub(crate) fn root(&self) -> Spot<'_> {
        Spot {
            document: self,
            value: &self.root,
            pointer: String::new(),
        }
    }

    /// Ends the reading: the value if nothing was wrong, else every problem with line and column.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Report> {
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
