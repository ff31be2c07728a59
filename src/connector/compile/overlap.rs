//! Says of two patterns whether some path is accepted by both.

use crate::connector::model::pattern::{Pattern, Segment};

impl Pattern {
    /// Returns whether some path may be accepted by both; `true` where that is not easily seen.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let mut one = self.segments.iter();
        let mut two = other.segments.iter();
        loop {
            match (one.next(), two.next()) {
                (None, None) => return true,
                (None, Some(_)) | (Some(_), None) => return false,
                (Some(Segment::Rest(_)), Some(_)) | (Some(_), Some(Segment::Rest(_))) => {
                    return true;
                }
                (Some(one), Some(two)) if one.overlaps(two) => {}
                (Some(_), Some(_)) => return false,
            }
        }
    }
}

impl Segment {
    /// Returns whether some text may fit both.
    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(one), Self::Literal(two)) => one == two,
            (Self::Literal(text), open) | (open, Self::Literal(text)) => {
                matches!(open.accept(text), Some(Some(_)))
            }
            (Self::Affixed(one), Self::Affixed(two)) => {
                let (longer, shorter) = (&*one.prefix, &*two.prefix);
                let prefixes = longer.starts_with(shorter) || shorter.starts_with(longer);
                let (longer, shorter) = (&*one.suffix, &*two.suffix);
                prefixes && (longer.ends_with(shorter) || shorter.ends_with(longer))
            }
            (Self::Param(_) | Self::Affixed(_) | Self::Rest(_), _) => true,
        }
    }
}
