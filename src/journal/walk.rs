//! Verifies line by line: what the next line must be. A line that is not is named, and the walk goes on behind it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;

use sha2::{Digest as _, Sha256};

use super::chain::{Front, hash, link};
use super::explain::Explanations;
use super::fault::LineFault;
use super::keys::Keys;
use super::record::{Kind, Started};
use super::report::{Anchor, Finding, Report, Trust};
use crate::model::hex::hex;

/// Lines behind the one that a checkpoint covers may be written before it; so many at most.
const RECENT: usize = 65_536;

/// Further findings that are kept.
const MAX_FURTHER: usize = 19;

/// What is expected of the next line.
pub(super) struct Walk<'t> {
    pub(super) trust: &'t Trust,
    pub(super) report: Report,
    /// File and line that are being read.
    pub(super) place: (String, u64),
    /// Hash and number of the line before.
    pub(super) before: Option<([u8; 32], u64)>,
    /// Number of the first line of the live chain.
    pub(super) first: u64,
    /// What is before the first line is not looked at.
    pub(super) is_partial: bool,
    /// Hash that the first line names, where it is not the journal's beginning.
    pub(super) beginning: Option<String>,
    pub(super) keys: Keys,
    /// The first line that shows whose key that is, beside `key.pub`.
    pub(super) key_since: Option<u64>,
    /// The first checkpoint; where its key is told only at the end, it is signed since then.
    pub(super) first_checkpoint: Option<u64>,
    /// The newest checkpoint that follows the line that it covers: that line, and its own.
    pub(super) checkpoint: Option<(u64, u64)>,
    /// The last line that can be told from a forgery.
    pub(super) vouched_to: u64,
    /// Numbers and hashes of the lines that a checkpoint may cover.
    pub(super) recent: VecDeque<(u64, [u8; 32])>,
    /// What was taken over: last number and hash.
    pub(super) taken_over: Option<(u64, String)>,
    pub(super) explanations: Explanations,
    /// The lines are those of a chain of its own.
    pub(super) joint: bool,
    /// Anchors that were not met yet, by number.
    pub(super) anchors: BTreeMap<u64, Vec<&'t Anchor>>,
    /// The newest line that an anchor has.
    pub(super) anchored_to: Option<u64>,
    pub(super) is_stored_met: bool,
}

impl<'t> Walk<'t> {
    pub(super) fn new(trust: &'t Trust, keys: Keys) -> Self {
        let mut anchors: BTreeMap<u64, Vec<&Anchor>> = BTreeMap::new();
        for anchor in &trust.anchors {
            anchors.entry(anchor.seq).or_default().push(anchor);
        }
        Self {
            trust,
            report: Report::default(),
            place: (String::new(), 0),
            before: None,
            first: 0,
            is_partial: false,
            beginning: None,
            keys,
            key_since: None,
            first_checkpoint: None,
            checkpoint: None,
            vouched_to: 0,
            recent: VecDeque::new(),
            taken_over: None,
            explanations: Explanations::default(),
            joint: false,
            anchors,
            anchored_to: None,
            is_stored_met: false,
        }
    }

    /// Keeps a finding; the walk goes on, because what is found once must not hide what is changed later.
    pub(super) fn note(&mut self, finding: Finding) {
        if self.report.finding.is_none() {
            self.report.finding = Some(finding);
        } else if self.report.further.len() < MAX_FURTHER {
            self.report.further.push(finding);
        }
    }

    /// Checks the next line, without its LF, and goes on behind it.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), LineFault> {
        let hash = hash(line);
        let checked = self.check(line, &hash);
        let last = self.before.map_or(0, |(_, last)| last);
        let seq = link(line).map_or(last.saturating_add(1), |(seq, _)| seq);
        self.pass(seq, hash);
        self.report.lines += 1;
        self.trust
            .progress
            .store(self.report.lines, Ordering::Relaxed);
        self.report.last_seq = seq;
        checked
    }

    /// The next line follows this one.
    pub(super) fn pass(&mut self, seq: u64, hash: [u8; 32]) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((seq, hash));
        self.before = Some((hash, seq));
    }

    fn check(&mut self, line: &[u8], hash: &[u8; 32]) -> Result<(), LineFault> {
        let (seq, prev) = link(line).ok_or(LineFault::NoLine)?;
        let front = Front::parse(line).ok_or(LineFault::NoRecord("".into()))?;
        let started = (front.kind == Kind::Started)
            .then(|| serde_json::from_slice::<Started<'_>>(line))
            .transpose()
            .map_err(|error| LineFault::no_record(&error))?;
        let identified = match started.as_ref().filter(|_| !self.joint) {
            Some(started) => self.start(seq, started),
            None => Ok(()),
        };
        match self.before {
            None => self.begin(seq, prev, started.as_ref())?,
            Some((before, last)) => {
                if prev != hex(&before) {
                    return Err(LineFault::Chain);
                }
                number(seq, last, started.as_ref())?;
            }
        }
        // What was taken over is a chain of its own, which one record of the live chain vouches for.
        if self.joint {
            return Ok(());
        }
        self.meet(seq, hash)?;
        match front.kind {
            Kind::Started => identified,
            Kind::Checkpoint => self.checkpoint(seq, line),
            Kind::Changed => self.change(seq, line),
            Kind::Decided | Kind::Finished | Kind::Summary => Ok(()),
        }
    }

    /// The first line names the identity, or a line that was removed before.
    fn begin(
        &mut self,
        seq: u64,
        prev: &str,
        started: Option<&Started<'_>>,
    ) -> Result<(), LineFault> {
        if self.joint {
            self.report.first_seq = seq;
            return Ok(());
        }
        self.first = seq;
        let identity = started.map(|started| hex(&Sha256::digest(started.identity.get())));
        if identity.as_deref() != Some(prev) {
            self.beginning = Some(prev.to_owned());
        }
        match &self.taken_over {
            // Numbers of the store had gaps.
            Some((last, _)) if seq <= *last => {
                return Err(LineFault::Number { seq, last: *last });
            }
            Some(_) => {}
            None => self.report.first_seq = seq,
        }
        Ok(())
    }
}

fn number(seq: u64, last: u64, started: Option<&Started<'_>>) -> Result<(), LineFault> {
    if last.checked_add(1) == Some(seq) {
        return Ok(());
    }
    let lost = started.and_then(|started| started.lost);
    let bridges = lost.is_some_and(|lost| {
        last.checked_add(1) == Some(lost.from) && lost.to.checked_add(1) == Some(seq)
    });
    if bridges {
        return Ok(());
    }
    Err(LineFault::Number { seq, last })
}
