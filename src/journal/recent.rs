//! Keeps the newest lines in memory, so that a dashboard that asks for them again and again reads no file.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

/// Most lines that are kept.
const MAX_LINES: usize = 10_000;

/// Most bytes that they take.
const MAX_BYTES: usize = 8 << 20;

/// The newest lines, as they were written together.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Oldest first, without a gap.
    batches: VecDeque<RecentBatch>,
    lines: usize,
    bytes: usize,
}

/// Lines that were written together, each with its LF.
#[derive(Debug, Clone)]
pub(super) struct RecentBatch {
    /// Number of the first line.
    pub(super) first_seq: u64,
    lines: usize,
    pub(super) text: Arc<[u8]>,
}

impl Recent {
    /// Keeps lines that were written, the last of which has this number.
    pub(super) fn push(&self, text: &[u8], (lines, last_seq): (usize, u64)) {
        let batch = RecentBatch {
            first_seq: last_seq.saturating_add(1).saturating_sub(lines as u64),
            lines,
            text: text.into(),
        };
        let mut kept = self.0.lock();
        kept.lines += lines;
        kept.bytes += text.len();
        kept.batches.push_back(batch);
        while kept.lines > MAX_LINES || kept.bytes > MAX_BYTES {
            let Some(oldest) = kept.batches.pop_front() else {
                return;
            };
            kept.lines = kept.lines.saturating_sub(oldest.lines);
            kept.bytes = kept.bytes.saturating_sub(oldest.text.len());
        }
    }

    /// Returns what is kept, oldest first. Cheap: nothing is copied.
    pub(super) fn batches(&self) -> Vec<RecentBatch> {
        self.0.lock().batches.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, MAX_LINES, Recent};

    #[test]
    fn what_is_kept_is_bounded_and_has_no_gap() {
        let recent = Recent::default();
        let mut last = 0;
        for size in [3, 700, 1, 9_000, 40, 2_000, 5, 11_000, 7] {
            last += size as u64;
            recent.push(&vec![b'x'; size * 900], (size, last));
            let batches = recent.batches();
            let lines: usize = batches.iter().map(|batch| batch.lines).sum();
            let bytes: usize = batches.iter().map(|batch| batch.text.len()).sum();
            assert!(lines <= MAX_LINES && bytes <= MAX_BYTES, "{lines} {bytes}");
            let mut next = batches.first().map_or(last + 1, |batch| batch.first_seq);
            for batch in &batches {
                assert_eq!(batch.first_seq, next);
                next += batch.lines as u64;
            }
            assert_eq!(next, last + 1);
        }
        assert_eq!(recent.batches().len(), 1);
    }
}
