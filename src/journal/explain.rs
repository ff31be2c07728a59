//! Keeps explanations: what a journal says of lines that it does not hold. One counts only if a signature covers it that was made by the
//! same start, because a later start signs whatever it finds.

use super::record::Lost;
use super::report::Finding;

/// What a record says of lines that are not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// Retention removed the lines up to the one with this hash.
    Removed(String),
    /// A start found these numbers missing.
    Lost(Lost),
    /// The first line is numbered above this one, which the store had.
    NumberedAbove(u64),
    /// The chain that was taken over ends with this hash.
    TakenOver(String),
}

/// What vouches for an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voucher {
    /// Any program that can write the file may have written it.
    Nobody,
    /// A signature of the journal's key covers it.
    Key,
    /// A line that was taken elsewhere follows it.
    Anchor,
}

/// One explanation, and where it stands.
#[derive(Debug)]
pub(super) struct Explanation {
    pub(super) seq: u64,
    pub(super) claim: Claim,
    pub(super) voucher: Voucher,
    pub(super) file: String,
    pub(super) line: u64,
}

/// All explanations of a journal.
#[derive(Debug, Default)]
pub(super) struct Explanations {
    pub(super) all: Vec<Explanation>,
    /// Those before were written by an earlier start, and stay as they are.
    of_this_start: usize,
}

impl Explanation {
    /// Returns what is said of one that nobody vouches for.
    pub(super) fn unsigned(&self, problem: &str) -> Finding {
        Finding {
            file: self.file.clone(),
            line: Some(self.line),
            problem: format!(
                "{problem}, and the record that explains it is not signed: it cannot be told from a forgery"
            ),
        }
    }
}

impl Explanations {
    pub(super) fn add(&mut self, explanation: Explanation) {
        self.all.push(explanation);
    }

    /// A start follows: nothing vouches for what came before any more.
    pub(super) fn start(&mut self) {
        self.of_this_start = self.all.len();
    }

    /// Something vouches for all lines of this start up to a number.
    pub(super) fn vouch(&mut self, to: u64, by: Voucher) {
        let open = self.all.iter_mut().skip(self.of_this_start);
        for explanation in open.filter(|explanation| explanation.seq <= to) {
            if explanation.voucher != Voucher::Anchor {
                explanation.voucher = by;
            }
        }
    }
}
