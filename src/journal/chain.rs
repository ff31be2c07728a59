//! Chains lines: each names its number and the SHA-256 of the line before. The bytes that are written are what is hashed.

use std::io::Write as _;
use std::str;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::record::{Covers, Identity, Kind};
use super::text::unhex;
use crate::model::hex::hex;

/// What every line begins with, and nothing else in a line can look like.
const SEQ: &[u8] = b"{\"seq\":";
const PREV: &[u8] = b",\"prev\":\"";

/// Most bytes that the front of a line takes, up to and including the comma behind `prev`.
pub(super) const FRONT: usize = SEQ.len() + 20 + PREV.len() + 64 + 2;

/// The newest line of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 before the first line.
    pub seq: u64,
    /// SHA-256 of it, without its LF; of the identity before the first line.
    pub hash: [u8; 32],
}

/// The fields that every line has.
#[derive(Debug, Clone, Deserialize)]
pub struct Front<'a> {
    /// From 1, without gaps.
    pub seq: u64,
    /// SHA-256 of the line before, in hexadecimal.
    pub prev: &'a str,
    /// RFC 3339 with microseconds, UTC.
    pub time: &'a str,
    /// What the line holds.
    pub kind: Kind,
}

impl Head {
    /// Returns the head of a journal without lines.
    #[must_use]
    pub fn before_the_first(identity: &Identity, numbered_above: u64) -> Self {
        Self {
            seq: numbered_above,
            hash: Sha256::digest(identity.to_text()).into(),
        }
    }

    /// Returns a line that others know by number and hexadecimal hash; `None` where that is not a hash.
    #[must_use]
    pub fn known(seq: u64, hash: &str) -> Option<Self> {
        let hash = unhex(hash)?.try_into().ok()?;
        Some(Self { seq, hash })
    }

    /// Appends `body`, which is the rest of a JSON object, as the next line; returns the new head.
    pub(super) fn write_next(&self, body: &[u8], out: &mut Vec<u8>) -> Self {
        let start = out.len();
        let seq = self.seq.saturating_add(1);
        out.extend_from_slice(SEQ);
        // Writing to a vector does not fail.
        let _ = write!(out, "{seq}");
        out.extend_from_slice(PREV);
        let mut digits = [0_u8; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(&self.hash) {
            if let [high, low] = pair {
                (*high, *low) = (digit_of(byte >> 4), digit_of(byte & 15));
            }
        }
        out.extend_from_slice(&digits);
        out.extend_from_slice(b"\",");
        out.extend_from_slice(body);
        let hash = Sha256::digest(out.get(start..).unwrap_or_default()).into();
        out.push(b'\n');
        Self { seq, hash }
    }

    /// Returns what a checkpoint covers.
    #[must_use]
    pub fn covers(&self) -> Covers {
        Covers {
            seq: self.seq,
            hash: hex(&self.hash),
        }
    }
}

impl Identity {
    /// Returns the text that is hashed, and that stands in `Started`.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Three texts always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl<'a> Front<'a> {
    /// Reads the front of a line; `None` where it is not a line of a journal.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// Returns number and previous hash of a line that begins exactly as lines are written.
pub(super) fn link(line: &[u8]) -> Option<(u64, &str)> {
    let rest = line.strip_prefix(SEQ)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (seq, rest) = rest.split_at_checked(digits)?;
    let (prev, rest) = rest.strip_prefix(PREV)?.split_at_checked(64)?;
    rest.strip_prefix(b"\",")?;
    Some((
        str::from_utf8(seq).ok()?.parse().ok()?,
        str::from_utf8(prev).ok()?,
    ))
}

/// Returns the hash of a line without its LF.
pub(super) fn hash(line: &[u8]) -> [u8; 32] {
    Sha256::digest(line).into()
}

fn digit_of(nibble: u8) -> u8 {
    if nibble < 10 {
        b'0' + nibble
    } else {
        b'a' + (nibble - 10)
    }
}
