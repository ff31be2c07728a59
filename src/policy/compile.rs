//! Sources and a vocabulary to the permissions and policies in them; every problem goes into the report.

use std::collections::HashMap;

use super::manifest::{Manifest, PolicyEntry};
use super::permission::Permission;
use super::rehearsal::PolicyTest;
use super::rule::Rule;
use crate::config::diagnostic::{Diagnostic, Place, Report, Source};
use crate::config::yaml::{self, At};
use crate::model::vocabulary::{Vocabulary, did_you_mean};

/// A source being read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) source: &'a Source,
    pub(super) vocabulary: &'a Vocabulary,
    report: &'a mut Report,
}

/// What the sources hold, in no order that matters.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub(super) permissions: Vec<Permission>,
    pub(super) rules: Vec<Rule>,
    pub(super) tests: Vec<PolicyTest>,
}

/// Compiles all sources.
pub(super) fn compile(
    sources: &[Source],
    vocabulary: &Vocabulary,
    report: &mut Report,
) -> Compiled {
    let mut compiled = Compiled::default();
    let mut ids: HashMap<String, Place> = HashMap::new();
    for source in sources {
        let Some(manifest) = yaml::read::<Manifest>(source, report) else {
            continue;
        };
        let mut reading = Reading {
            source,
            vocabulary,
            report,
        };
        for entry in &manifest.permissions {
            compiled.permissions.push(reading.permission(entry));
        }
        for entry in &manifest.policies {
            reading.claim(&entry.value, &mut ids);
            compiled.rules.push(reading.rule(entry));
        }
        for entry in manifest.tests.iter().filter(|_| !vocabulary.partial) {
            compiled.tests.extend(reading.test(entry));
        }
    }
    compiled
}

impl Reading<'_> {
    /// Every id stands once, over all files.
    fn claim(&mut self, entry: &PolicyEntry, ids: &mut HashMap<String, Place>) {
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

    /// Tells of a key that this version knows but cannot follow.
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
        let place = Place {
            source: self.source.clone(),
            line,
            column,
            note: String::new(),
        };
        let diagnostic = diagnostic.at(place);
        self.report.push(if help.is_empty() {
            diagnostic
        } else {
            diagnostic.help(help)
        });
    }

    /// Returns what was probably meant, as help.
    pub(super) fn suggestion<'k>(
        &self,
        written: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> String {
        did_you_mean(written, known)
    }
}
