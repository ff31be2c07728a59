//! Finds the escapes of a text that may be part of a form, and leaves out all others at little cost.

use memchr::memchr3;

use super::escape::{MAX_DEPTH, is_intro, read};
use super::patterns::PatternSet;

/// Longest spelling of a character that is looked for before an escape: of the ways in which programs nest escapes.
const MAX_SPELLING: usize = 12;

/// Whether more text follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextEnd {
    More,
    Last,
}

/// An escape that may be part of a form.
#[derive(Debug, Clone, Copy)]
pub(super) struct EscapeRun {
    /// Where a form with it can begin.
    pub(super) from: usize,
    pub(super) at: usize,
}

/// A text in which escapes are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct EscapeSearch<'a> {
    pub(super) set: &'a PatternSet,
    pub(super) text: &'a [u8],
    pub(super) end: TextEnd,
}

impl EscapeSearch<'_> {
    /// Returns the next escape that may be part of a form.
    pub(super) fn next(self, from: usize) -> Option<EscapeRun> {
        let mut at = from;
        loop {
            let rest = self.text.get(at..)?;
            at += memchr3(b'\\', b'%', b'&', rest)?;
            if self.may_count(at) && self.counts(at) {
                let begin = self.run_before(at, from);
                if self.is_long(begin, at) {
                    return Some(EscapeRun { from: begin, at });
                }
            }
            at += 1;
        }
    }

    /// Looks at two bytes, and leaves out what is surely no escape that matters.
    fn may_count(self, at: usize) -> bool {
        let Some(next) = self.text.get(at + 1).copied() else {
            return self.end == TextEnd::More;
        };
        if is_intro(next) {
            return true;
        }
        match (self.text.get(at).copied(), next) {
            (Some(b'\\'), b'b') => self.set.has(8),
            (Some(b'\\'), b'f') => self.set.has(12),
            (Some(b'\\'), b'n') => self.set.has(b'\n'),
            (Some(b'\\'), b'r') => self.set.has(b'\r'),
            (Some(b'\\'), b't') => self.set.has(b'\t'),
            (Some(b'\\'), b'"' | b'/' | b'\'') => self.set.has(next),
            (Some(b'\\'), b'u' | b'x') => true,
            (Some(b'%'), next) => next.is_ascii_hexdigit(),
            (Some(b'&'), b'#' | b'a' | b'l' | b'g' | b'q') => true,
            _ => false,
        }
    }

    /// Returns whether an escape stands for a character of a form, at some depth, or is cut off.
    fn counts(self, at: usize) -> bool {
        (1..=MAX_DEPTH).any(|depth| match read(self.text, at, depth) {
            Err(_) => self.end == TextEnd::More,
            Ok(char) => {
                let first = char.bytes().first();
                char.next > at + 1 && first.is_some_and(|byte| self.set.has(*byte))
            }
        })
    }

    /// Returns the begin of the bytes before a place that may all be part of one form, none of them before `from`: what is there was
    /// followed already.
    fn run_before(self, at: usize, from: usize) -> usize {
        let furthest = at.saturating_sub(self.set.longest.saturating_mul(MAX_SPELLING));
        let furthest = furthest.max(from);
        let mut begin = at;
        while begin > furthest && self.may_be_part(begin - 1) {
            begin -= 1;
        }
        begin
    }

    fn may_be_part(self, at: usize) -> bool {
        let Some(byte) = self.text.get(at).copied() else {
            return false;
        };
        let escapes = byte.is_ascii_alphanumeric() || is_intro(byte) || matches!(byte, b'#' | b';');
        let is_escaped = || {
            let before = at.checked_sub(1).and_then(|before| self.text.get(before));
            matches!(byte, b'"' | b'/' | b'\'') && before == Some(&b'\\')
        };
        escapes || self.set.has(byte) || is_escaped()
    }

    /// Returns whether there is room for a form around a place.
    fn is_long(self, begin: usize, at: usize) -> bool {
        let enough = begin + self.set.shortest;
        let mut end = at + 1;
        while end < enough {
            if end >= self.text.len() {
                return self.end == TextEnd::More;
            }
            if !self.may_be_part(end) {
                return false;
            }
            end += 1;
        }
        true
    }
}
