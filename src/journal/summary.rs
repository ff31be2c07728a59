//! Keeps what a sealed segment holds in a file beside it, so that readers can skip it. It is a cache: a missing one is made
//! again.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::chain::{Front, hash};
use super::record::Kind;
use super::segment::{self, Segment};
use crate::model::hex::hex;

/// A set with more members is unknown.
const MAX_MEMBERS: usize = 1_000;

/// What a sealed segment holds, so that readers can skip it. It can be deleted: it is made again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentSummary {
    /// Number of its first line.
    pub(super) first_seq: u64,
    /// Number of its last line.
    pub(super) last_seq: u64,
    /// RFC 3339 of its earliest record.
    pub(super) first_time: String,
    /// RFC 3339 of its latest record.
    pub(super) last_time: String,
    /// Hash that its first line names.
    pub(super) before: String,
    /// Hash of its last line.
    pub(super) hash: String,
    /// Number of lines in the segment.
    pub(super) lines: u64,
    /// Their agents; `null` for unknown, here and below.
    pub(super) agents: Option<BTreeSet<String>>,
    /// Connectors of the segment's records.
    pub(super) connectors: Option<BTreeSet<String>>,
    /// Names of their actions, and of what refused requests may have been.
    pub(super) actions: Option<BTreeSet<String>>,
    /// Decisions in the segment's records.
    pub(super) decisions: Option<BTreeSet<String>>,
    /// Codes of their refusals.
    pub(super) codes: Option<BTreeSet<String>>,
}

/// The front of a line, and what else it adds to the summary.
#[derive(Debug, Deserialize)]
struct Said<'a> {
    seq: u64,
    prev: &'a str,
    time: &'a str,
    #[serde(rename = "kind")]
    _kind: Kind,
    #[serde(borrow, default)]
    agent: Cow<'a, str>,
    #[serde(borrow, default)]
    connector: Cow<'a, str>,
    #[serde(borrow, default)]
    decision: Cow<'a, str>,
    #[serde(borrow, default)]
    code: Cow<'a, str>,
    #[serde(borrow, default)]
    action: Cow<'a, str>,
    #[serde(borrow, default)]
    actions: Vec<Named<'a>>,
    #[serde(borrow, default)]
    candidates: Vec<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

impl<'a> Said<'a> {
    /// Reads a line; of one that is no record of ours, its front.
    fn parse(line: &'a [u8]) -> Option<Self> {
        if let Ok(said) = serde_json::from_slice(line) {
            return Some(said);
        }
        let front = Front::parse(line)?;
        Some(Self {
            seq: front.seq,
            prev: front.prev,
            time: front.time,
            _kind: front.kind,
            agent: Cow::default(),
            connector: Cow::default(),
            decision: Cow::default(),
            code: Cow::default(),
            action: Cow::default(),
            actions: Vec::new(),
            candidates: Vec::new(),
        })
    }
}

/// Reads the summary of a segment; `None` where it is not there or does not read.
pub(super) fn read_summary(directory: &Path, number: u64) -> Option<SegmentSummary> {
    let text = fs::read(directory.join(segment::summary_name(number))).ok()?;
    serde_json::from_slice(&text).ok()
}

pub(super) fn write_summary(
    directory: &Path,
    number: u64,
    summary: &SegmentSummary,
) -> io::Result<()> {
    let text = serde_json::to_vec(summary)?;
    segment::write_whole(directory, &segment::summary_name(number), &text)
}

/// Makes the summary of a segment.
///
/// # Errors
/// When it cannot be read.
pub(super) fn summarize(directory: &Path, segment: &Segment) -> io::Result<SegmentSummary> {
    let mut lines = BufReader::new(segment.open(directory)?);
    let mut maker = Maker::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(maker.finish());
        }
        maker.add(line.strip_suffix(b"\n").unwrap_or(&line));
    }
}

/// A summary under way. Its sets are there from the first line on.
pub(super) struct Maker {
    made: SegmentSummary,
    /// Whose hash the summary holds.
    last: Vec<u8>,
}

impl Default for Maker {
    fn default() -> Self {
        let empty = || Some(BTreeSet::new());
        let made = SegmentSummary {
            agents: empty(),
            connectors: empty(),
            actions: empty(),
            decisions: empty(),
            codes: empty(),
            ..SegmentSummary::default()
        };
        Self {
            made,
            last: Vec::new(),
        }
    }
}

impl Maker {
    pub(super) fn add(&mut self, line: &[u8]) {
        let made = &mut self.made;
        made.lines += 1;
        self.last.clear();
        self.last.extend_from_slice(line);
        let Some(said) = Said::parse(line) else {
            // What it holds is unknown, so nothing may skip it.
            made.agents = None;
            made.connectors = None;
            made.actions = None;
            made.decisions = None;
            made.codes = None;
            made.first_time.clear();
            return;
        };
        if made.lines == 1 {
            made.first_seq = said.seq;
            said.prev.clone_into(&mut made.before);
            said.time.clone_into(&mut made.first_time);
        }
        made.last_seq = said.seq;
        if said.time < made.first_time.as_str() {
            said.time.clone_into(&mut made.first_time);
        }
        if said.time > made.last_time.as_str() {
            said.time.clone_into(&mut made.last_time);
        }
        insert(&mut made.agents, &said.agent);
        insert(&mut made.connectors, &said.connector);
        insert(&mut made.decisions, &said.decision);
        insert(&mut made.codes, &said.code);
        insert(&mut made.actions, &said.action);
        let names = said.actions.iter().map(|action| &action.name);
        for name in names.chain(&said.candidates) {
            insert(&mut made.actions, name);
        }
    }

    pub(super) fn finish(self) -> SegmentSummary {
        let mut made = self.made;
        if made.lines > 0 {
            made.hash = hex(&hash(&self.last));
        }
        made
    }
}

fn insert(set: &mut Option<BTreeSet<String>>, member: &str) {
    let Some(members) = set else { return };
    // Nearly every line says what another one has said.
    if member.is_empty() || members.contains(member) {
        return;
    }
    members.insert(member.to_owned());
    if members.len() > MAX_MEMBERS {
        *set = None;
    }
}
