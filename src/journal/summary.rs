//! Keeps what a sealed segment holds in a file beside it, so that readers can skip it. It is a cache: a missing one is made
//! again.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::chain::{Front, hash};
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

/// What a line adds to the summary.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    agent: String,
    connector: String,
    decision: String,
    code: String,
    action: String,
    actions: Vec<Named>,
    candidates: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Named {
    name: String,
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
            return Ok(maker.0);
        }
        maker.add(line.strip_suffix(b"\n").unwrap_or(&line));
    }
}

/// A summary under way. Its sets are there from the first line on.
pub(super) struct Maker(SegmentSummary);

impl Default for Maker {
    fn default() -> Self {
        let empty = || Some(BTreeSet::new());
        Self(SegmentSummary {
            agents: empty(),
            connectors: empty(),
            actions: empty(),
            decisions: empty(),
            codes: empty(),
            ..SegmentSummary::default()
        })
    }
}

impl Maker {
    pub(super) fn add(&mut self, line: &[u8]) {
        let made = &mut self.0;
        made.lines += 1;
        made.hash = hex(&hash(line));
        let Some(front) = Front::parse(line) else {
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
            made.first_seq = front.seq;
            front.prev.clone_into(&mut made.before);
            front.time.clone_into(&mut made.first_time);
        }
        made.last_seq = front.seq;
        if front.time < made.first_time.as_str() {
            front.time.clone_into(&mut made.first_time);
        }
        if front.time > made.last_time.as_str() {
            front.time.clone_into(&mut made.last_time);
        }
        let said: Said = serde_json::from_slice(line).unwrap_or_default();
        insert(&mut made.agents, said.agent);
        insert(&mut made.connectors, said.connector);
        insert(&mut made.decisions, said.decision);
        insert(&mut made.codes, said.code);
        insert(&mut made.actions, said.action);
        for name in said
            .actions
            .into_iter()
            .map(|action| action.name)
            .chain(said.candidates)
        {
            insert(&mut made.actions, name);
        }
    }

    pub(super) fn finish(self) -> SegmentSummary {
        self.0
    }
}

fn insert(set: &mut Option<BTreeSet<String>>, member: String) {
    let Some(members) = set else { return };
    if member.is_empty() {
        return;
    }
    members.insert(member);
    if members.len() > MAX_MEMBERS {
        *set = None;
    }
}
