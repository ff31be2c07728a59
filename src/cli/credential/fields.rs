//! Reads the fields of a credential from standard input or a file, one per line in file order, or asks a person.
//!
//! INVARIANT: no secret is an argument, and none is shown, not even in an error.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Read};
use std::path::Path;

use serde_json::{Map, Value as Json, json};
use zeroize::Zeroizing;

use crate::admin::service::connectors::{FieldView, SchemeView};
use crate::auth::Fields;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::model::secret::{Secret, SecretText};
use crate::model::show::counted;
use crate::vault::{FieldRule, check_value};

/// What editors on Windows write in front of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The longest input, in bytes.
const MAX_INPUT: u64 = 256 * 1024;

/// The fields and their values, in file order.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) public: BTreeMap<String, String>,
    pub(super) secret: BTreeMap<String, Secret>,
}

/// Reads a value for each field but for those that come otherwise.
pub(super) fn read(
    context: &Context,
    (scheme, elsewhere): (&SchemeView, &BTreeSet<&str>),
    file: Option<&Path>,
    connector: &str,
) -> Result<Given, Failure> {
    let own = scheme.fields.iter();
    let own = own.filter(|field| !elsewhere.contains(&*field.name));
    let fields: Vec<&FieldView> = own.collect();
    if fields.is_empty() {
        return Ok(Given::default());
    }
    if file.is_none() && context.process.stdin_is_terminal {
        return ask(context, scheme, &fields);
    }
    let text = match file {
        Some(path) => read_file(path)?,
        None => read_all(&mut std::io::stdin().lock(), "standard input")?,
    };
    if text.starts_with(BYTE_ORDER_MARK) {
        let detail =
            "what is given begins with a byte order mark, which would be part of the credential";
        return Err(Failure::failed("wrong_fields", detail).help("save it as UTF-8 without one"));
    }
    let lines: Vec<&str> = text.lines().collect();
    let needed = fields.iter().rposition(|field| !field.optional);
    let least = needed.map_or(0, |last| last + 1);
    if !(least..=fields.len()).contains(&lines.len()) {
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let formats = vec!["%s\\n"; names.len()].concat();
        let detail = format!(
            "{} given, but the fields are {}",
            counted(lines.len() as u64, "lines"),
            names.join(", ")
        );
        let variables = names
            .iter()
            .map(|name| format!("\"${}\"", name.to_ascii_uppercase()))
            .collect::<Vec<_>>();
        return Err(Failure::failed("wrong_fields", detail).help(format!(
            "one per line, in that order: printf '{formats}' {} | tollgate credential add {connector}",
            variables.join(" "),
        )));
    }
    let mut given = Given {
        public: BTreeMap::new(),
        secret: BTreeMap::new(),
    };
    for (field, line) in fields.into_iter().zip(lines) {
        given.take(field, line.to_owned(), scheme)?;
    }
    Ok(given)
}

impl Given {
    /// Returns all fields as a scheme takes them.
    pub(super) fn opened(&self) -> Fields {
        let public = self.public.iter();
        let public = public.map(|(name, text)| (name.clone(), Secret::from(text.clone())));
        public.chain(self.secret.clone()).collect()
    }

    /// Returns all fields as the API takes them.
    pub(super) fn document(self) -> Json {
        let secret = self.secret.into_iter();
        let secret = secret.map(|(name, secret)| (name, json!(SecretText(secret))));
        let public = self.public.into_iter();
        let public = public.map(|(name, text)| (name, json!(text)));
        public.chain(secret).collect::<Map<_, _>>().into()
    }

    fn take(
        &mut self,
        field: &FieldView,
        value: String,
        scheme: &SchemeView,
    ) -> Result<(), Failure> {
        let rule = FieldRule {
            name: &field.name,
            secret: field.secret,
            optional: field.optional,
        };
        let value = Secret::from(value);
        check_value(rule, &value, &scheme.placement).map_err(|wrong| {
            let failure = Failure::failed(wrong.code(), wrong.to_string());
            match wrong.help() {
                "" => failure,
                help => failure.help(help),
            }
        })?;
        let name = field.name.clone();
        match (value.is_empty(), field.secret) {
            (true, _) => {}
            (false, true) => drop(self.secret.insert(name, value)),
            (false, false) => drop(self.public.insert(name, SecretText(value).into_public())),
        }
        Ok(())
    }
}

fn ask(context: &Context, scheme: &SchemeView, fields: &[&FieldView]) -> Result<Given, Failure> {
    let mut given = Given {
        public: BTreeMap::new(),
        secret: BTreeMap::new(),
    };
    let failed =
        |error: std::io::Error| Failure::failed("input", format!("nothing could be read: {error}"));
    for field in fields {
        let value = if field.secret {
            rpassword::prompt_password(format!("{} (hidden): ", field.name)).map_err(failed)?
        } else {
            context.output.prompt(&format!("{}: ", field.name));
            let mut line = String::new();
            std::io::stdin()
                .lock()
                .take(MAX_INPUT)
                .read_line(&mut line)
                .map_err(failed)?;
            line
        };
        let value = value.trim_end_matches(['\r', '\n']).to_owned();
        given.take(field, value, scheme)?;
    }
    Ok(given)
}

fn read_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let shown = format!("`{}`", path.display());
    let mut file = std::fs::File::open(path)
        .map_err(|error| Failure::failed("input", format!("{shown} cannot be read: {error}")))?;
    read_all(&mut file, &shown)
}

fn read_all(reader: &mut dyn Read, name: &str) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    reader
        .take(MAX_INPUT)
        .read_to_string(&mut text)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => {
                Failure::failed("input", format!("{name} is not UTF-8"))
            }
            _ => Failure::failed("input", format!("{name} cannot be read: {error}")),
        })?;
    Ok(text)
}
