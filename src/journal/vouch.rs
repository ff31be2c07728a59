//! Verifies what a line says about others: starts, signatures and explanations, and what anchors and the store know of it.

use serde_json::Value as Json;

use super::explain::{Claim, Explanation, Voucher};
use super::fault::LineFault;
use super::known::FORK;
use super::record::{Changed, Checkpoint, Covers, Identity, Started};
use super::report::{Anchor, Numbers};
use super::retain::REMOVED;
use super::rotate::{ROTATED, Rotation};
use super::take_over::TAKEN_OVER;
use super::text::unhex;
use super::walk::Walk;
use crate::model::hex::hex;

impl Walk<'_> {
    /// A start signs whatever it finds. What was not signed until then can be a forgery for good.
    pub(super) fn start(&mut self, seq: u64, started: &Started<'_>) -> Result<(), LineFault> {
        // Signatures that were met before may be the announced key's.
        let identified = self.identify(seq, started);
        self.note_keys();
        if let Some((_, last)) = self.before
            && self.keys.is_known()
            && self.vouched_to < last
        {
            let from = self.first.max(self.vouched_to.saturating_add(1));
            self.report.found_unsigned.push(Numbers { from, to: last });
            self.vouched_to = last;
        }
        self.explanations.start();
        if let Some(lost) = started.lost {
            self.report.lost.push(lost);
            self.explain(seq, Claim::Lost(lost));
        }
        if let Some(above) = started.numbered_above {
            self.explain(seq, Claim::NumberedAbove(above));
        }
        identified
    }

    fn explain(&mut self, seq: u64, claim: Claim) {
        let (file, line) = self.place.clone();
        // An anchor may be of this very line.
        let is_anchored = self.anchored_to == Some(seq);
        self.explanations.add(Explanation {
            seq,
            claim,
            voucher: if is_anchored {
                Voucher::Anchor
            } else {
                Voucher::Nobody
            },
            file,
            line,
        });
    }

    fn identify(&mut self, seq: u64, started: &Started<'_>) -> Result<(), LineFault> {
        let identity: Identity = serde_json::from_str(started.identity.get())
            .map_err(|error| LineFault::Identity(error.to_string()))?;
        let key = started.key.clone().or(Some(identity.public_key));
        self.key_since.get_or_insert(seq);
        self.keys.announce(key.filter(|key| !key.is_empty()))
    }

    /// Takes over what is known of signatures so far.
    pub(super) fn note_keys(&mut self) {
        self.report.key = self.keys.fingerprint();
        self.report.signatures = self.keys.signatures;
        self.report.signed_to = self.keys.signed_to;
        // The checkpoint itself holds nothing that could be forged.
        let to = match self.checkpoint {
            Some((covered, own)) if covered == self.keys.signed_to => own,
            _ => self.keys.signed_to,
        };
        self.vouched_to = self.vouched_to.max(to);
        self.explanations.vouch(self.keys.signed_to, Voucher::Key);
    }

    fn is_read(&self, covers: &Covers) -> bool {
        let mut recent = self.recent.iter().rev();
        let covered = recent.find(|(seq, _)| *seq == covers.seq);
        covered.is_some_and(|(_, hash)| hex(hash) == covers.hash)
    }

    /// A signature counts if it covers a line that was read: others can be copied from anywhere.
    pub(super) fn checkpoint(&mut self, seq: u64, line: &[u8]) -> Result<(), LineFault> {
        let read = serde_json::from_slice::<Checkpoint<'_>>(line);
        let checkpoint = read.map_err(|error| LineFault::Checkpoint(error.to_string()))?;
        let covers = &checkpoint.covers;
        let is_cut_off = self.is_partial || self.beginning.is_some();
        if !self.is_read(covers) {
            if is_cut_off && covers.seq < self.first {
                return Ok(());
            }
            return Err(LineFault::CoversNothing("checkpoint"));
        }
        self.keys.check(covers, &checkpoint.signature)?;
        if covers.seq.checked_add(1) == Some(seq) {
            self.checkpoint = Some((covers.seq, seq));
        }
        self.note_keys();
        self.first_checkpoint.get_or_insert(seq);
        if self.report.signatures > 0 {
            self.key_since.get_or_insert(seq);
        }
        Ok(())
    }

    /// A removal explains where the journal begins now, a take-over what stands before it.
    pub(super) fn change(&mut self, seq: u64, line: &[u8]) -> Result<(), LineFault> {
        let read = serde_json::from_slice::<Changed<'_>>(line);
        let changed = read.map_err(|error| LineFault::no_record(&error))?;
        let text = |key: &str| {
            let value = changed.detail.get(key).and_then(Json::as_str);
            value.unwrap_or_default().to_owned()
        };
        match &*changed.what {
            ROTATED => {
                let rotation = Rotation::read(&changed).filter(Rotation::is_signed);
                let rotation = rotation.ok_or(LineFault::Rotation)?;
                // It was copied from elsewhere.
                if !self.is_read(&rotation.covers) {
                    return Err(LineFault::CoversNothing("rotation"));
                }
                self.keys.rotate(&rotation)?;
                self.note_keys();
            }
            REMOVED => self.explain(seq, Claim::Removed(text("last_hash"))),
            TAKEN_OVER => {
                let named = text("last_hash");
                let is_other = |(_, hash): &(u64, String)| *hash != named;
                let differs = self.taken_over.as_ref().is_some_and(is_other);
                self.explain(seq, Claim::TakenOver(named));
                if differs {
                    return Err(LineFault::TakenOver);
                }
            }
            FORK => {
                let number = changed.detail.get("seq").and_then(Json::as_u64);
                return Err(LineFault::Fork(number.unwrap_or_default()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Compares a line with what others know of its number.
    pub(super) fn meet(&mut self, seq: u64, hash: &[u8; 32]) -> Result<(), LineFault> {
        let is_other = |anchor: &Anchor| unhex(&anchor.hash).as_deref() != Some(hash.as_slice());
        for anchor in self.anchors.remove(&seq).unwrap_or_default() {
            if is_other(anchor) {
                return Err(LineFault::AnchorFork(seq));
            }
            self.report.anchors += 1;
            self.anchored_to = Some(seq);
            self.vouched_to = self.vouched_to.max(seq);
            self.explanations.vouch(seq, Voucher::Anchor);
        }
        if let Some(stored) = self
            .trust
            .stored
            .as_ref()
            .filter(|stored| stored.seq == seq)
        {
            self.is_stored_met = true;
            if is_other(stored) {
                return Err(LineFault::StoreFork(seq));
            }
        }
        Ok(())
    }
}
