//! Names of actions: fixed, or made of what a request says; parameters in, the name and what it was made of out.
//!
//! INVARIANT: a made name is never `unknown`, never the name of a fixed action, and each hole stays within one segment.

use crate::connector::read::reading::Unreadable;
use crate::connector::read::request::form;
use crate::model::action::{ActionName, Parameters, Risk};
use crate::model::glob::Glob;
use crate::model::template::NameTemplate;

/// Longest text that fills a hole, in bytes; longer ones are nobody's name for an operation.
const MAX_FILLED: usize = 128;

/// The name of a route's action.
#[derive(Debug, Clone)]
pub(crate) enum Name {
    /// As written.
    Fixed(ActionName),
    /// Made of parameters.
    Made(Making),
}

/// A name with holes.
#[derive(Debug, Clone)]
pub(crate) struct Making {
    /// As written, with the connector's id in front.
    pub(crate) template: NameTemplate,
    pub(crate) pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Text(Box<str>),
    /// What is written in the braces.
    Hole(Box<str>),
}

/// A made name.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) name: ActionName,
    /// What filled the holes, as sent, joined by dots.
    pub(crate) raw: String,
}

/// A route's risk.
#[derive(Debug, Clone)]
pub(crate) enum RouteRisk {
    /// Stated, or by method.
    Fixed(Risk),
    /// The first whose pattern matches what the name was made of; high where none does.
    ByName(Vec<(Option<Glob>, Risk)>),
}

impl Name {
    /// Returns the name, or its template, for people.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Fixed(name) => name.as_str(),
            Self::Made(making) => making.template.as_str(),
        }
    }

    pub(crate) fn fixed(&self) -> Option<&ActionName> {
        match self {
            Self::Fixed(name) => Some(name),
            Self::Made(_) => None,
        }
    }
}

impl Making {
    /// Reads `tool.{rpc.params.name}`, with the connector's id in front.
    pub(crate) fn parse(id: &str, text: &str) -> Result<Self, String> {
        let mut pieces = vec![Piece::Text(format!("{id}.").into())];
        let mut literal = format!("{id}.");
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (hole, after) = after
                .split_once('}')
                .ok_or_else(|| format!("`{text}` has a `{{` without `}}`"))?;
            if before.is_empty() && !matches!(pieces.as_slice(), [_]) {
                return Err(format!("`{text}` has two holes without text between them"));
            }
            pieces.extend([Piece::Text(before.into()), Piece::Hole(hole.into())]);
            literal.extend([before, "x"]);
            rest = after;
        }
        pieces.push(Piece::Text(rest.into()));
        literal.push_str(rest);
        ActionName::parse(&literal).map_err(|_| {
            format!(
                "`{text}` is not an action: segments are `[a-z0-9_-]+` and holes, joined by dots"
            )
        })?;
        Ok(Self {
            template: NameTemplate::new(&format!("{id}.{text}")),
            pieces,
        })
    }

    /// Iterates over what is written in braces.
    pub(crate) fn holes(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(&**hole),
            Piece::Text(_) => None,
        })
    }

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
                Piece::Text(text) => name.push_str(text),
                Piece::Hole(hole) => {
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

impl RouteRisk {
    /// Returns the highest that it can be.
    pub(crate) fn highest(&self) -> Risk {
        match self {
            Self::Fixed(risk) => *risk,
            Self::ByName(rules) => {
                let all = rules.iter().map(|(_, risk)| *risk);
                all.max().unwrap_or(Risk::High).max(self.default())
            }
        }
    }

    /// Iterates over everything that it can be.
    pub(crate) fn all(&self) -> Vec<Risk> {
        match self {
            Self::Fixed(risk) => vec![*risk],
            Self::ByName(rules) => {
                let stated = rules.iter().map(|(_, risk)| *risk);
                stated.chain([self.default()]).collect()
            }
        }
    }

    /// Returns what it is for a name that was made of this.
    pub(crate) fn of(&self, raw: &str) -> Risk {
        match self {
            Self::Fixed(risk) => *risk,
            Self::ByName(rules) => {
                let lower = raw.to_ascii_lowercase();
                let fits = |pattern: &Option<Glob>| {
                    pattern.as_ref().is_none_or(|glob| glob.matches(&lower))
                };
                let first = rules.iter().find(|(pattern, _)| fits(pattern));
                first.map_or(Risk::High, |(_, risk)| *risk)
            }
        }
    }

    /// What holds where no pattern matches: the entry without one, which ends the list, or high.
    fn default(&self) -> Risk {
        match self {
            Self::Fixed(risk) => *risk,
            Self::ByName(rules) => match rules.last() {
                Some((None, risk)) => *risk,
                Some((Some(_), _)) | None => Risk::High,
            },
        }
    }
}

/// Returns the name of the parameter that fills a hole: the last word of what is written there.
pub(crate) fn parameter_of(hole: &str) -> &str {
    hole.rsplit_once('.').map_or(hole, |(_, last)| last)
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
