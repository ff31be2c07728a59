//! Compiles a scheme as written. Every problem goes into the report at once.

mod env;
mod minting;
mod placements;
mod signatures;
mod variables;
mod whole;

use std::collections::BTreeSet;

use super::mint::Minter;
use super::text::Text;
use super::{Field, Scheme, SchemeManifest, Template, placement};
use crate::config::diagnostic::{Diagnostic, Report, Source};
use crate::config::yaml::At;
use placements::Placements;

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
        minted: Vec::new(),
    };
    compiler.id(&manifest.id);
    compiler.fields(manifest);
    let (minter, templates) = compiler.minter_and_templates(manifest);
    let env = compiler.env(&manifest.env);
    compiler.unused(manifest);
    let Compiler {
        problems, fields, ..
    } = compiler;
    (problems == 0).then(|| Scheme {
        id: manifest.id.value.clone(),
        placement: placement::of(&fields, &templates, minter.as_ref()).into(),
        fields,
        templates,
        minter,
        env,
        on_reflect: manifest.on_reflect,
        on_leak: manifest.leak,
        required: manifest.require,
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
    /// Fields that a minted token has.
    minted: Vec<&'static str>,
}

impl Compiler<'_> {
    /// Returns how tokens are minted, where they are, and what puts the credential or the token on.
    fn minter_and_templates(
        &mut self,
        manifest: &SchemeManifest,
    ) -> (Option<Minter>, Vec<Template>) {
        let minting = [
            manifest.oauth2.is_some(),
            manifest.exchange.is_some(),
            manifest.jwt.is_some(),
            manifest.github_app.is_some(),
        ];
        let count = minting.into_iter().filter(|written| *written).count();
        let placements = Placements::of(manifest);
        if count > 1 || count == 1 && !placements.is_empty() {
            let help = "keep one of `oauth2`, `exchange`, `jwt` and `github_app`, and put its token on in `then`";
            self.problem(
                "auth-two-ways",
                "the scheme has two ways",
                &manifest.id,
                help,
            );
            return (None, Vec::new());
        }
        if count == 0 {
            return (None, self.templates(placements));
        }
        match self.minter(manifest) {
            Some((minter, templates)) => (Some(minter), templates),
            None => (None, Vec::new()),
        }
    }

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
                optional: written.value.is_optional(),
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
        self.text_with(template, &[])
    }

    /// Reads a template that may name more than fields.
    fn text_with(&mut self, template: &At<String>, more: &[&str]) -> Option<Text> {
        let text = self.parse(template)?;
        for name in text.fields().filter(|name| !more.contains(name)) {
            let is_field = self.fields.iter().any(|field| field.name == name);
            if is_field || self.minted.contains(&name) {
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
            .map(|field| field.name.as_str())
            .chain(self.minted.iter().copied())
            .map(|name| format!("`{}`", name.escape_debug()))
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
