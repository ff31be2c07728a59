//! Compiles a path pattern (of a `match` or base path) into segments that capture values from a canonical path.
//!
//! INVARIANT: a pattern accepts a whole path; a parameter never matches an empty segment.

use std::sync::Arc;

use crate::model::target::{Oddities, Oddity, Path, PathError};

/// Bytes of one pattern, as written.
const MAX_PATTERN: usize = 2048;

/// What a pattern took out of a path: name and text, still escaped.
pub(crate) type Captures<'p> = Vec<(&'p Arc<str>, &'p str)>;

/// A compiled path pattern.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pattern {
    pub(crate) segments: Box<[Segment]>,
}

/// What one or, for `Rest`, all remaining segments must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// A segment with exactly this text.
    Literal(Box<str>),
    /// `{name}`; unique in the pattern.
    Param(Arc<str>),
    /// `{name}` with something around it.
    Affixed(Box<Affixed>),
    /// `{*name}`: everything that is left, slashes included; not empty.
    Rest(Arc<str>),
}

/// A parameter, and what stands before and behind it in the segment. Rare, and kept apart: segments are what a catalogue has
/// most of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Affixed {
    /// Text before the capture; it may be empty.
    pub(crate) prefix: Box<str>,
    /// Unique in the pattern.
    pub(crate) name: Arc<str>,
    /// Text after the capture; it may be empty.
    pub(crate) suffix: Box<str>,
}

/// Why a text is not a path pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("a path is over {MAX_PATTERN} bytes")]
    TooLong,
    #[error("path `{0}` does not start with `/`")]
    NoSlash(String),
    #[error("`{{*…}}` must be the last segment of `{0}`")]
    RestNotLast(String),
    #[error("path `{0}` has an empty segment")]
    EmptySegment(String),
    #[error("path `{0}` captures one name twice")]
    NameTwice(String),
    #[error("segment `{0}` has a `}}` without `{{`")]
    NotOpened(String),
    #[error("segment `{0}` has a `{{` without `}}`")]
    NotClosed(String),
    #[error("segment `{0}` has more than one parameter")]
    TwoParameters(String),
    #[error("`{{*{0}}}` must be a whole segment")]
    RestInSegment(String),
    #[error("`{0}` cannot stand in a path: {1}")]
    NotAPath(String, PathError),
    #[error("`{0}` cannot stand in a path: {1}")]
    NotCanonical(String, Oddities),
    #[error(transparent)]
    Name(#[from] ParameterNameError),
}

/// A text that is not the name of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a parameter name: it is `[a-z][a-z0-9_]*`")]
pub(crate) struct ParameterNameError(String);

