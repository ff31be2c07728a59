//! Compiles the secret values that an answer may hold into what is searched for. Built once for all answers of a host.

use std::fmt;

use aho_corasick::{AhoCorasick, Input, MatchKind};

use super::forms::{Form, forms};
use crate::model::on_reflect::OnReflect;
use crate::model::secret::Secret;

/// Bytes of each form that are searched for in one pass; the rest of a form is compared where they are found.
const PREFIX: usize = 8;

/// All forms of some secret values.
pub struct PatternSet {
    /// Sorted by bytes, each once.
    patterns: Vec<KnownForm>,
    /// Finds the beginnings of all forms; it holds no secret whole, unless one is as short as that.
    beginnings: AhoCorasick,
    /// Length of the beginnings.
    pub(super) prefix: usize,
    /// Length of the shortest and the longest form.
    pub(super) shortest: usize,
    pub(super) longest: usize,
    /// Whether a byte is in any form, and whether any form begins with it.
    bytes: [Byte; 256],
}

/// What is known of a byte.
#[derive(Debug, Clone, Copy, Default)]
struct Byte {
    occurs: bool,
    begins: bool,
}

/// One form, and what follows when it is found.
struct KnownForm {
    form: Form,
    on_reflect: OnReflect,
}

/// Forms that agree with the text so far: those of an interval, in their first `depth` bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix {
    low: usize,
    high: usize,
    depth: usize,
}

impl PatternSet {
    /// Compiles values; `None` where there is nothing to look for.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = (Secret, OnReflect)>) -> Option<Self> {
        let mut patterns = Vec::new();
        for (value, on_reflect) in values {
            let found = forms(value.expose()).into_iter();
            patterns.extend(found.map(|form| KnownForm { form, on_reflect }));
        }
        // Of two reactions to the same form the stricter one comes first, and stays.
        patterns.sort_unstable_by(|one, other| {
            let by_form = one.form.as_slice().cmp(&other.form);
            by_form.then(other.on_reflect.cmp(&one.on_reflect))
        });
        patterns.dedup_by(|later, kept| later.form == kept.form);
        let lengths = patterns.iter().map(|pattern| pattern.form.len());
        let (shortest, longest) = (lengths.clone().min()?, lengths.max()?);
        let prefix = shortest.min(PREFIX);
        let mut beginnings: Vec<&[u8]> = patterns
            .iter()
            .filter_map(|pattern| pattern.form.get(..prefix))
            .collect();
        beginnings.dedup();
        let beginnings = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(beginnings)
            // Only billions of states do not fit.
            .ok()?;
        let mut bytes = [Byte::default(); 256];
        for pattern in &patterns {
            for (index, byte) in pattern.form.iter().enumerate() {
                if let Some(known) = bytes.get_mut(usize::from(*byte)) {
                    known.occurs = true;
                    known.begins |= index == 0;
                }
            }
        }
        Some(Self {
            patterns,
            beginnings,
            prefix,
            shortest,
            longest,
            bytes,
        })
    }

    /// Returns where the next beginning of a form is.
    pub(super) fn next_beginning(&self, text: &[u8], from: usize) -> Option<usize> {
        if from >= text.len() {
            return None;
        }
        let input = Input::new(text).range(from..);
        self.beginnings.find(input).map(|found| found.start())
    }

    fn known(&self, byte: u8) -> Byte {
        self.bytes
            .get(usize::from(byte))
            .copied()
            .unwrap_or_default()
    }

    /// Returns whether any form holds this byte.
    pub(super) fn has(&self, byte: u8) -> bool {
        self.known(byte).occurs
    }

    /// Returns whether any form begins with this byte.
    pub(super) fn begins(&self, byte: u8) -> bool {
        self.known(byte).begins
    }

    /// Returns what agrees with no text at all: every form.
    pub(super) fn all(&self) -> Prefix {
        Prefix {
            low: 0,
            high: self.patterns.len(),
            depth: 0,
        }
    }

    /// Takes one more byte of the text. Returns the forms that still agree and are longer, and the reaction to one that is complete.
    pub(super) fn advance(&self, prefix: Prefix, byte: u8) -> (Option<Prefix>, Option<OnReflect>) {
        let Prefix { low, high, depth } = prefix;
        let within = self.patterns.get(low..high).unwrap_or_default();
        let at = |pattern: &KnownForm| pattern.form.get(depth).copied();
        let begin = within.partition_point(|pattern| at(pattern) < Some(byte));
        let count = within
            .get(begin..)
            .unwrap_or_default()
            .partition_point(|pattern| at(pattern) == Some(byte));
        if count == 0 {
            return (None, None);
        }
        let (mut low, high, depth) = (low + begin, low + begin + count, depth + 1);
        let shortest = self.patterns.get(low);
        let complete = shortest.filter(|pattern| pattern.form.len() == depth);
        if complete.is_some() {
            low += 1;
        }
        let longer = (low < high).then_some(Prefix { low, high, depth });
        (longer, complete.map(|pattern| pattern.on_reflect))
    }
}

impl fmt::Debug for PatternSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PatternSet({} forms)", self.patterns.len())
    }
}
