//! What somebody knows of a journal that is verified, and what is found.

use serde::Serialize;
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
}

/// A checkpoint that was taken elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The line that it covers.
    pub seq: u64,
    /// Its hash, in hexadecimal.
    pub hash: String,
}

/// Where a journal is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of the file.
    pub file: String,
    /// From 1; absent where it is about the whole file.
    pub line: Option<u64>,
    /// What is wrong there, in one sentence.
    pub problem: String,
}

/// What a verification found, and what it can claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `verified` where a key or an anchor was given, else `self-consistent only`; nothing where there is a finding.
    pub claim: Option<&'static str>,
    /// The first bad line.
    pub finding: Option<Finding>,
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
    /// Fingerprint of the key that signs.
    pub key: Option<String>,
    /// Records that a start of the gateway found missing.
    pub lost: Vec<Lost>,
    /// Bytes of an unfinished line at the end: being written, or cut off by a power failure.
    pub unfinished_bytes: u64,
}