impl Pattern {
    /// Reads a pattern that starts with `/`; the empty text is the pattern without segments.
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        // Plans and routers grow with it.
        if text.len() > MAX_PATTERN {
            return Err(PatternError::TooLong);
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(PatternError::NoSlash(text.to_owned()));
        };
        let mut segments = Vec::new();
        for segment in rest.split('/') {
            if matches!(segments.last(), Some(Segment::Rest(_))) {
                return Err(PatternError::RestNotLast(text.to_owned()));
            }
            if segment.is_empty() && segments.len() + 1 < rest.split('/').count() {
                return Err(PatternError::EmptySegment(text.to_owned()));
            }
            segments.push(Segment::parse(segment)?);
        }
        let pattern = Self {
            segments: segments.into(),
        };
        let names: Vec<&Arc<str>> = pattern.names().collect();
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        if sorted.len() < names.len() {
            return Err(PatternError::NameTwice(text.to_owned()));
        }
        Ok(pattern)
    }

    /// Returns the segments from the left.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Iterates over the names that it captures.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Param(name) | Segment::Rest(name) => Some(name),
            Segment::Affixed(affixed) => Some(&affixed.name),
        })
    }

    /// Returns a name that another pattern of the same shape has for another segment.
    pub(crate) fn misplaced(&self, other: &Self) -> Option<&Arc<str>> {
        let place =
            |pattern: &Self, name: &Arc<str>| pattern.names().position(|captured| captured == name);
        let mut names = self.names();
        names.find(|name| {
            let there = place(other, name);
            there.is_some() && there != place(self, name)
        })
    }

    /// Returns the pattern without its names: equal for two patterns that accept the same paths by the same segments.
    pub(crate) fn shape(&self) -> String {
        self.segments
            .iter()
            .fold(String::new(), |mut shape, segment| {
                shape.push('/');
                match segment {
                    Segment::Literal(text) => shape.push_str(text),
                    Segment::Param(_) => shape.push_str("{}"),
                    Segment::Affixed(around) => {
                        shape.extend([&*around.prefix, "{}", &*around.suffix]);
                    }
                    Segment::Rest(_) => shape.push_str("{*}"),
                }
                shape
            })
    }

    /// Returns what it captures from a path that it accepts as a whole.
    pub(crate) fn capture<'p>(&'p self, path: &'p str) -> Option<Captures<'p>> {
        let (captures, rest) = self.capture_front(path)?;
        rest.is_empty().then_some(captures)
    }

    /// Returns what it captures from the front of a path, and what is left: empty, or starting with `/`.
    pub(crate) fn capture_front<'p>(&'p self, path: &'p str) -> Option<(Captures<'p>, &'p str)> {
        let mut captures = Vec::new();
        let mut left = path;
        for segment in &self.segments {
            let tail = left.strip_prefix('/')?;
            if let Segment::Rest(name) = segment {
                if tail.is_empty() {
                    return None;
                }
                captures.push((name, tail));
                return Some((captures, ""));
            }
            let (text, rest) = first_segment(tail);
            if let Some((name, value)) = segment.accept(text)? {
                captures.push((name, value));
            }
            left = rest;
        }
        Some((captures, left))
    }

    /// Returns whether it accepts a path as a whole.
    pub(crate) fn accepts(&self, path: &str) -> bool {
        self.fits(path, |segment, text| segment.accept(text).is_some())
    }

    pub(crate) fn fits(&self, path: &str, accepts: impl Fn(&Segment, &str) -> bool) -> bool {
        let mut left = path;
        for segment in &self.segments {
            let Some(tail) = left.strip_prefix('/') else {
                return false;
            };
            if matches!(segment, Segment::Rest(_)) {
                return !tail.is_empty();
            }
            let (text, rest) = first_segment(tail);
            if !accepts(segment, text) {
                return false;
            }
            left = rest;
        }
        left.is_empty()
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, PatternError> {
        let Some((prefix, rest)) = text.split_once('{') else {
            if text.contains('}') {
                return Err(PatternError::NotOpened(text.to_owned()));
            }
            return Ok(Self::Literal(canonical(text)?));
        };
        let Some((name, suffix)) = rest.split_once('}') else {
            return Err(PatternError::NotClosed(text.to_owned()));
        };
        if suffix.contains(['{', '}']) {
            return Err(PatternError::TwoParameters(text.to_owned()));
        }
        if let Some(name) = name.strip_prefix('*') {
            if !prefix.is_empty() || !suffix.is_empty() {
                return Err(PatternError::RestInSegment(name.to_owned()));
            }
            return Ok(Self::Rest(parameter_name(name)?));
        }
        let name = parameter_name(name)?;
        if prefix.is_empty() && suffix.is_empty() {
            return Ok(Self::Param(name));
        }
        Ok(Self::Affixed(Box::new(Affixed {
            prefix: canonical(prefix)?,
            name,
            suffix: canonical(suffix)?,
        })))
    }

    /// Returns `None` where the text does not fit, and else what is captured, if anything.
    pub(crate) fn accept<'p>(&'p self, text: &'p str) -> Option<Option<(&'p Arc<str>, &'p str)>> {
        match self {
            Self::Literal(literal) => (**literal == *text).then_some(None),
            Self::Param(name) => (!text.is_empty()).then_some(Some((name, text))),
            Self::Affixed(around) => {
                let value = inner(text, &around.prefix, &around.suffix)?;
                Some(Some((&around.name, value)))
            }
            Self::Rest(_) => None,
        }
    }
}

/// Returns what stands in a segment between two texts, where they are there and it is not empty.
pub(crate) fn inner<'s>(segment: &'s str, prefix: &str, suffix: &str) -> Option<&'s str> {
    let inner = segment.strip_prefix(prefix)?.strip_suffix(suffix)?;
    (!inner.is_empty()).then_some(inner)
}

/// Splits a path without its first slash into its first segment and what follows, which is empty or starts with `/`.
pub(crate) fn first_segment(tail: &str) -> (&str, &str) {
    // A segment is a few bytes long: `find` would take longer to begin than to end.
    let end = tail.bytes().position(|byte| byte == b'/');
    end.and_then(|end| tail.split_at_checked(end))
        .unwrap_or((tail, ""))
}

/// Returns the name where it is `[a-z][a-z0-9_]*`.
pub(crate) fn parameter_name(name: &str) -> Result<Arc<str>, ParameterNameError> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase())
        && name.bytes().all(good)
    {
        Ok(name.into())
    } else {
        Err(ParameterNameError(name.to_owned()))
    }
}

/// Literals are compared with canonical paths, so they are brought into that form.
fn canonical(text: &str) -> Result<Box<str>, PatternError> {
    let path = Path::parse(&format!("/{text}"))
        .map_err(|error| PatternError::NotAPath(text.to_owned(), error))?;
    if !path.oddities().is_empty() && !text.is_empty() {
        let harmless = path.oddities().iter().all(|oddity| {
            // A literal that is only a piece of a segment may end in a dot or space.
            matches!(oddity, Oddity::TrailingDot | Oddity::Semicolon)
        });
        if !harmless {
            return Err(PatternError::NotCanonical(text.to_owned(), path.oddities()));
        }
    }
    Ok(path.matching().strip_prefix('/').unwrap_or_default().into())
}
