//! Servers' ways to read names and values, each a few lines that were written from its public source or documentation, and
//! share nothing with the gateway's.

use std::collections::BTreeMap;

use super::nesting::{php, qs, qs_dots, rack};

/// What a server has after reading a form or query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    Text(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

/// A server's reading of pairs that are split and decoded already; `None` where it refuses them.
pub(super) type Nest = fn(&[(String, String)]) -> Option<Tree>;

/// A server's way to split and decode; `None` where it refuses.
type Split = fn(&str) -> Option<Vec<(String, String)>>;

/// Every reader: its name, how it splits, how it nests.
pub(super) const READERS: [(&str, Split, Nest); 8] = [
    ("Rack 3", plain_pairs, rack),
    ("Rack 2.2", rack_2_pairs, rack),
    ("qs", qs_pairs, qs),
    ("qs with allowDots", qs_pairs, qs_dots),
    ("PHP", plain_pairs, php),
    ("Django", plain_pairs, last),
    ("Go", go_pairs, first),
    ("ASP.NET", plain_pairs, caseless),
];

impl Tree {
    pub(super) fn map() -> Self {
        Self::Map(BTreeMap::new())
    }

    pub(super) fn entry(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Map(map) => map.get_mut(key),
            Self::Text(_) | Self::List(_) => None,
        }
    }

    /// Returns what lies under keys.
    pub(super) fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |tree, key| match tree {
            Self::Map(map) => map.get(*key),
            Self::Text(_) | Self::List(_) => None,
        })
    }
}

/// Percent-decodes as everybody does; an escape that is none stays.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%' && text.is_char_boundary(at + 1))
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex) {
            (_, Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', None) => decoded.push(b' '),
            (byte, None) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn pair(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (decode(name), decode(value))
}

/// `Rack::QueryParser` (3.0), Django's `QueryDict`, PHP's `parse_str`: at `&`, then at the first `=`.
fn plain_pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    // PHP's `max_input_vars`, which no other is below.
    Some(pairs.take(1_000).map(pair).collect())
}

/// `Rack::QueryParser::DEFAULT_SEP` of 2.2: `/[&;] */n`.
fn rack_2_pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split(['&', ';']);
    let pairs = pairs.map(|pair| pair.trim_start_matches(' '));
    Some(pairs.filter(|pair| !pair.is_empty()).map(pair).collect())
}

/// `qs` 6.11, `lib/parse.js`, `parseValues`: 1,000 pieces, empty ones included, each cut behind its first `]=`, else at `=`.
fn qs_pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pieces = text
        .split('&')
        .take(1_000)
        .filter(|piece| !piece.is_empty());
    let cut = |piece: &str| match piece
        .find("]=")
        .map(|at| at + 1)
        .or_else(|| piece.find('='))
    {
        Some(at) => (decode(&piece[..at]), decode(&piece[at + 1..])),
        None => (decode(piece), String::new()),
    };
    Some(pieces.map(cut).collect())
}

/// `net/url`, `ParseQuery` (Go 1.17 and later): a raw `;` is an error.
fn go_pairs(text: &str) -> Option<Vec<(String, String)>> {
    (!text.contains(';')).then(|| plain_pairs(text)).flatten()
}

fn last(pairs: &[(String, String)]) -> Option<Tree> {
    let all = pairs.iter().cloned();
    Some(Tree::Map(
        all.map(|(name, value)| (name, Tree::Text(value))).collect(),
    ))
}

fn first(pairs: &[(String, String)]) -> Option<Tree> {
    let reversed: Vec<(String, String)> = pairs.iter().rev().cloned().collect();
    last(&reversed)
}

/// ASP.NET's `NameValueCollection`: names without regard to case.
fn caseless(pairs: &[(String, String)]) -> Option<Tree> {
    let all = pairs.iter();
    let all: Vec<_> = all
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .collect();
    last(&all)
}
