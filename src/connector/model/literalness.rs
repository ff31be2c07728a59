//! Compares how literal patterns are: of two that accept one path, the more literal one wins.

use std::cmp::Ordering;

use crate::connector::model::pattern::{Pattern, Segment};

impl Pattern {
    /// Returns a number that is larger for a pattern that is literal further left, among patterns of one length.
    pub(crate) fn literal_weight(&self) -> u64 {
        self.segments.iter().fold(0, |weight, segment| {
            weight << 1 | u64::from(matches!(segment, Segment::Literal(_)))
        })
    }

    /// Compares how literal two patterns are that accept one path; `None` where each is more literal somewhere.
    pub(crate) fn literalness(&self, other: &Self) -> Option<Ordering> {
        let length = self.segments.len().max(other.segments.len());
        (0..length).try_fold(Ordering::Equal, |so_far, at| {
            let one = self.segments.get(at).or(self.segments.last());
            let two = other.segments.get(at).or(other.segments.last());
            both(
                so_far,
                one.zip(two)
                    .map_or(Some(Ordering::Equal), |(one, two)| one.literalness(two))?,
            )
        })
    }
}

impl Segment {
    fn literalness(&self, other: &Self) -> Option<Ordering> {
        let ((kind, before, after), (other_kind, other_before, other_after)) =
            (self.weight(), other.weight());
        match kind.cmp(&other_kind) {
            Ordering::Equal => both(before.cmp(&other_before), after.cmp(&other_after)),
            differ @ (Ordering::Less | Ordering::Greater) => Some(differ),
        }
    }

    /// Returns how literal it is: by its kind, then by the bytes around its parameter.
    fn weight(&self) -> (u8, usize, usize) {
        match self {
            Self::Literal(_) => (2, 0, 0),
            Self::Param(_) => (1, 0, 0),
            Self::Affixed(around) => (1, around.prefix.len(), around.suffix.len()),
            Self::Rest(_) => (0, 0, 0),
        }
    }
}

/// Joins two comparisons: `None` where they point in opposite directions.
pub(crate) fn both(one: Ordering, two: Ordering) -> Option<Ordering> {
    match (one, two) {
        (Ordering::Equal, other) | (other, Ordering::Equal) => Some(other),
        (one, two) => (one == two).then_some(one),
    }
}
