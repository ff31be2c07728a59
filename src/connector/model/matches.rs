//! Parses `match`, `METHOD[|METHOD] [host]/path[?key=value]`, and tells which of two is more literal.

use std::cmp::Ordering;

use http::Method;

use crate::connector::model::domain::{Domain, DomainError};
use crate::connector::model::literalness::both;
use crate::connector::model::pattern::{Pattern, PatternError};
use crate::model::target::{Query, QueryError};

/// Stands for every method.
pub(crate) const ANY_METHOD: &str = "*";

/// Stands for a GET that opens a WebSocket. Methods are upper-case in files and are sent as they are, so it is none of them.
pub(crate) const WEBSOCKET: &str = "websocket";

/// The methods, host, path and query of a route's `match`.
#[derive(Debug)]
pub(crate) struct Matches {
    /// Upper-case, or only [`ANY_METHOD`].
    pub(crate) methods: Box<[Box<str>]>,
    /// The one host that it is for.
    pub(crate) host: Option<Domain>,
    pub(crate) path: Pattern,
    pub(crate) query: Box<[QueryPair]>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QueryPair {
    pub(crate) key: Box<str>,
    /// `None` for any value.
    pub(crate) value: Option<Box<str>>,
}

/// Why a text is not a `match`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MatchError {
    #[error("`{0}` is not a match: it is `METHOD [host]/path[?key=value]`")]
    NoMethod(String),
    #[error("`{0}` has `*` beside another method")]
    AnyBesideOther(String),
    #[error("`{0}` has no path")]
    NoPath(String),
    #[error("`{0}` is refused by the gateway and cannot be matched")]
    RefusedMethod(String),
    #[error("`{0}` is not a method; methods are upper-case")]
    NotAMethod(String),
    #[error("`?{0}` cannot be matched: {1}")]
    Query(String, QueryError),
    #[error(transparent)]
    Host(#[from] DomainError),
    #[error(transparent)]
    Path(#[from] PatternError),
}

impl Matches {
    /// Parses the text of a `match`.
    pub(crate) fn parse(text: &str) -> Result<Self, MatchError> {
        let Some((methods, target)) = text.trim().split_once(' ') else {
            return Err(MatchError::NoMethod(text.to_owned()));
        };
        let methods: Box<[Box<str>]> = methods.split('|').map(method).collect::<Result<_, _>>()?;
        if methods.len() > 1 && methods.iter().any(|method| **method == *ANY_METHOD) {
            return Err(MatchError::AnyBesideOther(text.to_owned()));
        }
        let target = target.trim();
        let (front, query) = target
            .split_once('?')
            .map_or((target, None), |(front, query)| (front, Some(query)));
        let Some((host, path)) = front.find('/').and_then(|at| front.split_at_checked(at)) else {
            return Err(MatchError::NoPath(text.to_owned()));
        };
        let host = if host.is_empty() {
            None
        } else {
            Some(Domain::parse(host)?)
        };
        let mut query: Vec<QueryPair> = query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(query_pair)
            .collect::<Result<_, _>>()?;
        query.sort();
        Ok(Self {
            methods,
            host,
            path: Pattern::parse(path)?,
            query: query.into(),
        })
    }

    /// Returns whether the query has every pair that the match asks for.
    pub(crate) fn accepts_query(&self, query: &Query) -> bool {
        self.query.iter().all(|pair| {
            query.pairs().any(|(key, value)| {
                *pair.key == *key && pair.value.as_deref().is_none_or(|wanted| wanted == value)
            })
        })
    }

    /// Returns whether host and query say nothing: it is for every target whose path fits.
    pub(crate) fn is_for_every_target(&self) -> bool {
        self.host.is_none() && self.query.is_empty()
    }

    /// Iterates over the query keys that it reads.
    pub(crate) fn query_keys(&self) -> impl Iterator<Item = &str> {
        self.query.iter().map(|pair| &*pair.key)
    }

    /// Returns the match without methods and names: equal for two that accept the same targets in the same way.
    pub(crate) fn shape(&self) -> String {
        format!("{}?{:?}", self.path_shape(), self.query)
    }

    /// Returns the shape without the query.
    pub(crate) fn path_shape(&self) -> String {
        let host = self.host.as_ref().map(Domain::shape).unwrap_or_default();
        format!("{host}{}", self.path.shape())
    }

    /// Returns whether another match of the same shape gives its labels the same names.
    pub(crate) fn has_names_of(&self, other: &Self) -> bool {
        let hosts = [self, other].map(|matches| matches.host.iter().flat_map(Domain::names));
        let [own, others] = hosts;
        own.eq(others) && self.path.names().eq(other.path.names())
    }

    /// Returns whether two accept the same targets on hosts that both are for, whatever their methods.
    pub(crate) fn is_same_but_host(&self, other: &Self) -> bool {
        self.query == other.query && self.path.shape() == other.path.shape()
    }

    /// Compares how literal two matches are that accept one target; `None` where each is more literal somewhere.
    pub(crate) fn literalness(&self, other: &Self) -> Option<Ordering> {
        let hosts = match (&self.host, &other.host) {
            (None, None) => Ordering::Equal,
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (Some(one), Some(two)) => one.literalness(two)?,
        };
        let queries = match (self.covers(other), other.covers(self)) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => return None,
        };
        both(both(hosts, self.path.literalness(&other.path)?)?, queries)
    }

    /// Returns whether it asks for everything of the query that the other one asks for.
    fn covers(&self, other: &Self) -> bool {
        other.query.iter().all(|wanted| {
            self.query.iter().any(|pair| {
                pair.key == wanted.key && (wanted.value.is_none() || wanted.value == pair.value)
            })
        })
    }
}

fn method(text: &str) -> Result<Box<str>, MatchError> {
    match text {
        ANY_METHOD => Ok(text.into()),
        "CONNECT" | "TRACE" => Err(MatchError::RefusedMethod(text.to_owned())),
        _ if text.is_empty()
            || !text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'-') =>
        {
            Err(MatchError::NotAMethod(text.to_owned()))
        }
        _ => Ok(text.into()),
    }
}

fn query_pair(text: &str) -> Result<QueryPair, MatchError> {
    let query =
        Query::parse(Some(text)).map_err(|error| MatchError::Query(text.to_owned(), error))?;
    let (key, value) = query.pairs().next().unwrap_or_default();
    Ok(QueryPair {
        key: key.into(),
        value: text.contains('=').then(|| value.into()),
    })
}

/// Returns the method keys under which routes for a method are found, and how literal each is.
pub(crate) fn method_keys(method: &Method) -> impl Iterator<Item = &str> {
    let implied = (*method == Method::HEAD).then_some("GET");
    [Some(method.as_str()), implied, Some(ANY_METHOD)]
        .into_iter()
        .flatten()
}
