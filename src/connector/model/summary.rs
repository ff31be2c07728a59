//! Fills a request's parameters into the sentence of a route, as in `create {type} in {project}`.

use std::fmt::Write as _;

use crate::model::action::{Parameter, Parameters};
use crate::model::value::Value;

/// Characters of one value that a sentence shows.
const SHOWN: usize = 80;

/// A summary split into texts and parameters.
#[derive(Debug)]
pub(crate) struct Summary(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(Box<str>),
    Param(Box<str>),
}

/// Why a text is not the summary of a route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SummaryError {
    #[error("summary `{0}` has a `{{` without `}}`")]
    NotClosed(String),
    #[error("summary `{text}` names `{name}`, which is not a parameter of the route")]
    UnknownName { text: String, name: String },
}

impl Summary {
    /// Reads a summary; every name in braces must be a parameter of the route.
    pub(crate) fn parse(text: &str, known: &[&str]) -> Result<Self, SummaryError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(SummaryError::NotClosed(text.to_owned()));
            };
            if !known.contains(&name) {
                return Err(SummaryError::UnknownName {
                    text: text.to_owned(),
                    name: name.to_owned(),
                });
            }
            pieces.extend([Piece::Text(before.into()), Piece::Param(name.into())]);
            rest = after;
        }
        pieces.push(Piece::Text(rest.into()));
        Ok(Self(pieces))
    }

    /// Returns the sentence with the parameters filled in.
    pub(crate) fn fill(&self, params: &Parameters) -> String {
        self.0.iter().fold(String::new(), |mut text, piece| {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Param(name) => match params.iter().find(|known| *known.name == **name) {
                    Some(Parameter { secret: true, .. }) => text.push_str("(secret)"),
                    Some(parameter) => show(&parameter.value, &mut text),
                    None => text.push('?'),
                },
            }
            text
        })
    }
}

fn show(value: &Value, text: &mut String) {
    match value {
        Value::Text(value) => {
            let cut = || value.char_indices().nth(SHOWN);
            let cut = (value.len() > SHOWN).then(cut).flatten();
            match cut.and_then(|(at, _)| value.get(..at)) {
                Some(shown) => text.extend([shown, "…"]),
                None => text.push_str(value),
            }
        }
        Value::List(items) => {
            for (at, item) in items.iter().take(5).enumerate() {
                text.push_str(if at == 0 { "" } else { ", " });
                show(item, text);
            }
            if items.len() > 5 {
                text.push_str(", …");
            }
        }
        Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) => {
            let _ = write!(text, "{number}");
        }
        Value::Number(number) => {
            let _ = write!(text, "{number}");
        }
        Value::Oversize(_) => text.push_str("(too long)"),
    }
}
