//! Retention: whole segments go, oldest first. What a removed one ended with is recorded before, so that the rest still verifies.

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::{Map, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Shared;
use super::record::Changed;
use super::segment::{self, Segment, SegmentForm};
use super::summary::{SegmentSummary, read_summary};

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

/// Removes what need not be kept. A segment that cannot be removed stays, and is looked at again later.
pub(super) fn enforce(shared: &Shared) {
    let Ok(segments) = segment::list(&shared.directory) else {
        return;
    };
    let size = |segment: &Segment| {
        let file = fs::metadata(shared.directory.join(segment.name()));
        file.map_or(0, |file| file.len())
    };
    let mut total: u64 = segments.iter().map(size).sum();
    let complete = segments.split_last().map_or(&[][..], |(_, rest)| rest);
    for segment in complete {
        let Some(summary) = read_summary(&shared.directory, segment.number) else {
            return;
        };
        let is_old = age(&summary, shared.clock.now()) > shared.settings.retention.age;
        if !is_old && total <= shared.settings.retention.bytes {
            return;
        }
        total = total.saturating_sub(size(segment));
        if let Err(error) = remove(shared, segment, &summary) {
            tracing::warn!(%error, segment = segment.number, "a segment of the journal is not removed");
            return;
        }
    }
}

fn remove(shared: &Shared, segment: &Segment, summary: &SegmentSummary) -> Result<(), String> {
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
    shared
        .append_blocking(&removed)
        .map_err(|error| error.to_string())?;
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

fn remove_file(shared: &Shared, name: &str) -> Result<(), String> {
    match fs::remove_file(shared.directory.join(name)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn age(summary: &SegmentSummary, now: SystemTime) -> Duration {
    let last = OffsetDateTime::parse(&summary.last_time, &Rfc3339);
    let last = last.map_or(now, SystemTime::from);
    now.duration_since(last).unwrap_or_default()
}
