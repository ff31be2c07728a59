//! Path patterns of one method in, and for a path *all* patterns that accept it out, in time that does not grow with their number.
//!
//! Several patterns may accept one path and all of them may have to be judged, which a router with one answer cannot say.

use std::collections::BTreeMap;

use crate::connector::model::pattern::{
    Pattern, Segment, first_segment, inner, strip_prefix_folded, strip_suffix_folded,
};

/// A set of patterns, each under a number.
#[derive(Debug, Default)]
pub(crate) struct Trie {
    /// By text.
    literals: Box<[(Box<str>, Self)]>,
    param: Option<Box<Self>>,
    /// Patterns that end here.
    ends: Box<[u32]>,
    rare: Option<Box<Rare>>,
}

/// What few nodes have.
#[derive(Debug)]
struct Rare {
    affixed: Box<[Affixed]>,
    /// Patterns that take everything from here on.
    rest: Box<[u32]>,
}

#[derive(Debug)]
struct Affixed {
    prefix: Box<str>,
    suffix: Box<str>,
    below: Trie,
}

/// What is left of a pattern, and its number.
type Left<'a> = (&'a [Segment], u32);

impl Trie {
    /// Joins patterns, each under a number.
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = (&'a Pattern, u32)>) -> Self {
        let patterns = patterns.into_iter();
        let left = patterns.map(|(pattern, number)| (pattern.segments(), number));
        Self::of(left.collect())
    }

    fn of(patterns: Vec<Left<'_>>) -> Self {
        let mut literals: BTreeMap<&str, Vec<Left<'_>>> = BTreeMap::new();
        let mut affixed: BTreeMap<(&str, &str), Vec<Left<'_>>> = BTreeMap::new();
        let (mut param, mut rest, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for (segments, number) in patterns {
            let Some((first, left)) = segments.split_first() else {
                ends.push(number);
                continue;
            };
            let left = (left, number);
            match first {
                Segment::Rest(_) => rest.push(number),
                Segment::Literal(text) => literals.entry(text).or_default().push(left),
                Segment::Param(_) => param.push(left),
                Segment::Affixed(around) => {
                    let around = (&*around.prefix, &*around.suffix);
                    affixed.entry(around).or_default().push(left);
                }
            }
        }
        let literals = literals.into_iter();
        let is_rare = !affixed.is_empty() || !rest.is_empty();
        let affixed = affixed.into_iter();
        let affixed = affixed.map(|((prefix, suffix), left)| Affixed {
            prefix: prefix.into(),
            suffix: suffix.into(),
            below: Self::of(left),
        });
        Self {
            literals: literals
                .map(|(text, left)| (text.into(), Self::of(left)))
                .collect(),
            param: (!param.is_empty()).then(|| Box::new(Self::of(param))),
            ends: ends.into(),
            rare: is_rare.then(|| {
                Box::new(Rare {
                    affixed: affixed.collect(),
                    rest: rest.into(),
                })
            }),
        }
    }

    /// Adds the numbers of all patterns that accept the path, which is empty or starts with `/`.
    pub(crate) fn collect(&self, path: &str, found: &mut Vec<u32>) {
        let Some(tail) = path.strip_prefix('/') else {
            found.extend(&self.ends);
            return;
        };
        if let Some(rare) = self.rare.as_ref().filter(|_| !tail.is_empty()) {
            found.extend(&rare.rest);
        }
        let (segment, rest) = first_segment(tail);
        if let Some(below) = self.literal(segment) {
            below.collect(rest, found);
        }
        if segment.is_empty() {
            return;
        }
        let affixed = self.rare.iter().flat_map(|rare| &rare.affixed);
        for Affixed {
            prefix,
            suffix,
            below,
        } in affixed
        {
            if inner(segment, prefix, suffix).is_some() {
                below.collect(rest, found);
            }
        }
        if let Some(below) = &self.param {
            below.collect(rest, found);
        }
    }

    /// As [`Trie::collect`], whatever the ASCII case of what is literal. Slower: only for what no pattern accepts.
    pub(crate) fn collect_folded(&self, path: &str, found: &mut Vec<u32>) {
        let Some(tail) = path.strip_prefix('/') else {
            found.extend(&self.ends);
            return;
        };
        if let Some(rare) = self.rare.as_ref().filter(|_| !tail.is_empty()) {
            found.extend(&rare.rest);
        }
        let (segment, rest) = first_segment(tail);
        let literals = self.literals.iter();
        for (_, below) in literals.filter(|(text, _)| text.eq_ignore_ascii_case(segment)) {
            below.collect_folded(rest, found);
        }
        if segment.is_empty() {
            return;
        }
        for around in self.rare.iter().flat_map(|rare| &rare.affixed) {
            let inner = strip_prefix_folded(segment, &around.prefix)
                .and_then(|segment| strip_suffix_folded(segment, &around.suffix));
            if inner.is_some_and(|inner| !inner.is_empty()) {
                around.below.collect_folded(rest, found);
            }
        }
        if let Some(below) = &self.param {
            below.collect_folded(rest, found);
        }
    }

    fn literal(&self, segment: &str) -> Option<&Self> {
        let at = self
            .literals
            .binary_search_by(|(text, _)| (**text).cmp(segment));
        self.literals.get(at.ok()?).map(|(_, below)| below)
    }
}
