//! Verifying: every hash, number, signature and summary of a directory, streamed. It works on a live journal and on a copy.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use super::report::{Finding, Report, Trust};
use super::segment::{self, Segment};
use super::sign::key_of_pem;
use super::summary::{Maker, read_summary};
use super::walk::Walk;
use crate::model::clock;
use crate::model::hex::hex;

/// Verifies a directory. What is wrong with the journal is in the report.
///
/// # Errors
/// When a file cannot be read at all.
pub fn verify(directory: &Path, trust: &Trust) -> io::Result<Report> {
    let mut walk = Walk {
        trust,
        report: Report::default(),
        before: None,
        beginning: None,
        explained: false,
        key: std::fs::read_to_string(directory.join("key.pub"))
            .ok()
            .and_then(|pem| key_of_pem(&pem)),
        recent: VecDeque::new(),
        taken_over: None,
        joint: false,
    };
    let mut segments = segment::list(directory)?;
    if let Some(since) = trust.since {
        let since = clock::micros(since.into());
        let ends_before = |segment: &Segment| {
            read_summary(directory, segment.number)
                .is_some_and(|summary| !summary.last_time.is_empty() && summary.last_time < since)
        };
        segments.retain(|segment| !ends_before(segment));
        walk.explained = true;
    }
    for (at, segment) in segments.iter().enumerate() {
        let is_newest = at + 1 == segments.len();
        if let Err(finding) = walk.segment(directory, segment, is_newest)? {
            walk.report.finding = Some(finding);
            return Ok(walk.report);
        }
    }
    if let Err(finding) = walk.conclude(&segments) {
        walk.report.finding = Some(finding);
        return Ok(walk.report);
    }
    let is_trusted = trust.key.is_some() || !trust.anchors.is_empty();
    walk.report.claim = Some(if is_trusted {
        "verified"
    } else {
        "self-consistent only"
    });
    Ok(walk.report)
}

impl Walk<'_> {
    fn segment(
        &mut self,
        directory: &Path,
        segment: &Segment,
        is_newest: bool,
    ) -> io::Result<Result<(), Finding>> {
        let file = segment.name();
        let mut lines = BufReader::with_capacity(256 << 10, segment.open(directory)?);
        let summary = (!is_newest).then(|| read_summary(directory, segment.number));
        let mut maker = Maker::default();
        let mut line = Vec::new();
        let mut number = 0;
        self.joint = segment.number == segment::TAKEN_OVER;
        let bad = |number, problem: String| Finding {
            file: file.clone(),
            line: number,
            problem,
        };
        loop {
            line.clear();
            let read = match lines.read_until(b'\n', &mut line) {
                Ok(read) => read,
                // A compressed file that was changed.
                Err(error) => return Ok(Err(bad(None, format!("does not read: {error}")))),
            };
            if read == 0 {
                break;
            }
            number += 1;
            let Some(whole) = line.strip_suffix(b"\n") else {
                if is_newest {
                    self.report.unfinished_bytes = line.len() as u64;
                    break;
                }
                return Ok(Err(bad(Some(number), "the line is cut off".to_owned())));
            };
            if let Err(problem) = self.line(whole) {
                return Ok(Err(bad(Some(number), problem)));
            }
            if matches!(summary, Some(Some(_))) {
                maker.add(whole);
            }
        }
        self.report.segments += 1;
        if let Some(Some(summary)) = summary
            && summary != maker.finish()
        {
            let problem = format!(
                "its summary `{}` does not say what it holds",
                segment::summary_name(segment.number)
            );
            return Ok(Err(bad(None, problem)));
        }
        if segment.number == segment::TAKEN_OVER {
            let last = self.before.take();
            self.taken_over = last.map(|(hash, seq)| (seq, hex(&hash)));
            self.beginning = None;
        }
        Ok(Ok(()))
    }

    /// What only the whole journal can tell.
    fn conclude(&self, segments: &[Segment]) -> Result<(), Finding> {
        let bad = |segment: Option<&Segment>, line, problem| Finding {
            file: segment.map(Segment::name).unwrap_or_default(),
            line,
            problem,
        };
        if self.beginning.is_some() && !self.explained {
            let problem = format!(
                "the journal begins with number {}: no record says that what was before was removed",
                self.report.first_seq
            );
            let live = segments
                .iter()
                .find(|segment| segment.number != segment::TAKEN_OVER);
            return Err(bad(live, Some(1), problem));
        }
        let cut = self.cut().map_or(Ok(()), Err);
        cut.map_err(|problem| bad(segments.last(), None, problem))
    }

    /// What is missing at the end, or nowhere in it.
    fn cut(&self) -> Option<String> {
        if self.taken_over.is_some() && self.report.segments > 1 {
            return Some("no record names what was taken over".to_owned());
        }
        let last = self.report.last_seq;
        let anchored = self.trust.anchors.iter().map(|anchor| anchor.seq).max();
        if let Some(seq) = anchored.filter(|seq| *seq > last) {
            return Some(format!("it ends with {last}, and an anchor has {seq}"));
        }
        let stored = self.trust.stored.as_ref().map(|stored| stored.seq);
        if let Some(seq) = stored.filter(|seq| *seq > last) {
            return Some(format!("it ends with {last}, and the store knows {seq}"));
        }
        let trusted = self.trust.key.as_ref();
        trusted
            .filter(|trusted| self.report.key.as_ref() != Some(trusted))
            .map(|_| "nothing in it is signed by the key that is trusted".to_owned())
    }
}
