//! Compiles an expression of a permission or policy and checks it against every action that the entry applies to.

use std::collections::{BTreeMap, BTreeSet};

use super::facts;
use super::reading::Reading;
use super::selector::Pattern;
use crate::config::yaml::At;
use crate::expression::{ExpressionError, Program, ProgramDraft};
use crate::model::action::ActionName;
use crate::model::template::NameTemplate;
use crate::model::value::ValueType;
use crate::model::vocabulary::{ActionShape, did_you_mean};

/// Paths that a condition reads though they may be absent, and an action of which that is so.
type Absent = BTreeMap<String, String>;

/// The entry that an expression belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'a> {
    /// The key that the expression is written under, `when` or `where`.
    pub(crate) key: &'a str,
    /// Patterns of the actions that it is for.
    pub(crate) patterns: &'a [Pattern],
    /// The connector it is for besides, or `*`.
    pub(crate) connector: Option<&'a str>,
    /// Whether it narrows a deny or an ask, so that another spelling of a value would get around it.
    pub(crate) guards: bool,
}

impl Owner<'_> {
    fn covers(&self, name: &ActionName) -> bool {
        let mut patterns = self.patterns.iter();
        patterns.any(|pattern| pattern.matches(name.as_str())) || self.is_for(name.connector())
    }

    fn may_cover(&self, template: &NameTemplate) -> bool {
        let mut patterns = self.patterns.iter();
        patterns.any(|pattern| pattern.overlaps(template)) || self.is_for(template.connector())
    }

    fn is_for(&self, connector: &str) -> bool {
        self.connector
            .is_some_and(|own| own == "*" || own == connector)
    }
}

