//! Tells whether the parameters of a request say everything that its body and its headers say, so that a list which shows the
//! parameters shows the request in full.
//!
//! INVARIANT: in doubt it says no. A value counts only under the name of its parameter, and each parameter counts once.

use http::HeaderMap;
use percent_encoding::percent_decode_str;

use super::json::{Token, Tokens};
use crate::connector::is_harmless;
use crate::model::action::Action;
use crate::model::media_type::MediaType;
use crate::model::value::Value;

/// How a body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyForm {
    Json,
    Form,
    Text,
    /// No route reads it.
    Unread,
}

impl BodyForm {
    /// Returns how a body was read that goes out with these headers: `Content-Type` is set to how it was parsed.
    pub(super) fn of(headers: &HeaderMap, was_read: bool) -> Self {
        if !was_read {
            return Self::Unread;
        }
        match MediaType::of(headers) {
            Some(media) if media.is_json() => Self::Json,
            Some(media) if media.is("application/x-www-form-urlencoded") => Self::Form,
            Some(_) | None => Self::Text,
        }
    }
}

/// A value as a body or a header holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Leaf {
    Text(String),
    /// A number, `true` or `false`.
    Word(String),
    /// A list without any item.
    Nothing,
}

/// The parameters that nothing was found for yet.
#[derive(Debug)]
pub(super) struct Shown(Vec<(String, Leaf)>);

/// An object or a list of a body, as far as it was read.
#[derive(Debug)]
struct Frame {
    /// The name that its values stand under: a key, or for a list the name of the list.
    name: String,
    is_object: bool,
    /// The next text is a key.
    wants_key: bool,
    is_empty: bool,
}

impl Shown {
    pub(super) fn of(actions: &[Action]) -> Self {
        let mut shown = Vec::new();
        let params = actions.iter().flat_map(|action| action.params.iter());
        for parameter in params {
            add(&plain(&parameter.name), &parameter.value, &mut shown);
        }
        Self(shown)
    }

    /// Returns whether every value of a body is a parameter.
    pub(super) fn has_body(&mut self, body: &str, form: BodyForm) -> bool {
        match form {
            BodyForm::Json => self.has_json(body),
            BodyForm::Form => body.split('&').filter(|pair| !pair.is_empty()).all(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let value = decoded(value);
                let name = decoded(name);
                self.take(&name, &Leaf::Text(value.clone())) || self.take(&name, &Leaf::Word(value))
            }),
            BodyForm::Text | BodyForm::Unread => false,
        }
    }

    /// Returns whether a header says nothing of its own, or what a parameter says.
    pub(super) fn has_header(&self, name: &str, value: &str) -> bool {
        let mut shown = self.0.iter();
        is_harmless(name)
            || shown.any(|(_, leaf)| match leaf {
                Leaf::Text(text) | Leaf::Word(text) => text == value,
                Leaf::Nothing => false,
            })
    }

    fn has_json(&mut self, body: &str) -> bool {
        let mut frames: Vec<Frame> = Vec::new();
        let mut tokens = Tokens::of(body);
        let is_all = tokens.by_ref().all(|token| self.step(&mut frames, token));
        is_all && tokens.is_done()
    }

    /// Reads one token; false where it is a value that no parameter has.
    fn step(&mut self, frames: &mut Vec<Frame>, token: Token<'_>) -> bool {
        let leaf = match token {
            Token::Text(text) => Leaf::Text(text.into_owned()),
            Token::Word(word) => Leaf::Word(word.to_owned()),
            Token::Mark(mark @ ('{' | '[')) => {
                let name = enter(frames).to_owned();
                frames.push(Frame {
                    name,
                    is_object: mark == '{',
                    wants_key: mark == '{',
                    is_empty: true,
                });
                return true;
            }
            Token::Mark('}' | ']') => return self.leave(frames),
            Token::Mark(mark) => {
                if let Some(frame) = frames.last_mut() {
                    frame.wants_key = frame.is_object && mark == ',';
                }
                return true;
            }
        };
        match (frames.last_mut(), &leaf) {
            (Some(frame), Leaf::Text(key)) if frame.wants_key => {
                frame.name.clone_from(key);
                frame.is_empty = false;
                true
            }
            _ => {
                let name = enter(frames).to_owned();
                self.take(&name, &leaf)
            }
        }
    }

    /// Ends an object or a list; an empty one below another is a value too.
    fn leave(&mut self, frames: &mut Vec<Frame>) -> bool {
        match frames.pop() {
            Some(frame) if frame.is_empty && !frames.is_empty() => {
                !frame.is_object && self.take(&frame.name, &Leaf::Nothing)
            }
            Some(_) | None => true,
        }
    }

    fn take(&mut self, name: &str, leaf: &Leaf) -> bool {
        // The last name of a form's `fields[summary]`.
        let name = name.trim_end_matches("[]").trim_end_matches(']');
        let name = plain(name.rsplit('[').next().unwrap_or(name));
        let found = self
            .0
            .iter()
            .position(|(known, value)| *known == name && value == leaf);
        found.map(|at| self.0.swap_remove(at)).is_some()
    }
}

/// Notes that an object or a list has a value, and returns the name that the value stands under.
fn enter(frames: &mut [Frame]) -> &str {
    match frames.last_mut() {
        Some(frame) => {
            frame.is_empty = false;
            &frame.name
        }
        None => "",
    }
}

fn add(name: &str, value: &Value, shown: &mut Vec<(String, Leaf)>) {
    let leaf = match value {
        Value::Text(text) => Leaf::Text(text.to_string()),
        Value::Bool(_) | Value::Int(_) | Value::Number(_) => {
            Leaf::Word(serde_json::json!(value).to_string())
        }
        Value::List(items) if items.is_empty() => Leaf::Nothing,
        Value::List(items) => return items.iter().for_each(|item| add(name, item, shown)),
        // Nothing shows it.
        Value::Oversize(_) => return,
    };
    shown.push((name.to_owned(), leaf));
}

/// Returns a name as parameters and keys share it: `maxResults` is `max_results`.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}
