//! Masks a text that comes in pieces. A piece without a credential passes without a copy.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::FILL;
use super::escape_search::TextEnd;
use super::patterns::PatternSet;
use super::scan::{Findings, scan};
use crate::model::on_reflect::OnReflect;

/// What was found in an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reflections {
    /// How many credentials; forms that overlap count as one.
    pub count: u64,
    /// The strictest reaction to any of them; `None` where there is none.
    pub worst: Option<OnReflect>,
}

/// Masks one text, in pieces of any size.
pub struct StreamMask {
    set: Arc<PatternSet>,
    /// What may be the beginning of a form.
    held: Bytes,
    /// So many bytes of `held` are part of a form that began before them.
    covered: usize,
    reflections: Reflections,
}

impl Reflections {
    /// Returns whether the answer must not go on.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.worst == Some(OnReflect::Block)
    }

    /// Adds what was found elsewhere in the same answer.
    pub fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.worst = self.worst.max(other.worst);
    }
}

impl PatternSet {
    /// Masks a whole text, such as a header's value; `None` where it is as it was.
    pub fn mask(&self, text: &[u8], reflections: &mut Reflections) -> Option<Vec<u8>> {
        // No spelling is shorter than what it stands for.
        if text.len() < self.shortest {
            return None;
        }
        let found = scan(self, text, TextEnd::Last);
        if found.hits.is_empty() {
            return None;
        }
        let mut masked = text.to_vec();
        let mut covered = 0;
        apply(&found, &mut masked, &mut covered, reflections);
        (masked != text).then_some(masked)
    }
}

impl PatternSet {
    /// Overwrites every form in a text, whatever is to be done with it in an answer; `None` where there is none.
    #[must_use]
    pub fn redact(&self, text: &[u8]) -> Option<Vec<u8>> {
        let found = scan(self, text, TextEnd::Last);
        if found.hits.is_empty() {
            return None;
        }
        let mut redacted = text.to_vec();
        for hit in &found.hits {
            if let Some(secret) = redacted.get_mut(hit.range.clone()) {
                secret.fill(FILL);
            }
        }
        Some(redacted)
    }
}

impl StreamMask {
    /// Begins a text that has no byte yet.
    #[must_use]
    pub fn new(set: Arc<PatternSet>) -> Self {
        Self {
            set,
            held: Bytes::new(),
            covered: 0,
            reflections: Reflections::default(),
        }
    }

    /// Searches for other values from now on, in what is held back too. Values that are still to be found must be among them.
    pub fn renew(&mut self, set: Arc<PatternSet>) {
        self.set = set;
    }

    /// Takes a piece; returns what may pass by now, which may be nothing.
    pub fn take(&mut self, piece: Bytes) -> Bytes {
        if piece.is_empty() {
            return piece;
        }
        self.pass(piece, TextEnd::More)
    }

    /// Returns what was held back; the next piece begins another text.
    pub fn finish(&mut self) -> Bytes {
        if self.held.is_empty() {
            return Bytes::new();
        }
        self.pass(Bytes::new(), TextEnd::Last)
    }

    /// Returns what was found so far.
    #[must_use]
    pub fn reflections(&self) -> Reflections {
        self.reflections
    }

    fn pass(&mut self, piece: Bytes, end: TextEnd) -> Bytes {
        let mut text = join(std::mem::take(&mut self.held), piece);
        let found = scan(&self.set, &text, end);
        if found.hits.is_empty() && self.covered == 0 {
            self.held = text.split_off(found.open);
            return text;
        }
        let mut masked = BytesMut::from(&text[..]);
        let covered = std::mem::take(&mut self.covered);
        if let Some(begun) = masked.get_mut(..covered) {
            begun.fill(FILL);
        }
        self.covered = covered;
        self.emit(&found, &text, masked)
    }

    fn emit(&mut self, found: &Findings, text: &Bytes, mut masked: BytesMut) -> Bytes {
        apply(found, &mut masked, &mut self.covered, &mut self.reflections);
        masked.truncate(found.open);
        self.covered = self.covered.saturating_sub(found.open);
        self.held = text.slice(found.open..);
        masked.freeze()
    }
}

fn join(held: Bytes, piece: Bytes) -> Bytes {
    if held.is_empty() {
        return piece;
    }
    if piece.is_empty() {
        return held;
    }
    let mut both = BytesMut::with_capacity(held.len() + piece.len());
    both.extend_from_slice(&held);
    both.extend_from_slice(&piece);
    both.freeze()
}

/// Overwrites and counts the forms that begin before `found.open`; the others are found again with what follows. `covered` is the
/// end of what is overwritten already, and becomes the end of what is overwritten now.
fn apply(found: &Findings, text: &mut [u8], covered: &mut usize, reflections: &mut Reflections) {
    let mut hits: Vec<_> = found
        .hits
        .iter()
        .filter(|hit| hit.range.start < found.open)
        .collect();
    hits.sort_unstable_by_key(|hit| (hit.range.start, hit.range.end));
    let mut end = *covered;
    for hit in hits {
        if hit.range.start >= end {
            reflections.count = reflections.count.saturating_add(1);
        }
        end = end.max(hit.range.end);
        reflections.worst = reflections.worst.max(Some(hit.on_reflect));
        if hit.on_reflect == OnReflect::Flag {
            continue;
        }
        *covered = (*covered).max(hit.range.end);
        if let Some(secret) = text.get_mut(hit.range.clone()) {
            secret.fill(FILL);
        }
    }
}

impl fmt::Debug for StreamMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamMask")
            .field("reflections", &self.reflections)
            .finish_non_exhaustive()
    }
}
