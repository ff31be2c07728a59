//! Makes the name of an action of what a request says.
//!
//! INVARIANT: a made name is never `unknown`, never the name of a fixed action, and each hole stays within one segment.

use crate::connector::model::naming::{Making, NamePiece, parameter_of};
use crate::connector::read::unreadable::{Unreadable, form};
use crate::model::action::{ActionName, Parameters};

/// Longest text that fills a hole, in bytes; an operation has no longer name.
const MAX_FILLED: usize = 128;

/// A name made from one request.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) name: ActionName,
    /// What filled the holes, as sent, joined by dots.
    pub(crate) raw: String,
}

impl Making {
    /// Makes the name; `fixed` says whether an action has it already.
    pub(crate) fn make(
        &self,
        params: &Parameters,
        fixed: impl Fn(&str) -> bool,
    ) -> Result<Made, Unreadable> {
        let mut name = String::new();
        let mut raw = String::new();
        for piece in &self.pieces {
            match piece {
                NamePiece::Text(text) => name.push_str(text),
                NamePiece::Hole(hole) => {
                    let param = parameter_of(hole);
                    let value = params.get(param).and_then(|value| value.as_text());
                    let value = value.filter(|value| value.len() <= MAX_FILLED);
                    let filled = value.map(snake_case).filter(|filled| !filled.is_empty());
                    let (value, filled) = value.zip(filled).ok_or_else(|| {
                        form(format!(
                            "`{param}` is not something that an action is named by"
                        ))
                    })?;
                    name.push_str(&filled);
                    if !raw.is_empty() {
                        raw.push('.');
                    }
                    raw.push_str(value);
                }
            }
        }
        let taken = fixed(&name);
        let name = ActionName::parse(&name).ok().filter(|_| !taken);
        let name = name.ok_or_else(|| {
            form("the request names an action as another one is called".to_owned())
        })?;
        Ok(Made { name, raw })
    }
}

/// Brings a name into the form of an action's segment: `createIssue` is `create_issue`, `repos/get` is `repos_get`.
pub(crate) fn snake_case(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut name = String::with_capacity(text.len() + 8);
    for (at, character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| characters.get(at));
        let after = characters.get(at + 1);
        let starts_word = character.is_ascii_uppercase()
            && before.is_some_and(|before| {
                let inside = before.is_ascii_lowercase() || before.is_ascii_digit();
                let last_of_run =
                    before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase);
                inside || last_of_run
            });
        if starts_word {
            name.push('_');
        }
        match character {
            'a'..='z' | '0'..='9' | '-' | '_' => name.push(*character),
            'A'..='Z' => name.push(character.to_ascii_lowercase()),
            _ => name.push('_'),
        }
    }
    name
}
