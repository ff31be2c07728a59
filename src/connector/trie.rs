//! Path patterns of one method in, and for a path *all* patterns that accept it out, in time that does not grow with their number.
//!
//! Several patterns may accept one path and all of them may have to be judged, which a router with one answer cannot say.

use std::collections::HashMap;

use super::pattern::{Pattern, Segment, first_segment};

/// A set of patterns, each under a number.
#[derive(Debug, Default)]
pub(super) struct Trie {
    literals: HashMap<Box<str>, Self>,
    affixed: Vec<Affixed>,
    param: Option<Box<Self>>,
    /// Patterns that take everything from here on.
    rest: Vec<u32>,
    /// Patterns that end here.
    ends: Vec<u32>,
}

#[derive(Debug)]
struct Affixed {
    prefix: Box<str>,
    suffix: Box<str>,
    below: Trie,
}

impl Trie {
    /// Adds a pattern under a number.
    pub(super) fn insert(&mut self, pattern: &Pattern, number: u32) {
        self.insert_segments(pattern.segments(), number);
    }

    fn insert_segments(&mut self, segments: &[Segment], number: u32) {
        let Some((first, rest)) = segments.split_first() else {
            self.ends.push(number);
            return;
        };
        let below = match first {
            Segment::Rest(_) => {
                self.rest.push(number);
                return;
            }
            Segment::Literal(text) => self.literals.entry(text.clone()).or_default(),
            Segment::Param { prefix, suffix, .. } if prefix.is_empty() && suffix.is_empty() => {
                &mut **self.param.get_or_insert_default()
            }
            Segment::Param { prefix, suffix, .. } => {
                let same =
                    |known: &&mut Affixed| known.prefix == *prefix && known.suffix == *suffix;
                if let Some(known) = self.affixed.iter_mut().find(same) {
                    &mut known.below
                } else {
                    let mut below = Self::default();
                    below.insert_segments(rest, number);
                    self.affixed.push(Affixed {
                        prefix: prefix.clone(),
                        suffix: suffix.clone(),
                        below,
                    });
                    return;
                }
            }
        };
        below.insert_segments(rest, number);
    }

    /// Adds the numbers of all patterns that accept the path, which is empty or starts with `/`.
    pub(super) fn collect(&self, path: &str, found: &mut Vec<u32>) {
        let Some(tail) = path.strip_prefix('/') else {
            found.extend(&self.ends);
            return;
        };
        if !tail.is_empty() {
            found.extend(&self.rest);
        }
        let (segment, rest) = first_segment(tail);
        if let Some(below) = self.literals.get(segment) {
            below.collect(rest, found);
        }
        if segment.is_empty() {
            return;
        }
        for Affixed {
            prefix,
            suffix,
            below,
        } in &self.affixed
        {
            let inner = segment
                .strip_prefix(&**prefix)
                .and_then(|inner| inner.strip_suffix(&**suffix));
            if inner.is_some_and(|inner| !inner.is_empty()) {
                below.collect(rest, found);
            }
        }
        if let Some(below) = &self.param {
            below.collect(rest, found);
        }
    }
}
