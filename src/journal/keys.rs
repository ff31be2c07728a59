//! Follows the keys that sign a journal that is verified: the one in effect at each line, from rotation to rotation.

use std::collections::BTreeSet;

use super::fault::LineFault;
use super::record::Covers;
use super::rotate::Rotation;
use super::sign::{fingerprint, is_signed};

/// Checkpoints whose key is not known yet, at most: a journal that begins behind a removed segment tells it with its next start.
const MAX_UNKNOWN: usize = 1 << 20;

/// The keys of a journal, in hexadecimal.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// What lies beside the journal.
    published: Option<String>,
    /// The key in effect; `None` until it is known.
    current: Option<String>,
    /// What a start names as its key, until a rotation explains it.
    announced: Option<String>,
    /// Checkpoints that were met before the key was known.
    unknown: Vec<(Covers, String)>,
    /// Keys that have signed, or vouch for one that has by a rotation.
    signed: BTreeSet<String>,
    /// Number of signatures that were verified.
    pub(super) signatures: u64,
    /// The newest line that one of them covers.
    pub(super) signed_to: u64,
}

impl Keys {
    /// Begins with the key that lies beside a journal.
    pub(super) fn beside(published: Option<String>) -> Self {
        Self {
            published,
            ..Self::default()
        }
    }

    /// Takes the key that a start names.
    pub(super) fn announce(&mut self, key: Option<String>) -> Result<(), LineFault> {
        let Some(key) = key else { return Ok(()) };
        match &self.current {
            Some(current) if *current != key => self.announced = Some(key),
            Some(_) => {}
            None => self.begin(key)?,
        }
        Ok(())
    }

    /// Goes over to the next key.
    pub(super) fn rotate(&mut self, rotation: &Rotation) -> Result<(), LineFault> {
        let Rotation { old, new, .. } = rotation;
        if self.current.is_none() {
            self.begin(old.clone())?;
        }
        // A start that broke off may have recorded it already.
        let fits = self
            .current
            .as_ref()
            .is_some_and(|key| key == old || key == new);
        if !fits || self.announced.as_ref().is_some_and(|key| key != new) {
            return Err(LineFault::OtherKeyRotated);
        }
        self.announced = None;
        self.current = Some(new.clone());
        for key in [old, new] {
            self.signed.insert(fingerprint(key));
        }
        Ok(())
    }

    /// Checks a checkpoint, now or once its key is known.
    pub(super) fn check(&mut self, covers: &Covers, signature: &str) -> Result<(), LineFault> {
        if self.announced.is_some() {
            return Err(LineFault::BehindOtherKey);
        }
        let Some(key) = &self.current else {
            if signature.is_empty() {
                return Ok(());
            }
            if self.unknown.len() >= MAX_UNKNOWN {
                return Err(LineFault::ManyCheckpoints);
            }
            self.unknown.push((covers.clone(), signature.to_owned()));
            return Ok(());
        };
        if !is_signed(key, covers, signature) {
            return Err(LineFault::Signature);
        }
        let key = fingerprint(key);
        self.count(key, covers);
        Ok(())
    }

    fn count(&mut self, key: String, covers: &Covers) {
        self.signatures += 1;
        self.signed_to = self.signed_to.max(covers.seq);
        self.signed.insert(key);
    }

    /// Returns the fingerprint of the key in effect, where it has signed anything.
    pub(super) fn fingerprint(&self) -> Option<String> {
        let current = self.current.as_deref().map(fingerprint);
        current.filter(|key| self.signed.contains(key))
    }

    /// Returns whether any key is known, or must be.
    pub(super) fn is_known(&self) -> bool {
        self.current.is_some() || !self.unknown.is_empty()
    }

    /// Returns whether a key has signed, or is vouched for by one that has.
    pub(super) fn has_signed(&self, fingerprint: &str) -> bool {
        self.signed.contains(fingerprint)
    }

    /// Returns what is wrong with the keys of the whole journal.
    pub(super) fn conclude(&mut self) -> Result<(), LineFault> {
        if self.current.is_none()
            && !self.unknown.is_empty()
            && let Some(published) = self.published.clone()
        {
            self.begin(published)?;
        }
        if self.announced.is_some() {
            return Err(LineFault::OtherKey);
        }
        match (&self.published, &self.current) {
            (Some(published), Some(current)) if published != current => {
                Err(LineFault::PublishedKey)
            }
            _ => Ok(()),
        }
    }

    /// The key is known now: it must have signed all that was met before.
    fn begin(&mut self, key: String) -> Result<(), LineFault> {
        for (covers, signature) in std::mem::take(&mut self.unknown) {
            if !is_signed(&key, &covers, &signature) {
                return Err(LineFault::EarlierSignature(covers.seq));
            }
            self.count(fingerprint(&key), &covers);
        }
        self.current = Some(key);
        Ok(())
    }
}
