//! Decides whether a segment of an observed path names one item of many: by the captures of existing routes, else by its looks.

use crate::import::api::{Kind, Shape};
use crate::import::names::words::{segment, words};
use crate::import::names::{ENDINGS, is_noise, parameter};

/// Longest segment that is taken for a word.
const LONGEST_WORD: usize = 40;
/// A segment of hexadecimal digits is no word from this length on.
const SHORTEST_HASH: usize = 12;

/// One segment of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    /// The same in every request.
    Literal(String),
    /// The same in every request, as a route says that is there.
    Known(String),
    /// One of many; what stands around it, as `.json`, is kept.
    Captured { name: String, after: String },
}

/// Paths of routes that are there, below the base path.
#[derive(Debug, Default)]
pub struct Patterns(Vec<Vec<String>>);

impl Patterns {
    /// Takes them from `match` as it is written: `GET|POST [host]/path[?query]`.
    pub fn of<'a>(matches: impl Iterator<Item = &'a str>) -> Self {
        let paths = matches.filter_map(|text| {
            let (_, path) = text.split_once('/')?;
            let path = path.split('?').next().unwrap_or_default();
            Some(path.split('/').map(str::to_owned).collect())
        });
        Self(paths.collect())
    }
}

/// Reads a path; the shape is that of a captured segment.
pub(crate) fn read(path: &[&str], known: &Patterns) -> Vec<(Segment, Shape)> {
    let mut fitting: Vec<&[String]> = known.0.iter().map(Vec::as_slice).collect();
    let mut read: Vec<(Segment, Shape)> = Vec::new();
    // Versions and the like stand in front of everything else.
    let mut front = true;
    for (at, text) in path.iter().enumerate() {
        let there = |pattern: &&[String]| pattern.get(at).map(String::as_str) == Some(*text);
        front &= is_noise(text, front);
        let (segment, shape) = if fitting.iter().any(there) {
            (Segment::Known((*text).to_owned()), Shape::default())
        } else if let Some(name) = fitting.iter().find_map(|pattern| hole(pattern, at)) {
            let (_, shape) = split(text).1.unwrap_or_default();
            (capture(name, ""), shape)
        } else {
            by_looks(text, front, path.get(..at).unwrap_or_default())
        };
        fitting.retain(|pattern| there(pattern) || hole(pattern, at).is_some());
        read.push((segment, shape));
    }
    read
}

/// Returns what a pattern captures at a place, if that is the whole segment.
fn hole(pattern: &[String], at: usize) -> Option<&str> {
    let name = pattern.get(at)?.strip_prefix('{')?.strip_suffix('}')?;
    (!name.starts_with('*')).then_some(name)
}

/// Reads a segment that no route says anything of.
fn by_looks(text: &str, front: bool, before: &[&str]) -> (Segment, Shape) {
    let literal = || (Segment::Literal(text.to_owned()), Shape::default());
    if front {
        return literal();
    }
    if let Some(name) = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        return (capture(&parameter(name), ""), Shape::default());
    }
    let (after, looks) = split(text);
    match looks {
        None => literal(),
        Some((ending, shape)) => (capture(&name(before, ending), after), shape),
    }
}

/// Splits off what a file's name ends with; of the rest, whether it looks made, and then what its name ends with and its shape.
fn split(text: &str) -> (&str, Option<(&'static str, Shape)>) {
    let ending = ENDINGS
        .iter()
        .find(|ending| text.ends_with(**ending) && text.len() > ending.len());
    let after = ending.copied().unwrap_or_default();
    (after, looks(text.strip_suffix(after).unwrap_or(text)))
}

/// Returns the shape of a text that a machine gave or that names one of many; `None` for a word.
fn looks(text: &str) -> Option<(&'static str, Shape)> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let all = |good: fn(&u8) -> bool| text.bytes().all(|byte| good(&byte));
    let shape = |kind| Shape {
        kind,
        ..Shape::default()
    };
    if digits == text.len() {
        // What starts with a zero is no number.
        let kind = if text.len() < 19 && (text == "0" || !text.starts_with('0')) {
            Kind::Int
        } else {
            Kind::Text
        };
        return Some(("id", shape(kind)));
    }
    if is_uuid(text) {
        let format = Some("uuid".to_owned());
        return Some((
            "id",
            Shape {
                format,
                ..shape(Kind::Text)
            },
        ));
    }
    if let Some((project, number)) = text.rsplit_once('-')
        && project.bytes().all(|byte| byte.is_ascii_uppercase())
        && !project.is_empty()
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
    {
        let pattern = Some("^[A-Z][A-Z0-9]*-[0-9]+$".to_owned());
        return Some((
            "key",
            Shape {
                pattern,
                ..shape(Kind::Text)
            },
        ));
    }
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let mixed = digits > 0 && letters > 0;
    let turns = text
        .as_bytes()
        .windows(2)
        .filter(|pair| matches!(pair, [one, two] if one.is_ascii_digit() != two.is_ascii_digit()))
        .count();
    let tail = text.rsplit(['-', '_', '.']).next().unwrap_or_default();
    let numbered = tail.len() < text.len()
        && !tail.is_empty()
        && tail.bytes().all(|byte| byte.is_ascii_digit());
    // `T00A`, as counters with letters give them.
    let code =
        digits >= 2 && text.len() >= 4 && !text.bytes().any(|byte| byte.is_ascii_lowercase());
    let made = text.len() > LONGEST_WORD
        || (digits > 0 && text.len() >= SHORTEST_HASH && all(u8::is_ascii_hexdigit))
        || (mixed && (digits >= 4 || turns >= 3 || numbered || code))
        // A mail address, a list, something encoded, a variable of the shell; `@me` is a word.
        || text.get(1..).is_some_and(|rest| rest.contains('@'))
        || text.contains(['%', ',', '=', '[', '$', '{'])
        || (digits > 0 && letters == 0)
        || is_random(text);
    made.then(|| ("id", shape(Kind::Text)))
}

/// Returns whether letters stand together as they do in no words.
fn is_random(text: &str) -> bool {
    let one = text.len() >= 20 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    one && (words(text).len() * 4 > text.len()
        || text.bytes().all(|byte| byte.is_ascii_uppercase()))
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Names a captured segment by the word before it: `ticket_id`.
fn name(before: &[&str], ending: &str) -> String {
    let word = before
        .last()
        .filter(|text| !is_noise(text, false) && looks(text).is_none());
    match word
        .map(|text| segment(&words(text)))
        .filter(|word| !word.is_empty())
    {
        Some(word) => parameter(&format!("{word}_{ending}")),
        None => ending.to_owned(),
    }
}

/// Returns the segment that stands for what is behind a word.
pub(crate) fn behind(word: Option<&Segment>) -> Segment {
    let before = match word {
        Some(Segment::Literal(word) | Segment::Known(word)) => vec![word.as_str()],
        Some(Segment::Captured { .. }) | None => Vec::new(),
    };
    capture(&name(&before, "id"), "")
}

fn capture(name: &str, after: &str) -> Segment {
    Segment::Captured {
        name: name.to_owned(),
        after: after.to_owned(),
    }
}
