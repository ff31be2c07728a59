//! Collects the problems in operators' files, each with code, places and help.

use std::ops::Deref;
use std::sync::Arc;

/// Bytes that are kept at each end of a long message.
const HALF_MESSAGE: usize = 1000;

/// A file, or a piece of the store, that an operator wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As shown: a path relative to where the operator stands, `built-in jira.yaml`, or `store:7` for a stored permission.
    pub name: Arc<str>,
    /// Text of the whole file.
    pub text: Text,
    /// Embedded in the binary.
    pub built_in: bool,
}

/// Text of a source, and whether messages may repeat it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text {
    text: Arc<str>,
    quotable: bool,
}

impl Source {
    /// A file of an operator's.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            text: Text::from(text),
            built_in: false,
        }
    }

    /// Something of which only the name is known, or worth showing.
    #[must_use]
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self::new(name, "")
    }
}

impl Place {
    /// A line and a column of a source, both from 1.
    #[must_use]
    pub fn new(source: Source, line: usize, column: usize) -> Self {
        Self {
            source,
            line,
            column,
            note: String::new(),
        }
    }

    /// A source as a whole.
    #[must_use]
    pub fn of(source: Source) -> Self {
        Self::new(source, 0, 0)
    }
}

impl Text {
    /// Returns the same text, of which nothing is repeated: it is not known to be one of the files that were asked for.
    #[must_use]
    pub fn unquotable(self) -> Self {
        Self {
            quotable: false,
            ..self
        }
    }

    /// Returns no text in its stead.
    #[must_use]
    pub fn erased(&self) -> Self {
        Self {
            text: "".into(),
            quotable: self.quotable,
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl<T: Into<Arc<str>>> From<T> for Text {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            quotable: true,
        }
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look; `check --strict` makes it an error.
    Warning,
    /// Nothing of the file is used.
    Error,
}

/// A place in a source; lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Source file of the place.
    pub source: Source,
    /// Line, 0 where only the file is known.
    pub line: usize,
    /// Column, 0 where only the line is known.
    pub column: usize,
    /// A few words about the place; may be empty.
    pub note: String,
}

/// A problem in an operator's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it is an error or a warning.
    pub severity: Severity,
    /// Stable code in kebab-case: `route-conflict`.
    pub code: &'static str,
    /// One line, lower-case, no full stop, user input in backticks.
    pub message: String,
    /// The first is where to look; a conflict has two.
    pub places: Vec<Place>,
    /// The step that would fix it, if known.
    pub help: Option<String>,
}

/// All problems of one reading, in the order found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Errors and warnings, in the order found.
    pub diagnostics: Vec<Diagnostic>,
}

/// Cuts the middle out of a message that repeats a huge value.
fn shortened(message: String) -> String {
    if message.len() <= 2 * HALF_MESSAGE {
        return message;
    }
    let (start, rest) = message.split_at(message.floor_char_boundary(HALF_MESSAGE));
    let (_, end) = rest.split_at(rest.ceil_char_boundary(rest.len() - HALF_MESSAGE));
    format!("{start}…{end}")
}

impl Report {
    /// Adds a problem to the report.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Logs each error as a line of its own, with its place.
    pub fn log(&self) {
        let errors = self.diagnostics.iter();
        for problem in errors.filter(|problem| problem.severity == Severity::Error) {
            let place = problem
                .places
                .first()
                .map(|place| format!("{}:{}", place.source.name, place.line));
            tracing::error!(place, code = problem.code, "{}", problem.message);
        }
    }

    /// Returns whether any problem is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

impl Diagnostic {
    /// Starts an error with a code and a message.
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: shortened(message.into()),
            places: Vec::new(),
            help: None,
        }
    }

    /// Starts a warning with a code and a message.
    #[must_use]
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Adds a place where the problem shows.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        // Most problems have one place, and there may be thousands of problems: no room for four.
        self.places.reserve_exact(1);
        self.places.push(place);
        self.withhold()
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into()).filter(|help| !help.is_empty());
        self.withhold()
    }

    /// Takes out everything that may repeat a file which nothing may be repeated of: messages, notes and suggestions quote what is
    /// written, not only snippets. Name, line, column and code stay.
    fn withhold(mut self) -> Self {
        let Some(place) = self.places.iter().find(|place| !place.source.text.quotable) else {
            return self;
        };
        self.message = format!(
            "`{}` has a problem that is not shown: it is a link out of its directory",
            place.source.name
        );
        self.help = Some("look at the file itself, or copy it into the directory".to_owned());
        for place in &mut self.places {
            place.note.clear();
            if !place.source.text.quotable {
                place.source.text = place.source.text.erased();
            }
        }
        self
    }
}
