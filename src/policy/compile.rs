//! Compiles the sources of permissions and policies against a vocabulary. Every problem goes into the report.

use std::collections::{BTreeSet, HashMap};

use super::manifest::{Manifest, PolicyEntry, TestEntry};
use super::permission::Permission;
use super::policy_test::PolicyTest;
use super::reading::Reading;
use super::rule::Rule;
use crate::config::diagnostic::{Diagnostic, Place, Report, Severity, Source};
use crate::config::yaml::{self, At};
use crate::model::vocabulary::{Unknown, Vocabulary};

/// Sources to compile, by author.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sources<'a> {
    pub(crate) files: &'a [Source],
    /// Permissions of the store.
    pub(crate) stored: &'a [Source],
    /// A permission that is being added.
    pub(crate) candidate: Option<&'a Source>,
}

/// All compiled entries; their order does not matter.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) permissions: Vec<Permission>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) tests: Vec<PolicyTest>,
    /// Names in files that do not exist.
    pub(crate) dangling: BTreeSet<String>,
}

/// Compiles all sources; every problem goes into the report.
pub(crate) fn compile(
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
            let rule = reading.rule(entry);
            if entry.value.enabled {
                compiled.rules.push(rule);
            }
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
}
