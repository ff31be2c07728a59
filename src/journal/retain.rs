//! Removes whole segments, oldest first. What a removed one ended with is recorded before, so that the rest still verifies.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::time::{Duration, SystemTime};

use serde_json::{Map, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Shared;
use super::chain::link;
use super::error::JournalError;
use super::progress::Progress;
use super::record::Changed;
use super::segment::{self, Segment, SegmentForm};
use super::summary::{SegmentSummary, read_summary, summarize};

/// Written as `what` in front of a removal.
pub(super) const REMOVED: &str = "journal.segment_removed";

/// What is kept at least. A segment goes when its newest record is older, or when all of them take more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Age after which a sealed segment is removed.
    pub age: Duration,
    /// So many bytes, as they lie on the disk.
    pub bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            age: Duration::from_secs(90 * 24 * 3600),
            bytes: 10 << 30,
        }
    }
}

/// Why a segment that is due stays.
#[derive(Debug, thiserror::Error)]
enum Kept {
    #[error("its summary is older than its records")]
    Summary,
    #[error("a sink has not delivered it")]
    Undelivered,
    #[error("the next one does not follow its last line")]
    Chain,
    #[error(transparent)]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Removes what need not be kept. A segment that cannot be removed stays, and is looked at again later.
pub(super) fn enforce(shared: &Shared) {
    let Ok(segments) = segment::list(&shared.directory) else {
        return;
    };
    let size_of = |segment: &Segment| {
        let file = fs::metadata(shared.directory.join(segment.name()));
        file.map_or(0, |file| file.len())
    };
    let mut total: u64 = segments.iter().map(size_of).sum();
    for pair in segments.windows(2) {
        let [segment, next] = pair else { return };
        let directory = &shared.directory;
        let is_due = |summary: &SegmentSummary, total: u64| {
            let age = age(summary, shared.clock.now());
            age > shared.settings.retention.age || total > shared.settings.retention.bytes
        };
        // A cache, which anybody may have written: it saves reading a segment that stays.
        let Some(cached) = read_summary(directory, segment.number) else {
            return;
        };
        if !is_due(&cached, total) {
            return;
        }
        if shared.sinks.iter().any(|sink| sink.keeps(cached.last_seq)) {
            return;
        }
        let size = size_of(segment);
        let removed = own_summary(shared, segment, next).and_then(|summary| {
            if !is_due(&summary, total) {
                return Err(Kept::Summary);
            }
            if shared.sinks.iter().any(|sink| sink.keeps(summary.last_seq)) {
                return Err(Kept::Undelivered);
            }
            remove(shared, segment, &summary)
        });
        if let Err(error) = removed {
            tracing::warn!(%error, segment = segment.number, "a segment of the journal is not removed");
            return;
        }
        total = total.saturating_sub(size);
    }
}

/// Summarises a segment out of its own lines. The next one names the hash of the last, so that a changed segment is not removed.
fn own_summary(shared: &Shared, segment: &Segment, next: &Segment) -> Result<SegmentSummary, Kept> {
    let summary = summarize(&shared.directory, segment)?;
    if segment.number == segment::TAKEN_OVER {
        return Ok(summary);
    }
    let mut line = Vec::new();
    let mut lines = BufReader::new(next.open(&shared.directory)?);
    lines.read_until(b'\n', &mut line)?;
    let is_next = link(&line).is_some_and(|(_, prev)| prev == summary.hash);
    is_next.then_some(summary).ok_or(Kept::Chain)
}

fn remove(shared: &Shared, segment: &Segment, summary: &SegmentSummary) -> Result<(), Kept> {
    let mut detail = Map::new();
    detail.insert("first_seq".into(), json!(summary.first_seq));
    detail.insert("last_seq".into(), json!(summary.last_seq));
    detail.insert("last_hash".into(), json!(summary.hash));
    detail.insert("lines".into(), json!(summary.lines));
    let removed = Changed {
        what: REMOVED.into(),
        subject: segment.name().into(),
        detail,
        ..Changed::default()
    };
    // Signed, and on the disk, before anything goes: a removal that is not cannot be told from a forgery.
    shared.append_signed(&removed)?;
    for sink in shared.sinks.iter() {
        record_missed(shared, sink, summary)?;
    }
    segment::sync_newest(&shared.directory)?;
    for form in [SegmentForm::Plain, SegmentForm::Compressed] {
        let name = Segment { form, ..*segment }.name();
        remove_file(shared, &name)?;
    }
    remove_file(shared, &segment::summary_name(segment.number))?;
    tracing::info!(
        segment = segment.number,
        "a segment of the journal is removed"
    );
    Ok(())
}

/// Records what a sink has not delivered of a segment that goes.
fn record_missed(shared: &Shared, sink: &Progress, summary: &SegmentSummary) -> Result<(), Kept> {
    let Some((from, to)) = sink.note_removed(summary.first_seq, summary.last_seq) else {
        return Ok(());
    };
    tracing::warn!(
        sink = sink.name(),
        from,
        to,
        "records are removed before the sink has delivered them"
    );
    let mut detail = Map::new();
    detail.insert("from".into(), json!(from));
    detail.insert("to".into(), json!(to));
    let missed = Changed {
        what: "sink.missed".into(),
        subject: sink.name().into(),
        detail,
        ..Changed::default()
    };
    Ok(shared.append_blocking(&missed)?)
}

fn remove_file(shared: &Shared, name: &str) -> Result<(), Kept> {
    match fs::remove_file(shared.directory.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn age(summary: &SegmentSummary, now: SystemTime) -> Duration {
    let last = OffsetDateTime::parse(&summary.last_time, &Rfc3339);
    let last = last.map_or(now, SystemTime::from);
    now.duration_since(last).unwrap_or_default()
}
