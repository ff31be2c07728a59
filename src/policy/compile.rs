//! Compiles the sources of permissions and policies against a vocabulary. Every problem goes into the report.

use std::collections::{BTreeSet, HashMap};

use super::manifest::{Manifest, PolicyEntry, TestEntry};
use super::permission::Permission;
use super::policy_test::PolicyTest;
use super::rule::Rule;
use crate::config::diagnostic::{Diagnostic, Place, Report, Severity, Source};
use crate::config::yaml::{self, At};
use crate::model::vocabulary::{Unknown, Vocabulary, did_you_mean};

/// A source being read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) source: &'a Source,
    pub(super) vocabulary: &'a Vocabulary,
    unknown: &'a Unknown,
    report: &'a mut Report,
    /// Names in it that do not exist.
    names: BTreeSet<String>,
}

/// Whether an entry grants or guards, which decides how a wrong name in it is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only lets go: without it less goes.
    Grants,
    /// It denies or asks: without it more would go.
    Guards,
}

/// Sources to compile, by author.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sources<'a> {
    pub(super) files: &'a [Source],
    /// Permissions of the store.
    pub(super) stored: &'a [Source],
    /// A permission that is being added.
    pub(super) candidate: Option<&'a Source>,
}

/// All compiled entries; their order does not matter.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub(super) permissions: Vec<Permission>,
    pub(super) rules: Vec<Rule>,
    pub(super) tests: Vec<PolicyTest>,
    /// Names in files that do not exist.
    pub(super) dangling: BTreeSet<String>,
}

/// Compiles all sources; every problem goes into the report.
pub(super) fn compile(
    sources: Sources<'_>,
    vocabulary: &Vocabulary,
    report: &mut Report,
) -> Compiled {
    let mut compiled = Compiled::default();
    let mut ids: HashMap<String, Place> = HashMap::new();
    let files = sources.files.iter().map(|file| (file, &vocabulary.unknown));
    let stored = sources.stored.iter().map(|row| (row, &Unknown::Tolerated));
    let candidate = sources
        .candidate
        .iter()
        .map(|new| (*new, &Unknown::Refused));
    for (source, unknown) in files.chain(stored).chain(candidate) {
        let Some(manifest) = yaml::read::<Manifest>(source, report) else {
            continue;
        };
        let mut reading = Reading {
            source,
            vocabulary,
            unknown,
            report,
            names: BTreeSet::new(),
        };
        for entry in &manifest.permissions {
            compiled.permissions.push(reading.permission(entry));
        }
        for entry in &manifest.policies {
            reading.note_id(&entry.value, &mut ids);
            compiled.rules.push(reading.rule(entry));
        }
        let dangling = std::mem::take(&mut reading.names);
        for entry in manifest.tests.iter().filter(|_| !vocabulary.partial) {
            compiled.tests.extend(reading.tolerant_test(entry));
        }
        if !sources.stored.contains(source) {
            compiled.dangling.extend(dangling);
        }
    }
    compiled
}

impl Reading<'_> {
    /// Every id stands once, over all files.
    fn note_id(&mut self, entry: &PolicyEntry, ids: &mut HashMap<String, Place>) {
        let id = &entry.id.value;
        let good =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(good) {
            let message = format!("`{}` is not an id", id.escape_debug());
            self.error(
                "policy-id",
                message,
                (entry.id.line, entry.id.column),
                "it is `[a-z0-9._-]+`, at most 64 long",
            );
        }
        let place = entry.id.place(self.source, "");
        if let Some(first) = ids.get(id) {
            let message = format!("two policies are called `{}`", id.escape_debug());
            self.report.push(
                Diagnostic::error("policy-id", message)
                    .at(place)
                    .at(first.clone()),
            );
            return;
        }
        ids.insert(id.clone(), place);
    }

    /// Reports a name that does not exist: as an error, or as a warning that the entry is inert or covers more.
    pub(super) fn dangling(
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
    pub(super) fn refuses(&self, name: &At<String>, effect: Effect) -> bool {
        match self.unknown {
            Unknown::Refused => true,
            Unknown::Guarded { known } => effect == Effect::Guards && !known.contains(&name.value),
            Unknown::Tolerated => false,
        }
    }

    /// Returns whether an expression that does not fit what exists is kept, to fail whenever it is asked.
    pub(super) fn keeps_what_fails(&self) -> bool {
        *self.unknown == Unknown::Tolerated
    }

    /// Reads a test. No start runs it, so none fails by it.
    fn tolerant_test(&mut self, entry: &At<TestEntry>) -> Option<PolicyTest> {
        let before = self.report.diagnostics.len();
        let test = self.test(entry);
        if *self.unknown == Unknown::Tolerated {
            for problem in self.report.diagnostics.iter_mut().skip(before) {
                problem.severity = Severity::Warning;
            }
        }
        test
    }

    /// Reports a key that this version recognises but does not support.
    pub(super) fn unsupported<T>(&mut self, key: &str, written: Option<&At<T>>) {
        if let Some(at) = written {
            let message = format!("`{key}` is not supported by this version");
            self.error("unsupported", message, (at.line, at.column), "");
        }
    }

    pub(super) fn error(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        at: (usize, usize),
        help: impl Into<String>,
    ) {
        self.push(Diagnostic::error(code, message), at, help.into());
    }

    pub(super) fn warning(
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
    pub(super) fn suggestion<'k>(
        &self,
        written: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> String {
        did_you_mean(written, known)
    }
}
