//! Keeps the newest lines in memory, so that a dashboard that asks for them again and again reads no file.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

/// Most lines that are kept.
const MAX_LINES: usize = 10_000;

/// Most bytes that they take.
const MAX_BYTES: usize = 8 << 20;

/// Lines are put together up to so many bytes: memory that is taken for each line lies where no processor has it at hand.
const CHUNK: usize = 64 << 10;

/// Holds the newest lines of the journal.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Oldest first, without a gap.
    batches: VecDeque<RecentBatch>,
    /// Lines that follow them, and are not a batch yet.
    open: Vec<u8>,
    open_lines: usize,
    /// Number of the last line.
    last_seq: u64,
    lines: usize,
    bytes: usize,
}

/// Lines in a row, each with its LF.
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
        let mut kept = self.0.lock();
        kept.open.extend_from_slice(text);
        kept.open_lines += lines;
        kept.last_seq = last_seq;
        kept.lines += lines;
        kept.bytes += text.len();
        if kept.open.len() >= CHUNK {
            let batch = kept.open();
            kept.batches.extend(batch);
            // What one large batch took is given back.
            kept.open = Vec::with_capacity(CHUNK);
            kept.open_lines = 0;
        }
        while kept.lines > MAX_LINES || kept.bytes > MAX_BYTES {
            let Some(oldest) = kept.batches.pop_front() else {
                return;
            };
            kept.lines = kept.lines.saturating_sub(oldest.lines);
            kept.bytes = kept.bytes.saturating_sub(oldest.text.len());
        }
    }

    /// Returns what is kept, oldest first. Cheap: of nearly all of it nothing is copied.
    pub(super) fn batches(&self) -> Vec<RecentBatch> {
        let kept = self.0.lock();
        kept.batches.iter().cloned().chain(kept.open()).collect()
    }
}

impl Kept {
    /// Returns the newest lines as a batch; `None` where there are none.
    fn open(&self) -> Option<RecentBatch> {
        (self.open_lines > 0).then(|| RecentBatch {
            first_seq: self
                .last_seq
                .saturating_add(1)
                .saturating_sub(self.open_lines as u64),
            lines: self.open_lines,
            text: self.open.as_slice().into(),
        })
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

    #[test]
    fn lines_that_are_written_one_by_one_are_kept_together() {
        let recent = Recent::default();
        for last in 1..=20_000_u64 {
            recent.push(format!("{last:0>699}\n").as_bytes(), (1, last));
            if last % 500 != 0 {
                continue;
            }
            let batches = recent.batches();
            assert!(batches.len() < 120, "{}", batches.len());
            let text: Vec<u8> = batches
                .iter()
                .flat_map(|batch| batch.text.iter().copied())
                .collect();
            let numbers = text
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty());
            let numbers: Vec<u64> = numbers
                .map(|line| std::str::from_utf8(line).unwrap().parse().unwrap())
                .collect();
            assert_eq!(numbers.last(), Some(&last));
            assert!(numbers.is_sorted_by(|one, other| one + 1 == *other));
            assert!(last < 9_000 || numbers.len() >= 9_000, "{}", numbers.len());
            for batch in &batches {
                let first = std::str::from_utf8(&batch.text[..699]).unwrap();
                assert_eq!(first.parse(), Ok(batch.first_seq));
            }
        }
    }
}
