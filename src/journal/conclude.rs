//! Concludes a verification: whether all that others know of is in the journal, and whether what it says of the rest is signed.

use super::explain::{Claim, Explanation, Voucher};
use super::record::Lost;
use super::report::Finding;
use super::segment::{self, Segment};
use super::walk::Walk;

impl Walk<'_> {
    /// Adds what is wrong with the whole; every segment was read.
    pub(super) fn conclude(&mut self, segments: &[Segment]) {
        let keys = self.keys.conclude();
        self.note_keys();
        if self.report.signatures > 0 {
            self.key_since = self.key_since.or(self.first_checkpoint);
        }
        if self.keys.is_known() {
            let live = self.report.last_seq.saturating_sub(self.vouched_to);
            let all = self.report.last_seq.saturating_sub(self.first);
            self.report.unsigned = live.min(all.saturating_add(1));
        }
        let newest = segments.last().map(Segment::name).unwrap_or_default();
        let at_the_end = |problem: String| Finding {
            file: newest.clone(),
            line: None,
            problem,
        };
        let mut found = Vec::new();
        found.extend(keys.err().map(|fault| at_the_end(fault.to_string())));
        found.extend(self.bad_beginning(segments));
        found.extend(self.unsigned_losses());
        found.extend(self.bad_take_over(segments).map(&at_the_end));
        found.extend(self.unmet().map(&at_the_end));
        found.extend(self.untrusted().map(&at_the_end));
        for finding in found {
            self.note(finding);
        }
    }

    /// Returns whether an explanation counts.
    fn counts(&self, explanation: &Explanation) -> bool {
        let is_alone = self.trust.key.is_none() && self.trust.anchors.is_empty();
        match explanation.voucher {
            Voucher::Anchor => true,
            // A key that only `key.pub` names is anybody's.
            Voucher::Key => {
                let since = self.key_since;
                is_alone
                    || self.trust.key.is_some()
                    || since.is_some_and(|at| Some(at) <= self.anchored_to)
            }
            Voucher::Nobody => is_alone && !self.keys.is_known(),
        }
    }

    fn explained(&self, by: impl Fn(&Claim) -> bool) -> bool {
        let all = self.explanations.all.iter();
        all.filter(|explanation| by(&explanation.claim))
            .any(|explanation| self.counts(explanation))
    }

    /// What is before the first line was removed, or never was.
    fn bad_beginning(&self, segments: &[Segment]) -> Option<Finding> {
        let first = self.first;
        let problem = format!("the journal begins with number {first}");
        let explains: Box<dyn Fn(&Claim) -> bool + '_> = match &self.beginning {
            _ if self.is_partial || first == 0 => return None,
            Some(hash) => Box::new(move |claim| *claim == Claim::Removed(hash.clone())),
            None if first == 1 => return None,
            None => Box::new(move |claim| match claim {
                Claim::NumberedAbove(above) => above.checked_add(1) == Some(first),
                Claim::Lost(lost) => lost.to.checked_add(1) == Some(first),
                Claim::TakenOver(_) => self.taken_over.is_some(),
                Claim::Removed(_) => false,
            }),
        };
        if self.explained(&explains) {
            return None;
        }
        let mut unsigned = self.explanations.all.iter();
        if let Some(unsigned) = unsigned.find(|explanation| explains(&explanation.claim)) {
            return Some(unsigned.unsigned(&problem));
        }
        let is_live = |segment: &&Segment| segment.number != segment::TAKEN_OVER;
        let live = segments.iter().find(is_live);
        Some(Finding {
            file: live.map(Segment::name).unwrap_or_default(),
            line: Some(1),
            problem: format!("{problem}: no record says that what was before was removed"),
        })
    }

    /// A gap that anybody may have written over a cut.
    fn unsigned_losses(&self) -> Vec<Finding> {
        let unsigned = |explanation: &Explanation| match explanation.claim {
            Claim::Lost(lost) if !self.counts(explanation) => {
                let Lost { from, to } = lost;
                Some(explanation.unsigned(&format!("numbers {from} to {to} are missing")))
            }
            _ => None,
        };
        self.explanations.all.iter().filter_map(unsigned).collect()
    }

    /// What was taken over is there, and a record names it, or both are gone.
    fn bad_take_over(&self, segments: &[Segment]) -> Option<String> {
        if let Some((_, hash)) = &self.taken_over {
            if segments.len() < 2
                || self.explained(|claim| *claim == Claim::TakenOver(hash.clone()))
            {
                return None;
            }
            return Some("no signed record names what was taken over".to_owned());
        }
        if self.is_partial {
            return None;
        }
        let mut all = self.explanations.all.iter();
        let is_gone = |explanation: &Explanation| match &explanation.claim {
            Claim::TakenOver(hash) => {
                self.counts(explanation)
                    && !self.explained(|claim| *claim == Claim::Removed(hash.clone()))
            }
            _ => false,
        };
        let gone = all.find(|explanation| is_gone(explanation))?;
        Some(format!(
            "what was taken over is gone: `{}` is missing, which number {} names",
            segment::plain_name(segment::TAKEN_OVER),
            gone.seq
        ))
    }

    /// A number that somebody knows, and no line has.
    fn unmet(&self) -> Option<String> {
        let last = self.report.last_seq;
        // Newest first: what is cut off at the end says most.
        for seq in self.anchors.keys().rev().copied() {
            if seq > last {
                return Some(format!("it ends with {last}, and an anchor has {seq}"));
            }
            if !self.is_before(seq) {
                return Some(format!(
                    "no line has number {seq}, and an anchor has it{}",
                    self.loss_of(seq)
                        .map_or("", |_| ": it was lost after it was anchored")
                ));
            }
        }
        let stored = self.trust.stored.as_ref()?.seq;
        if self.is_stored_met
            || stored == 0
            || self.is_before(stored)
            || self.loss_of(stored).is_some()
        {
            return None;
        }
        Some(if stored > last {
            format!("it ends with {last}, and the store knows {stored}")
        } else {
            format!("no line has number {stored}, and the store knows it")
        })
    }

    /// Returns whether a number lies before what is there, for a reason that counts.
    fn is_before(&self, seq: u64) -> bool {
        let is_removed = || {
            let hash = self.beginning.as_ref();
            hash.is_some_and(|hash| self.explained(|claim| *claim == Claim::Removed(hash.clone())))
        };
        seq < self.first && (self.is_partial || is_removed())
    }

    fn loss_of(&self, seq: u64) -> Option<&Explanation> {
        let is_of = |explanation: &&Explanation| match explanation.claim {
            Claim::Lost(lost) => (lost.from..=lost.to).contains(&seq) && self.counts(explanation),
            _ => false,
        };
        self.explanations.all.iter().find(is_of)
    }

    fn untrusted(&self) -> Option<String> {
        if let Some(trusted) = &self.trust.key {
            return (!self.keys.has_signed(trusted)).then(|| match &self.report.key {
                Some(found) => {
                    format!("the key that signs is `{found}`, not the one that is trusted")
                }
                None => "nothing in it is signed by the key that is trusted".to_owned(),
            });
        }
        let is_unmet = !self.trust.anchors.is_empty() && self.report.anchors == 0;
        is_unmet.then(|| "no anchor has a line of it".to_owned())
    }
}
