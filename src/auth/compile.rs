//! Compiles a scheme as written. Every problem goes into the report at once.

mod env;
mod placements;
mod variables;

use std::collections::BTreeSet;

use super::text::Text;
use super::{Field, Scheme, SchemeManifest, placement};
use crate::config::diagnostic::{Diagnostic, Report, Source};
use crate::config::yaml::At;

/// Placeholder of the secret in a variable given to an agent.
const PLACEHOLDER: &str = "placeholder";

pub(super) fn compile(
    manifest: &SchemeManifest,
    variables: &BTreeSet<String>,
    source: &Source,
    report: &mut Report,
) -> Option<Scheme> {
    let mut compiler = Compiler {
        source,
        variables,
        report,
        problems: 0,
        fields: Vec::new(),
        used: BTreeSet::new(),
    };
    compiler.id(&manifest.id);
    compiler.fields(manifest);
    let templates = compiler.templates(manifest);
    let env = compiler.env(&manifest.env);
    compiler.unused(manifest);
    let Compiler {
        problems, fields, ..
    } = compiler;
    (problems == 0).then(|| Scheme {
        id: manifest.id.value.clone(),
        placement: placement::of(&fields, &templates).into(),
        fields,
        templates,
        env,
    })
}

struct Compiler<'a> {
    source: &'a Source,
    /// Variables that the operator permits although they have none of the usual forms.
    variables: &'a BTreeSet<String>,
    report: &'a mut Report,
    problems: usize,
    fields: Vec<Field>,
    /// Fields that some template sends.
    used: BTreeSet<String>,
}

impl Compiler<'_> {
    fn id(&mut self, id: &At<String>) {
        if !is_name(&id.value.replace('-', "_")) {
            let message = format!(
                "`{}` is not the id of an auth scheme",
                id.value.escape_debug()
            );
            self.problem("auth-id", message, id, "ids are `[a-z][a-z0-9_-]*`");
        }
    }

    fn fields(&mut self, manifest: &SchemeManifest) {
        if manifest.fields.is_empty() {
            let message = format!(
                "auth scheme `{}` has no fields",
                manifest.id.value.escape_debug()
            );
            self.problem(
                "auth-field",
                message,
                &manifest.id,
                "list the fields of a credential: `fields: [token]`",
            );
        }
        for written in &manifest.fields {
            let (name, secret) = written.value.parts();
            let shown = name.escape_debug();
            if !is_name(name) {
                let message = format!("`{shown}` is not the name of a field");
                self.problem(
                    "auth-field",
                    message,
                    written,
                    "names are `[a-z][a-z0-9_]*`",
                );
            } else if name == PLACEHOLDER {
                let help = "`env` uses this name for the secret; choose another one";
                self.problem(
                    "auth-field",
                    "a field cannot be called `placeholder`",
                    written,
                    help,
                );
            } else if self.fields.iter().any(|field| field.name == name) {
                self.problem(
                    "auth-field",
                    format!("field `{shown}` is there twice"),
                    written,
                    "remove one",
                );
            }
            // Kept although it is wrong, so that templates that name it are not reported too.
            self.fields.push(Field {
                name: name.to_owned(),
                secret,
            });
        }
    }

    fn unused(&mut self, manifest: &SchemeManifest) {
        for written in &manifest.fields {
            let (name, secret) = written.value.parts();
            if secret && !self.used.contains(name) {
                let message = format!("secret field `{}` is never sent", name.escape_debug());
                self.problem(
                    "auth-unused-field",
                    message,
                    written,
                    "name it in a template, remove it, or say `secret: false`",
                );
            }
        }
    }

    fn header_text(&mut self, template: &At<String>) -> Option<Text> {
        let text = self.text(template)?;
        if text
            .literals()
            .any(|literal| !literal.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
        {
            self.problem(
                "auth-template",
                "a header holds visible ASCII only",
                template,
                "remove other characters",
            );
            return None;
        }
        Some(text)
    }

    fn text(&mut self, template: &At<String>) -> Option<Text> {
        let text = self.parse(template)?;
        for name in text.fields() {
            if self.fields.iter().any(|field| field.name == name) {
                self.used.insert(name.to_owned());
            } else {
                self.unknown(name, template);
            }
        }
        Some(text)
    }

    fn parse(&mut self, template: &At<String>) -> Option<Text> {
        match Text::parse(&template.value) {
            Ok(text)
                if text
                    .literals()
                    .any(|literal| literal.contains(char::is_control)) =>
            {
                self.problem(
                    "auth-template",
                    "the template holds a control character",
                    template,
                    "remove it",
                );
                None
            }
            Ok(text) => Some(text),
            Err(message) => {
                self.problem(
                    "auth-template",
                    message,
                    template,
                    "a template is text and `{field}`",
                );
                None
            }
        }
    }

    fn unknown(&mut self, name: &str, template: &At<String>) {
        let known: Vec<String> = self
            .fields
            .iter()
            .map(|field| format!("`{}`", field.name.escape_debug()))
            .collect();
        let message = format!("there is no field `{}`", name.escape_debug());
        self.problem(
            "auth-unknown-field",
            message,
            template,
            format!("the fields are {}", known.join(", ")),
        );
    }

    fn problem<T>(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        at: &At<T>,
        help: impl Into<String>,
    ) {
        self.problems += 1;
        self.report.push(
            Diagnostic::error(code, message)
                .at(at.place(self.source, ""))
                .help(help),
        );
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
