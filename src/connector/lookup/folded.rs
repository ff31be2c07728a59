//! Compares patterns and paths whatever the ASCII case of what is literal.

use crate::connector::model::pattern::{Pattern, Segment, first_segment};

impl Pattern {
    /// As [`Pattern::accepts`], whatever the ASCII case of what is literal.
    pub(crate) fn accepts_folded(&self, path: &str) -> bool {
        self.fits(path, Segment::accepts_folded)
    }
}

impl Segment {
    /// Returns whether a text fits, whatever the ASCII case of what is literal.
    pub(crate) fn accepts_folded(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => literal.eq_ignore_ascii_case(text),
            Self::Param(_) | Self::Rest(_) => !text.is_empty(),
            Self::Affixed(around) => strip_prefix_folded(text, &around.prefix)
                .and_then(|text| strip_suffix_folded(text, &around.suffix))
                .is_some_and(|inner| !inner.is_empty()),
        }
    }
}

/// Takes a text off the front, whatever its ASCII case.
pub(crate) fn strip_prefix_folded<'s>(text: &'s str, prefix: &str) -> Option<&'s str> {
    let (front, rest) = text.split_at_checked(prefix.len())?;
    front.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Takes a text off the end, whatever its ASCII case.
pub(crate) fn strip_suffix_folded<'s>(text: &'s str, suffix: &str) -> Option<&'s str> {
    let (rest, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(rest)
}

/// Returns what follows a base path that is written in another case; empty, or starting with `/`.
pub(crate) fn front_folded<'p>(base: &Pattern, path: &'p str) -> Option<&'p str> {
    let mut left = path;
    for segment in base.segments() {
        let (text, rest) = first_segment(left.strip_prefix('/')?);
        let fits = match segment {
            Segment::Literal(literal) => literal.eq_ignore_ascii_case(text),
            Segment::Param(_) => !text.is_empty(),
            Segment::Affixed(around) => strip_prefix_folded(text, &around.prefix)
                .and_then(|text| strip_suffix_folded(text, &around.suffix))
                .is_some_and(|inner| !inner.is_empty()),
            Segment::Rest(_) => return Some(""),
        };
        if !fits {
            return None;
        }
        left = rest;
    }
    Some(left)
}
