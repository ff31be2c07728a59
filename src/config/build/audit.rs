//! Checks `audit` as written, and completes it with its defaults.

use super::context::Context;
use super::limits::{period, positive, size};
use super::sink;
use crate::config::manifest::{AuditSection, RefusalsSection};
use crate::config::yaml::At;
use crate::config::{Audit, Refusals};

/// A day, in seconds.
const DAY: u64 = 24 * 3600;

/// Smallest segment, in bytes: a few hundred records.
const MIN_SEGMENT: usize = 256 << 10;

pub(super) fn audit(context: &mut Context<'_>, written: &AuditSection) -> Audit {
    let defaults = Audit::default();
    let mut bytes = |written, default: u64| {
        let default = usize::try_from(default).unwrap_or(usize::MAX);
        u64::try_from(size(context, written, default)).unwrap_or(u64::MAX)
    };
    let segment_bytes = bytes(written.segment.bytes.as_ref(), defaults.segment_bytes);
    let retain_bytes = bytes(written.retain.bytes.as_ref(), defaults.retain_bytes);
    let min_free = bytes(written.min_free.as_ref(), defaults.min_free);
    if let Some(at) = written
        .segment
        .bytes
        .as_ref()
        .filter(|at| at.value.0 < MIN_SEGMENT)
    {
        context.error("invalid-value", "a segment has at least 256KiB", at);
    }
    let mut count = |written: Option<&At<usize>>, default: u64| {
        let default = usize::try_from(default).unwrap_or(usize::MAX);
        u64::try_from(positive(context, written, default)).unwrap_or(u64::MAX)
    };
    let checkpoint_records = count(
        written.checkpoint.records.as_ref(),
        defaults.checkpoint_records,
    );
    let days = count(
        written.retain.days.as_ref(),
        defaults.retain_age.as_secs() / DAY,
    );
    let every = written.checkpoint.every.as_ref();
    Audit {
        durability: written.durability,
        refusals: refusals(&written.refusals),
        segment_bytes,
        segment_age: period(context, written.segment.age.as_ref(), defaults.segment_age),
        checkpoint_records,
        checkpoint_every: period(context, every, defaults.checkpoint_every),
        retain_age: std::time::Duration::from_secs(days.saturating_mul(DAY)),
        retain_bytes,
        min_free,
        anchor_file: written.anchor.file.as_ref().map(|at| context.path(at)),
        anchor_webhook: written
            .anchor
            .webhook
            .as_ref()
            .and_then(|section| sink::webhook(context, section)),
        sinks: sink::sinks(context, &written.sinks),
    }
}

fn refusals(written: &RefusalsSection) -> Refusals {
    let defaults = Refusals::default();
    Refusals {
        per_minute: written
            .rate
            .as_ref()
            .map_or(defaults.per_minute, |rate| rate.value.per_minute),
        burst: written
            .burst
            .as_ref()
            .map_or(defaults.burst, |burst| burst.value),
    }
}
