//! Defines names and risks of actions: fixed, or made of what a request says.

use crate::model::action::{ActionName, Risk};
use crate::model::glob::Glob;
use crate::model::template::NameTemplate;

/// The name of a route's action.
#[derive(Debug, Clone)]
pub(crate) enum Name {
    /// A fixed name, as the file writes it.
    Fixed(ActionName),
    /// A name made from the request's parameters.
    Made(Making),
}

/// A name with holes.
#[derive(Debug, Clone)]
pub(crate) struct Making {
    /// As written, with the connector's id in front.
    pub(crate) template: NameTemplate,
    pub(crate) pieces: Vec<NamePiece>,
}

#[derive(Debug, Clone)]
pub(crate) enum NamePiece {
    Text(Box<str>),
    /// What is written in the braces.
    Hole(Box<str>),
}

/// The risk of a route, fixed or by its made name.
#[derive(Debug, Clone)]
pub(crate) enum RouteRisk {
    /// Stated, or by method.
    Fixed(Risk),
    /// The first whose pattern matches what the name was made of; high where none does.
    ByName(Vec<(Option<Glob>, Risk)>),
}

/// Why a text is not the name of an action with holes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MakingError {
    #[error("`{0}` has a `{{` without `}}`")]
    NotClosed(String),
    #[error("`{0}` has two holes without text between them")]
    NoTextBetween(String),
    #[error("`{0}` is not an action: segments are `[a-z0-9_-]+` and holes, joined by dots")]
    NotAnAction(String),
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
    pub(crate) fn parse(id: &str, text: &str) -> Result<Self, MakingError> {
        let mut pieces = vec![NamePiece::Text(format!("{id}.").into())];
        let mut literal = format!("{id}.");
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (hole, after) = after
                .split_once('}')
                .ok_or_else(|| MakingError::NotClosed(text.to_owned()))?;
            if before.is_empty() && !matches!(pieces.as_slice(), [_]) {
                return Err(MakingError::NoTextBetween(text.to_owned()));
            }
            pieces.extend([NamePiece::Text(before.into()), NamePiece::Hole(hole.into())]);
            literal.extend([before, "x"]);
            rest = after;
        }
        pieces.push(NamePiece::Text(rest.into()));
        literal.push_str(rest);
        ActionName::parse(&literal).map_err(|_| MakingError::NotAnAction(text.to_owned()))?;
        Ok(Self {
            template: NameTemplate::new(&format!("{id}.{text}")),
            pieces,
        })
    }

    /// Iterates over what is written in braces.
    pub(crate) fn holes(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            NamePiece::Hole(hole) => Some(&**hole),
            NamePiece::Text(_) => None,
        })
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
