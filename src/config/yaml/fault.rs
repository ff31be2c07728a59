//! Describes one problem found while a file is read, in an operator's words instead of serde's.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use super::node::{Node, Spot};
use crate::config::diagnostic::{Diagnostic, Place, Source};
use crate::config::suggest;

/// A serde message that starts with this is about a value that must not be shown, not even as a snippet.
pub(in crate::config) const CONFIDENTIAL: &str = "\u{0}confidential\u{0}";

/// Says how text with YAML's special characters is written.
pub(super) const QUOTING: &str = "if this is text, use single quotes or a block, as in `when: |`: a value that starts with `! * & \" { [` or holds `: ` is read as YAML";

/// A problem; small, so that results stay small.
#[derive(Debug)]
pub(super) struct Fault(pub(super) Box<Problem>);

/// What is wrong and where.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// Unknown until the fault passes the node that it is about.
    pub(super) spot: Option<Spot>,
    /// The other place of a conflict.
    pub(super) other: Option<(Spot, &'static str)>,
    /// The item or field that the next pass leaves out.
    pub(super) victim: Option<u32>,
    /// The message ends with what was found, which only the node can tell.
    wants_found: bool,
    /// Only the consequence of something left out.
    pub(super) silent: bool,
    /// The value is not shown.
    confidential: bool,
    /// Raised by serde or a type about the node as a whole: may be such a consequence.
    may_follow: bool,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Problem {
            code,
            message: message.into(),
            help: None,
            spot: None,
            other: None,
            victim: None,
            wants_found: false,
            silent: false,
            confidential: false,
            may_follow: false,
        }))
    }

    /// Returns the fault of a value that has the wrong type.
    pub(super) fn expected(what: &str) -> Self {
        let mut fault = Self::new("wrong-type", format!("expected {}", in_words(what)));
        fault.0.wants_found = true;
        fault
    }

    /// Returns the fault of a key that its mapping does not have.
    pub(super) fn unknown_key(key: &str, known: &[&str]) -> Self {
        Self::new("unknown-key", format!("`{key}` is not a key here"))
            .help(suggest::help(key, known))
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    pub(super) fn spot(mut self, spot: &Spot) -> Self {
        if self.0.spot.is_none() {
            self.0.spot = Some(spot.clone());
        }
        self
    }

    /// Places the fault at a node, unless an inner node has claimed it.
    pub(super) fn at(mut self, node: &Node) -> Self {
        let problem = &mut *self.0;
        if problem.spot.is_none() {
            problem.spot = Some(node.spot.clone());
            if problem.wants_found {
                problem.message = format!("{}, found {}", problem.message, node.describe());
            }
        }
        self
    }

    /// Places the fault at a node of which parts were left out: what the node then lacks was reported already.
    pub(super) fn at_remains(mut self, node: &Node) -> Self {
        if self.0.spot.is_none() && self.0.may_follow {
            self.0.silent = true;
        }
        self.at(node)
    }

    pub(super) fn victim(mut self, id: u32) -> Self {
        self.0.victim.get_or_insert(id);
        self
    }

    /// Returns the problem as an operator reads it.
    pub(super) fn into_diagnostic(self, source: &Source) -> Diagnostic {
        let Problem {
            code,
            message,
            help,
            spot,
            other,
            confidential,
            ..
        } = *self.0;
        let place = |spot: Spot, note: &str| {
            let mut source = source.clone();
            if let Some(origin) = &spot.origin {
                source = Source {
                    name: (&**origin).into(),
                    text: source.text.erased(),
                    built_in: false,
                };
            }
            if confidential {
                source.text = source.text.erased();
            }
            Place {
                source,
                line: spot.line,
                column: spot.column,
                note: note.to_owned(),
            }
        };
        let mut diagnostic =
            Diagnostic::error(code, message).at(place(spot.unwrap_or(Spot::new(0, 0)), ""));
        diagnostic
            .places
            .extend(other.map(|(spot, note)| place(spot, note)));
        diagnostic.help = help;
        diagnostic
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        let text = message.to_string();
        let mut fault = match text.strip_prefix(CONFIDENTIAL) {
            Some(rest) => {
                let mut fault = Self::new("secret-in-file", rest);
                fault.0.confidential = true;
                return fault;
            }
            None if text.starts_with("data did not match any variant") => {
                Self::new("wrong-type", "this value has none of the accepted forms")
            }
            None => Self::new("invalid-value", text),
        };
        fault.0.may_follow = true;
        fault
    }

    /// What was found is told by serde: in a buffered enum the node at hand is not the one meant.
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(truth) => format!("`{truth}`"),
            Unexpected::Unsigned(number) => format!("the number `{number}`"),
            Unexpected::Signed(number) => format!("the number `{number}`"),
            Unexpected::Float(number) => format!("the number `{number}`"),
            Unexpected::Str(_) => "text".to_owned(),
            Unexpected::Unit | Unexpected::Option => "`null`".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a mapping".to_owned(),
            _ => "something else".to_owned(),
        };
        let wanted = in_words(&expected.to_string());
        Self::new("wrong-type", format!("expected {wanted}, found {found}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let wanted = in_words(&expected.to_string());
        Self::new(
            "invalid-value",
            match found {
                Unexpected::Str(text) => format!("`{text}` is not {wanted}"),
                Unexpected::Unsigned(number) => format!("`{number}` is not {wanted}"),
                Unexpected::Signed(number) => format!("`{number}` is not {wanted}"),
                _ => format!("expected {wanted}"),
            },
        )
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(
            "invalid-value",
            format!(
                "expected {}, found {length}",
                in_words(&expected.to_string())
            ),
        )
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::new("unknown-value", format!("`{variant}` is not a value here"))
            .help(suggest::help(variant, known))
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::unknown_key(field, known)
    }

    fn missing_field(field: &'static str) -> Self {
        let mut fault = Self::new("missing-key", format!("`{field}` is missing"));
        fault.0.may_follow = true;
        fault
    }
}

/// Returns serde's name of a type in an operator's words.
fn in_words(expected: &str) -> String {
    let bits = expected
        .strip_prefix(['u', 'i'])
        .and_then(|bits| bits.parse::<u32>().ok());
    match (expected, bits) {
        ("u8", _) => "a whole number from 0 to 255".into(),
        ("u16", _) => "a whole number from 0 to 65535".into(),
        ("u32", _) => "a whole number from 0 to 4294967295".into(),
        ("usize", _) => "a whole number from 0".into(),
        (_, Some(_)) if expected.starts_with('u') => "a whole number from 0".into(),
        ("isize", _) | (_, Some(_)) => "a whole number".into(),
        ("f32" | "f64", _) => "a number".into(),
        ("a string" | "str" | "string", _) => "text".into(),
        ("a boolean" | "bool", _) => "`true` or `false`".into(),
        ("a sequence", _) => "a list".into(),
        ("a map", _) => "a mapping".into(),
        _ if expected.starts_with("struct ") || expected.starts_with("map ") => "a mapping".into(),
        _ if expected.starts_with("enum ") || expected.starts_with("variant ") => {
            "one of the listed values".into()
        }
        _ if expected.starts_with("tuple ") => "a list".into(),
        _ => expected.to_owned(),
    }
}
