//! Verifies a directory: every hash, number, signature and summary, streamed. It works on a live journal and on a copy.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read};
use std::path::Path;

use time::OffsetDateTime;

use super::chain::{Front, hash};
use super::keys::Keys;
use super::report::{CLAIMS, Finding, Report, Trust};
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
    let key = std::fs::read_to_string(directory.join("key.pub")).ok();
    let keys = Keys::beside(key.and_then(|pem| key_of_pem(&pem)));
    let mut walk = Walk::new(trust, keys);
    let mut segments = segment::list(directory)?;
    if let Some(since) = trust.since {
        walk.skip(directory, &mut segments, since)?;
    }
    for (at, segment) in segments.iter().enumerate() {
        let is_newest = at + 1 == segments.len();
        walk.segment(directory, segment, is_newest)?;
    }
    walk.conclude(&segments);
    let is_trusted = trust.key.is_some() || !trust.anchors.is_empty();
    let [verified, consistent] = CLAIMS;
    let claim = if is_trusted { verified } else { consistent };
    walk.report.claim = walk.report.finding.is_none().then_some(claim);
    Ok(walk.report)
}

impl Walk<'_> {
    /// Leaves out the segments whose last line is older. What follows names the hash of that line, so it cannot be made up.
    fn skip(
        &mut self,
        directory: &Path,
        segments: &mut Vec<Segment>,
        since: OffsetDateTime,
    ) -> io::Result<()> {
        let since = clock::micros(since.into());
        let complete = segments.len().saturating_sub(1);
        for at in (0..complete).rev() {
            let Some(segment) = segments.get(at).copied() else {
                continue;
            };
            if segment.number == segment::TAKEN_OVER {
                return Ok(());
            }
            let Some(line) = last_line(directory, &segment)? else {
                continue;
            };
            let Some(front) = Front::parse(&line).filter(|front| *front.time < *since) else {
                continue;
            };
            let (seq, hash) = (front.seq, hash(&line));
            self.is_partial = true;
            self.first = seq.saturating_add(1);
            self.report.first_seq = self.first;
            self.vouched_to = seq;
            if let Err(fault) = self.meet(seq, &hash) {
                self.note(Finding {
                    file: segment.name(),
                    line: None,
                    problem: fault.to_string(),
                });
            }
            self.pass(seq, hash);
            segments.drain(..=at);
            return Ok(());
        }
        Ok(())
    }

    fn segment(&mut self, directory: &Path, segment: &Segment, is_newest: bool) -> io::Result<()> {
        self.place = (segment.name(), 0);
        self.joint = segment.number == segment::TAKEN_OVER;
        let Some(opened) = self.open(directory, segment)? else {
            return Ok(());
        };
        let mut lines = BufReader::with_capacity(256 << 10, opened);
        let summary = if is_newest {
            None
        } else {
            read_summary(directory, segment.number)
        };
        let mut maker = Maker::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            match lines.read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => {}
                // A compressed file that was changed.
                Err(error) => {
                    self.bad(None, format!("does not read: {error}"));
                    break;
                }
            }
            self.place.1 += 1;
            let Some(whole) = line.strip_suffix(b"\n") else {
                if is_newest {
                    self.report.unfinished_bytes = line.len() as u64;
                } else {
                    self.bad(Some(self.place.1), "the line is cut off".to_owned());
                }
                break;
            };
            if let Err(fault) = self.line(whole) {
                self.bad(Some(self.place.1), fault.to_string());
            }
            if summary.is_some() {
                maker.add(whole);
            }
        }
        self.report.segments += 1;
        if summary.is_some_and(|summary| summary != maker.finish()) {
            let name = segment::summary_name(segment.number);
            self.bad(
                None,
                format!("its summary `{name}` does not say what it holds"),
            );
        }
        if self.joint {
            let last = self.before.take();
            self.taken_over = last.map(|(hash, seq)| (seq, hex(&hash)));
            self.recent.clear();
        }
        Ok(())
    }

    fn open(
        &mut self,
        directory: &Path,
        segment: &Segment,
    ) -> io::Result<Option<Box<dyn Read + Send>>> {
        match segment.open(directory) {
            // Retention was faster; what it recorded is in what follows.
            Err(error) if error.kind() == ErrorKind::NotFound && self.before.is_none() => Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                self.bad(None, error.to_string());
                Ok(None)
            }
            opened => opened.map(Some),
        }
    }

    fn bad(&mut self, line: Option<u64>, problem: String) {
        let file = self.place.0.clone();
        self.note(Finding {
            file,
            line,
            problem,
        });
    }
}

/// Returns the last line of a segment, without its LF; `None` where it does not end with one or does not read.
fn last_line(directory: &Path, segment: &Segment) -> io::Result<Option<Vec<u8>>> {
    let mut lines = match segment.open(directory) {
        Err(error) if [ErrorKind::NotFound, ErrorKind::InvalidData].contains(&error.kind()) => {
            return Ok(None);
        }
        opened => BufReader::with_capacity(256 << 10, opened?),
    };
    let (mut last, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        match lines.read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => std::mem::swap(&mut last, &mut line),
            Err(_) => return Ok(None),
        }
    }
    Ok(last.pop().filter(|end| *end == b'\n').map(|_| last))
}