impl Reading<'_> {
    /// Compiles an expression; problems go into the report.
    pub(crate) fn condition(
        &mut self,
        written: &At<Option<String>>,
        owner: Owner<'_>,
    ) -> Option<Program> {
        let at = (written.line, written.column);
        let Some(source) = &written.value else {
            if written.line > 0 {
                let help = "leave the key out, or quote what begins with `!`, `*` or `\"`, as in `when: '!has(params.x)'`";
                self.error("expression", format!("`{}` is empty", owner.key), at, help);
            }
            return None;
        };
        if self.is_tagged(written) {
            let help = "YAML takes a leading `!` for a tag: put the expression in single quotes";
            self.error(
                "expression",
                format!("`{}` begins with a bare `!`", owner.key),
                at,
                help,
            );
        }
        let draft = match ProgramDraft::parse(source) {
            Ok(draft) => draft,
            Err(error) => {
                self.expression_error(written, source, error);
                return None;
            }
        };
        let dangles = owner.patterns.iter().any(Pattern::dangles);
        match self.check(&draft, owner) {
            Ok(absent) => self.warn_of_absent(&absent, at),
            // The parameters of a missing action are unknown; where one is absent, the expression fails, which denies.
            Err(_) if dangles => {}
            Err(error) if self.keeps_what_fails() => {
                let message = format!("{}: it fails whenever it is asked", error.message);
                self.warning("expression", message, at, error.help.unwrap_or_default());
                return Some(draft.finish());
            }
            Err(error) => {
                self.expression_error(written, source, error);
                return None;
            }
        }
        self.warn_of_types(&draft.compared_of("params"), owner, at);
        if owner.guards {
            self.warn_of_spellings(&draft.fields_of("params"), owner, at);
        }
        Some(draft.finish())
    }

    /// `when: ! has(x)` reads as `has(x)`: neither the value nor the word before it may begin with `!`.
    fn is_tagged(&self, written: &At<Option<String>>) -> bool {
        let lines: Vec<_> = self.source.text.lines().take(written.line).collect();
        let Some((line, above)) = lines.split_last() else {
            return false;
        };
        let column = written.column.saturating_sub(1);
        let before: String = line.chars().take(column).collect();
        let last_word = |text: &str, starts: &[char]| {
            text.split_whitespace()
                .next_back()
                .is_some_and(|word| word.starts_with(starts))
        };
        // The text of `when: |` begins on a line of its own, and there `!` is the expression's.
        let block = before.trim().is_empty()
            && above
                .iter()
                .rev()
                .find(|line| !line.trim().is_empty())
                .is_some_and(|line| last_word(line, &['|', '>']));
        !block && (line.chars().nth(column) == Some('!') || last_word(&before, &['!']))
    }

    /// Checks against each set of parameters once, however many actions share it.
    /// Returns the parameters that it reads though they may be absent, each with an action of which that is so.
    fn check(&self, draft: &ProgramDraft, owner: Owner<'_>) -> Result<Absent, ExpressionError> {
        let mut absent = Absent::new();
        if self.vocabulary.partial {
            return Ok(absent);
        }
        let fields = draft.fields_of("params");
        let mut seen = Vec::new();
        let mut known = BTreeSet::new();
        for (name, shape) in self.scope(owner) {
            let params = facts::named(&shape.params, &fields);
            if seen.contains(&params) {
                continue;
            }
            known.extend(params.keys().map(|name| (*name).clone()));
            for path in draft.check_reads(&facts::environment(name, shape.params.iter()))? {
                absent.entry(path).or_insert_with(|| name.to_owned());
            }
            seen.push(params);
        }
        // A parameter behind `has` may be missing in some actions, but not in all of them.
        match fields.difference(&known).next() {
            Some(field) if !seen.is_empty() => {
                let all = self
                    .scope(owner)
                    .flat_map(|(_, shape)| shape.params.keys())
                    .map(String::as_str);
                Err(ExpressionError {
                    message: format!("no action here has a parameter `{}`", field.escape_debug()),
                    offset: None,
                    help: Some(did_you_mean(field, all)).filter(|help| !help.is_empty()),
                })
            }
            Some(_) | None => Ok(absent),
        }
    }

    fn scope<'s>(&'s self, owner: Owner<'s>) -> impl Iterator<Item = (&'s str, &'s ActionShape)> {
        let fixed = self.vocabulary.actions.iter();
        let made = self.vocabulary.templates.iter();
        let fixed = fixed
            .filter(move |(name, _)| owner.covers(name))
            .map(|(name, shape)| (name.as_str(), shape));
        let made = made
            .filter(move |(template, _)| owner.may_cover(template))
            .map(|(template, shape)| (template.as_str(), shape));
        fixed.chain(made)
    }

    fn warn_of_absent(&mut self, absent: &Absent, at: (usize, usize)) {
        for (path, action) in absent {
            let message =
                format!("`{path}` may be absent in `{action}`, and then the condition fails");
            let optional = path.replacen('.', ".?", 1);
            let help = format!("write `has({path}) && …`, or `{optional}.orValue(…)`");
            self.warning("may-be-absent", message, at, help);
        }
    }

    fn warn_of_types(&mut self, compared: &BTreeSet<String>, owner: Owner<'_>, at: (usize, usize)) {
        for field in compared {
            let untyped = self.scope(owner).find(|(_, shape)| {
                let param = shape.params.get(field);
                param.is_some_and(|param| param.value_type.is_none())
            });
            if let Some((name, _)) = untyped {
                let message = format!(
                    "`params.{field}` of `{name}` has no type: the condition fails if the request's value has another type than its operand"
                );
                let help = "give it `type: string`, `int`, `number` or `bool` in the connector";
                self.warning("untyped", message, at, help);
            }
        }
    }

    fn warn_of_spellings(
        &mut self,
        fields: &BTreeSet<String>,
        owner: Owner<'_>,
        at: (usize, usize),
    ) {
        for field in fields {
            let loose = self.scope(owner).find(|(_, shape)| {
                shape.params.get(field).is_some_and(|param| {
                    param.value_type == Some(ValueType::String) && !param.one_spelling
                })
            });
            if let Some((name, _)) = loose {
                let message =
                    format!("`params.{field}` of `{name}` can be spelled in several ways");
                let help = "give it `pattern` or `fold` in the connector, or another spelling gets around this";
                self.warning("spelling", message, at, help);
            }
        }
    }

    /// Points into the expression where it stands on one line as it is.
    fn expression_error(
        &mut self,
        written: &At<Option<String>>,
        source: &str,
        error: ExpressionError,
    ) {
        let line = written
            .line
            .checked_sub(1)
            .and_then(|line| self.source.text.lines().nth(line))
            .unwrap_or_default();
        let before = line
            .find(source)
            .and_then(|bytes| line.get(..bytes))
            .map(|before| before.chars().count());
        let column = match (before, error.offset) {
            (Some(before), Some(offset)) => before + offset + 1,
            _ => written.column,
        };
        self.error(
            "expression",
            error.message,
            (written.line, column),
            error.help.unwrap_or_default(),
        );
    }
}
