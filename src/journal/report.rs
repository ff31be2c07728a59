//! Defines what is known of a journal before it is verified, and what verifying finds.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;

use super::record::Lost;

/// What somebody knows of a journal that its gateway cannot change.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Fingerprint of its public key, as `sha256:…`.
    pub key: Option<String>,
    /// Checkpoints that were taken elsewhere.
    pub anchors: Vec<Anchor>,
    /// What the gateway's own store knows: it finds a cut, and proves nothing.
    pub stored: Option<Anchor>,
    /// Segments that end before are not looked at.
    pub since: Option<OffsetDateTime>,
    /// Counts the lines as they are verified, so that callers can follow the progress.
    pub progress: Arc<AtomicU64>,
}

/// A checkpoint that was taken elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The line that it covers.
    pub seq: u64,
    /// Its hash, in hexadecimal.
    pub hash: String,
}

/// Key of the store's free-standing value that names the newest line at the last checkpoint, or at the last stop: `NUMBER HASH`.
pub const STORED_HEAD: &str = "journal.head";

impl Anchor {
    /// Reads what the store keeps under [`STORED_HEAD`].
    #[must_use]
    pub fn of_stored(text: &str) -> Option<Self> {
        let (seq, hash) = text.split_once(' ')?;
        Some(Self {
            seq: seq.parse().ok()?,
            hash: hash.to_owned(),
        })
    }
}

/// Where a journal is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the file.
    pub file: String,
    /// From 1; absent where it is about the whole file.
    pub line: Option<u64>,
    /// What is wrong there, in one sentence.
    pub problem: String,
}

/// Consecutive numbers of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// The first of them.
    pub from: u64,
    /// The last of them.
    pub to: u64,
}

/// What can be claimed of a journal, in words.
pub type Claim = &'static str;

/// What is claimed of a journal that a key or an anchor was given for, and of any other.
pub(super) const CLAIMS: [Claim; 2] = ["verified", "self-consistent only"];

/// Reads a claim; words that are none claim nothing.
fn claim<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Claim>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(CLAIMS
        .into_iter()
        .find(|claim| text.as_deref() == Some(claim)))
}

/// What a verification found, and what it can claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// `verified` where a key or an anchor was given, else `self-consistent only`; nothing where there is a finding.
    #[serde(deserialize_with = "claim")]
    pub claim: Option<Claim>,
    /// The first bad line.
    pub finding: Option<Finding>,
    /// What else is wrong, in the order of the journal; at most 20 findings.
    pub further: Vec<Finding>,
    /// Lines that were read.
    pub lines: u64,
    /// Files that were read.
    pub segments: u64,
    /// Number of signatures that were verified.
    pub signatures: u64,
    /// Anchors that were met.
    pub anchors: u64,
    /// Number of the first line.
    pub first_seq: u64,
    /// Number of the last line.
    pub last_seq: u64,
    /// The newest line that a signature covers; what is behind it can be cut unnoticed without an anchor.
    pub signed_to: u64,
    /// Lines at the end that no signature covers yet.
    pub unsigned: u64,
    /// Lines that a start found without a signature; later signatures say only that it found them so.
    pub found_unsigned: Vec<Numbers>,
    /// Fingerprint of the key that signs.
    pub key: Option<String>,
    /// Records that a start of the gateway found missing.
    pub lost: Vec<Lost>,
    /// Bytes of an unfinished line at the end: being written, or cut off by a power failure.
    pub unfinished_bytes: u64,
}
