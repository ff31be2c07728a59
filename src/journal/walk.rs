//! Verifying line by line: what the next line must be, and what a line says about the others.

use std::collections::VecDeque;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::chain::{Front, hash, link};
use super::record::{Changed, Checkpoint, Identity, Kind, Started};
use super::report::{Anchor, Report, Trust};
use super::retain::REMOVED;
use super::sign::{fingerprint, is_signed};
use super::take_over::TAKEN_OVER;
use super::text::unhex;
use crate::model::hex::hex;

/// Lines behind the one that a checkpoint covers may be written before it; so many at most.
const RECENT: usize = 65_536;

/// What is expected of the next line.
pub(super) struct Walk<'t> {
    pub(super) trust: &'t Trust,
    pub(super) report: Report,
    /// Hash and number of the line before.
    pub(super) before: Option<([u8; 32], u64)>,
    /// Hash that the first line names, where it is not the journal's beginning.
    pub(super) beginning: Option<String>,
    /// Whether a removal explains that beginning.
    pub(super) explained: bool,
    /// The public key that signs, in hexadecimal.
    pub(super) key: Option<String>,
    /// Numbers and hashes of the lines that a checkpoint may cover.
    pub(super) recent: VecDeque<(u64, [u8; 32])>,
    /// What was taken over: last number and hash, until a record names it.
    pub(super) taken_over: Option<(u64, String)>,
    /// The last line of a chain of its own was the one before.
    pub(super) joint: bool,
}

impl Walk<'_> {
    /// Checks the next line, without its LF.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), String> {
        let (seq, prev) = link(line).ok_or("it is not a line of a journal")?;
        let front = Front::parse(line).ok_or("it is not a record")?;
        let started = (front.kind == Kind::Started)
            .then(|| serde_json::from_slice::<Started<'_>>(line))
            .transpose()
            .map_err(|error| format!("it is not a record: {error}"))?;
        match self.before {
            None => self.begin(seq, prev, started.as_ref())?,
            Some((before, last)) => {
                if prev != hex(&before) {
                    return Err(
                        "it does not name the hash of the line before: one of the two was changed, or a line between them removed"
                            .to_owned(),
                    );
                }
                self.number(seq, last, started.as_ref())?;
            }
        }
        if let Some(started) = &started {
            self.identify(started)?;
        }
        if front.kind == Kind::Checkpoint {
            self.checkpoint(line)?;
        }
        if front.kind == Kind::Changed {
            self.change(line)?;
        }
        let hash = hash(line);
        self.anchors(seq, &hash)?;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((seq, hash));
        self.before = Some((hash, seq));
        self.report.lines += 1;
        self.report.last_seq = seq;
        Ok(())
    }

    /// The first line names the identity, or a line that was removed before.
    fn begin(&mut self, seq: u64, prev: &str, started: Option<&Started<'_>>) -> Result<(), String> {
        let identity = started.map(|started| hex(&Sha256::digest(started.identity.get())));
        self.report
            .lost
            .extend(started.and_then(|started| started.lost));
        if identity.as_deref() != Some(prev) {
            self.beginning = Some(prev.to_owned());
        }
        match &self.taken_over {
            // Numbers of the store had gaps.
            Some((last, _)) if seq <= *last => {
                return Err(format!("its number is {seq} and follows {last}"));
            }
            Some(_) => {}
            None => self.report.first_seq = seq,
        }
        if self.joint {
            // What was taken over follows nothing.
            self.beginning = None;
        }
        Ok(())
    }

    fn number(&mut self, seq: u64, last: u64, started: Option<&Started<'_>>) -> Result<(), String> {
        if last.checked_add(1) == Some(seq) {
            return Ok(());
        }
        let lost = started.and_then(|started| started.lost);
        match lost {
            Some(lost) if lost.from == last + 1 && lost.to.checked_add(1) == Some(seq) => {
                self.report.lost.push(lost);
                Ok(())
            }
            _ => Err(format!("its number is {seq} and follows {last}")),
        }
    }

    fn identify(&mut self, started: &Started<'_>) -> Result<(), String> {
        let identity: Identity = serde_json::from_str(started.identity.get())
            .map_err(|error| format!("its identity does not read: {error}"))?;
        let key = Some(identity.public_key).filter(|key| !key.is_empty());
        if self.key.is_some() && key != self.key {
            return Err("it names another key than the one that signs".to_owned());
        }
        if let (Some(found), Some(trusted)) = (key.as_deref().map(fingerprint), &self.trust.key)
            && *trusted != found
        {
            return Err(format!(
                "the key that signs is `{found}`, not the one that is trusted"
            ));
        }
        self.key = key;
        Ok(())
    }

    fn checkpoint(&mut self, line: &[u8]) -> Result<(), String> {
        let read = serde_json::from_slice::<Checkpoint<'_>>(line);
        let checkpoint = read.map_err(|error| format!("its checkpoint does not read: {error}"))?;
        let covers = &checkpoint.covers;
        let covered = self.recent.iter().rev().find(|(seq, _)| *seq == covers.seq);
        match covered {
            Some((_, hash)) if hex(hash) == covers.hash => {}
            None if covers.seq < self.report.first_seq => {}
            Some(_) | None => return Err("its checkpoint covers no line before it".to_owned()),
        }
        let Some(key) = &self.key else { return Ok(()) };
        if !is_signed(key, covers, &checkpoint.signature) {
            return Err("its signature is not the journal's key's".to_owned());
        }
        self.report.key = Some(fingerprint(key));
        self.report.signatures += 1;
        self.report.signed_to = self.report.signed_to.max(covers.seq);
        Ok(())
    }

    /// A removal explains where the journal begins now, a take-over what stands before it.
    fn change(&mut self, line: &[u8]) -> Result<(), String> {
        let read = serde_json::from_slice::<Changed<'_>>(line);
        let changed = read.map_err(|error| format!("it is not a record: {error}"))?;
        let text = |key: &str| changed.detail.get(key).and_then(Json::as_str);
        if changed.what == REMOVED && self.beginning.is_some() {
            self.explained |= text("last_hash") == self.beginning.as_deref();
        }
        if changed.what == TAKEN_OVER
            && let Some((_, hash)) = &self.taken_over
        {
            if text("last_hash") != Some(hash) {
                return Err("what was taken over is not what it names".to_owned());
            }
            self.taken_over = None;
        }
        Ok(())
    }

    fn anchors(&mut self, seq: u64, hash: &[u8; 32]) -> Result<(), String> {
        let is_other = |anchor: &Anchor| unhex(&anchor.hash).as_deref() != Some(hash.as_slice());
        for anchor in self.trust.anchors.iter().filter(|anchor| anchor.seq == seq) {
            if is_other(anchor) {
                return Err(format!("the anchor of {seq} has another hash"));
            }
            self.report.anchors += 1;
        }
        let stored = self.trust.stored.as_ref();
        if stored.is_some_and(|stored| stored.seq == seq && is_other(stored)) {
            return Err(format!("the store knows another hash of {seq}"));
        }
        Ok(())
    }
}
