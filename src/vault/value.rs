//! Refuses values of a credential's fields that no API would accept. An API says only that such a credential is wrong.

use super::MIN_SECRET;
use crate::model::secret::Secret;

/// Quotes that stand around a value where it was copied from, typographic ones included.
const QUOTES: [(char, char); 6] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('‘', '’'),
    ('„', '“'),
];

/// Words before a credential in a header, lower-case.
const SCHEME_WORDS: [&str; 4] = ["bearer ", "basic ", "token ", "bot "];

/// A field of a scheme.
#[derive(Debug, Clone, Copy)]
pub struct FieldRule<'f> {
    /// Name of the field.
    pub name: &'f str,
    /// Whether its bytes are a secret.
    pub secret: bool,
    /// Whether it may be left empty.
    pub optional: bool,
}

/// Reasons why a value cannot be a field's; none holds the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// It was copied with its quotes.
    #[error("field `{0}` stands in quotes")]
    Quoted(String),
    /// The scheme writes the word itself, so it would stand twice.
    #[error("field `{field}` begins with `{word}`, which the gateway writes itself")]
    Doubled {
        /// Name of the field.
        field: String,
        /// The word that stands twice, lower-case.
        word: &'static str,
    },
    /// A field that is needed.
    #[error("field `{0}` is empty")]
    Empty(String),
    /// It would be masked all over innocent answers.
    #[error("field `{0}` is shorter than {MIN_SECRET} bytes: too short to be hidden in answers")]
    Short(String),
}

impl ValueError {
    /// Returns the stable name of the problem.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Quoted(_) | Self::Doubled { .. } => "wrong_fields",
            Self::Empty(_) => "empty_field",
            Self::Short(_) => "short_secret",
        }
    }

    /// Returns what to do about it; empty where that is plain.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Quoted(_) => "leave the quotes out",
            Self::Doubled { .. } => "give only what follows that word",
            Self::Empty(_) | Self::Short(_) => "",
        }
    }
}

/// Checks the value of a field. `placed` says in words where requests hold the credential: `header authorization: Bearer {token}`.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_value(field: FieldRule<'_>, value: &Secret, placed: &str) -> Result<(), ValueError> {
    let name = || field.name.to_owned();
    // What is not UTF-8 is refused where it is sealed.
    let value = std::str::from_utf8(value.expose()).unwrap_or_default();
    let quotes = QUOTES.iter().find(|(open, close)| {
        let inner = value.strip_prefix(*open);
        inner.is_some_and(|inner| inner.ends_with(*close))
    });
    if quotes.is_some() {
        return Err(ValueError::Quoted(name()));
    }
    let placed = placed.to_ascii_lowercase();
    let doubled = SCHEME_WORDS.into_iter().find(|word| {
        let start = value.get(..word.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(word))
            && placed.contains(&format!("{word}{{{}}}", field.name.to_ascii_lowercase()))
    });
    if let Some(word) = doubled {
        let word = word.trim_end();
        return Err(ValueError::Doubled {
            field: name(),
            word,
        });
    }
    match value.len() {
        0 if field.optional => Ok(()),
        0 => Err(ValueError::Empty(name())),
        length if field.secret && length < MIN_SECRET => Err(ValueError::Short(name())),
        _ => Ok(()),
    }
}
