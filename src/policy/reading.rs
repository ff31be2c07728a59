//! Reads a source of permissions and policies, and reports its problems.

use std::collections::BTreeSet;

use crate::config::diagnostic::{Diagnostic, Place, Report, Source};
use crate::config::yaml::At;
use crate::model::vocabulary::{Unknown, Vocabulary, did_you_mean};

/// A source being read.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) source: &'a Source,
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) unknown: &'a Unknown,
    pub(crate) report: &'a mut Report,
    /// Names in it that do not exist.
    pub(crate) names: BTreeSet<String>,
}

/// Whether an entry grants or guards, which decides how a wrong name in it is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only lets go: without it less goes.
    Grants,
    /// It denies or asks: without it more would go.
    Guards,
}

impl Reading<'_> {
    /// Reports a name that does not exist: as an error, or as a warning that the entry is inert or covers more.
    pub(crate) fn dangling(
        &mut self,
        (code, message): (&'static str, String),
        name: &At<String>,
        help: String,
        effect: Effect,
    ) {
        let at = (name.line, name.column);
        let is_error = self.refuses(name, effect);
        self.names.insert(name.value.clone());
        if is_error {
            self.error(code, message, at, help);
        } else {
            self.warning(code, message, at, help);
        }
    }

    /// Returns whether a name that does not exist keeps the entry from being used.
    pub(crate) fn refuses(&self, name: &At<String>, effect: Effect) -> bool {
        match self.unknown {
            Unknown::Refused => true,
            Unknown::Guarded { known } => effect == Effect::Guards && !known.contains(&name.value),
            Unknown::Tolerated => false,
        }
    }

    /// Returns whether an expression that does not fit what exists is kept, to fail whenever it is asked.
    pub(crate) fn keeps_what_fails(&self) -> bool {
        *self.unknown == Unknown::Tolerated
    }

    /// Reports a key that this version recognises but does not support.
    pub(crate) fn unsupported<T>(&mut self, key: &str, written: Option<&At<T>>) {
        if let Some(at) = written {
            let message = format!("`{key}` is not supported by this version");
            self.error("unsupported", message, (at.line, at.column), "");
        }
    }

    pub(crate) fn error(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        at: (usize, usize),
        help: impl Into<String>,
    ) {
        self.push(Diagnostic::error(code, message), at, help.into());
    }

    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        at: (usize, usize),
        help: impl Into<String>,
    ) {
        self.push(Diagnostic::warning(code, message), at, help.into());
    }

    fn push(&mut self, diagnostic: Diagnostic, (line, column): (usize, usize), help: String) {
        let place = Place::new(self.source.clone(), line, column);
        let diagnostic = diagnostic.at(place);
        self.report.push(if help.is_empty() {
            diagnostic
        } else {
            diagnostic.help(help)
        });
    }

    /// Returns the likely meaning of a wrong name, as help.
    pub(crate) fn suggestion<'k>(
        &self,
        written: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> String {
        did_you_mean(written, known)
    }
}
