//! Records on their way to the disk, and who waits for them.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::batch::{Batch, Waiter};
use super::chain::Head;
use super::error::JournalError;
use super::write::Writer;

/// Bytes of `finished` records that are kept while the disk fails.
const MAX_KEPT: usize = 64 << 20;

/// A writer gives up its turn after so many batches: its own request waits too.
pub(super) const MAX_BATCHES: u32 = 8;

/// A write that takes longer makes the journal's own thread write from then on.
const SLOW: Duration = Duration::from_millis(1);

/// So many quick writes of that thread let requests write by themselves again.
const QUICK_AGAIN: u32 = 32;

/// How long after a failed write the next one is tried.
const RETRY: Duration = Duration::from_millis(100);

/// What waits, and the writer while nobody has it.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) batch: Batch,
    pub(super) writer: Option<Box<Writer>>,
    /// Since when somebody has it.
    pub(super) busy_since: Option<Instant>,
    /// Whether requests write by themselves.
    pub(super) inline: bool,
    quick: u32,
    pub(super) failure: Option<Failure>,
    /// The disk is full: the reserve is in use.
    pub(super) is_scarce: bool,
    pub(super) is_closed: bool,
    /// The newest line that is written.
    pub(super) head: Head,
    /// Records since the last checkpoint, itself not counted.
    pub(super) unsigned: i64,
    /// Who waits for a checkpoint that covers what is written by now.
    pub(super) signature_for: Vec<mpsc::Sender<Result<(), JournalError>>>,
    /// Until when what nobody waits for must be written.
    pub(super) flush_at: Option<Instant>,
    /// The journal's thread looks at the queue again within [`FLUSH`](super::append::FLUSH) without being woken.
    pub(super) is_watched: bool,
    /// When the oldest record was queued.
    pub(super) oldest: Option<Instant>,
    /// `finished` records that were dropped while the disk failed.
    pub(super) dropped: u64,
    pub(super) written: u64,
}

/// Why nothing is written at the moment.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) error: JournalError,
    pub(super) since: Instant,
    pub(super) retry_at: Instant,
    /// Records that were refused meanwhile.
    pub(super) refused: u64,
}

// === impl Queue ===

impl Queue {
    pub(super) fn new(writer: Writer, inline: bool) -> Self {
        Self {
            batch: Batch::default(),
            head: writer.head,
            writer: Some(Box::new(writer)),
            busy_since: None,
            inline,
            quick: 0,
            failure: None,
            is_scarce: false,
            is_closed: false,
            unsigned: 0,
            signature_for: Vec::new(),
            flush_at: None,
            is_watched: false,
            oldest: None,
            dropped: 0,
            written: 0,
        }
    }

    /// Returns why a record that somebody waits for is not taken now.
    pub(super) fn refusal(
        &mut self,
        is_essential: bool,
        stall_timeout: Duration,
        now: Instant,
    ) -> Option<JournalError> {
        if self.is_closed {
            return Some(JournalError::Closed);
        }
        if let Some(failure) = self
            .failure
            .as_mut()
            .filter(|failure| now < failure.retry_at)
        {
            failure.refused += 1;
            return Some(failure.error.clone());
        }
        if self.is_scarce && !is_essential {
            return Some(JournalError::Scarce);
        }
        let since = self.busy_since?;
        (now.saturating_duration_since(since) >= stall_timeout).then_some(JournalError::Stalled)
    }

    /// Queues a record, and its waiting caller.
    pub(super) fn push(&mut self, body: &[u8], waiter: Waiter, is_essential: bool) {
        let is_kept = matches!(waiter, Waiter::Nobody);
        let is_full = self.batch.bytes().saturating_add(body.len()) > MAX_KEPT;
        if is_kept && is_full {
            self.dropped += 1;
            return;
        }
        self.oldest.get_or_insert_with(Instant::now);
        self.batch.push(body, waiter, is_essential);
    }

    /// Takes the writer and what waits for it; while the disk is full only what the reserve is for.
    pub(super) fn take(&mut self, spare: Batch) -> Option<(Box<Writer>, Batch)> {
        let writer = self.writer.take()?;
        self.busy_since = Some(Instant::now());
        Some((writer, self.take_batch(spare)))
    }

    pub(super) fn take_batch(&mut self, spare: Batch) -> Batch {
        if self.is_scarce {
            return self.batch.part_essential();
        }
        self.flush_at = None;
        std::mem::replace(&mut self.batch, spare)
    }

    /// Takes over how a write went. What failed and is waited for stays in `batch`, to be told; the rest is tried again.
    pub(super) fn note(
        &mut self,
        batch: &mut Batch,
        (outcome, took): (&Result<(), JournalError>, Duration),
        writer: &Writer,
    ) {
        if took > SLOW {
            self.inline = false;
            self.quick = 0;
        } else {
            self.quick = self.quick.saturating_add(1);
        }
        let now = Instant::now();
        match outcome {
            Ok(()) => {
                let count = batch.len() as u64;
                self.written += count;
                self.unsigned = self.unsigned.saturating_add_unsigned(count);
                self.head = writer.head;
            }
            Err(error) => {
                let mut refused = self.batch.part_patient();
                std::mem::swap(&mut refused, &mut self.batch);
                batch.append(&mut refused);
                let mut kept = batch.part_patient();
                kept.append(&mut self.batch);
                self.batch = kept;
                let (since, count) = self
                    .failure
                    .as_ref()
                    .map_or((now, 0), |failure| (failure.since, failure.refused));
                self.failure = Some(Failure {
                    error: error.clone(),
                    since,
                    retry_at: now + RETRY,
                    refused: count + batch.len() as u64,
                });
            }
        }
        self.oldest = (!self.batch.is_empty()).then_some(now);
    }

    /// Gives the writer back.
    pub(super) fn give_back(&mut self, writer: Box<Writer>, may_be_inline: bool) {
        self.writer = Some(writer);
        self.busy_since = None;
        if may_be_inline && self.quick >= QUICK_AGAIN {
            self.inline = true;
        }
    }

    /// Notes that the disk is full. Takes back out of a batch what nobody waits for; what remains in it is to be refused.
    pub(super) fn run_short(&mut self, batch: &mut Batch) {
        self.is_scarce = true;
        let mut kept = batch.part_patient();
        let mut queued = std::mem::take(&mut self.batch);
        let is_refused = |waiter: &Waiter, is_essential: bool| {
            !is_essential && !matches!(waiter, Waiter::Nobody)
        };
        batch.append(&mut queued.part(is_refused));
        kept.append(&mut queued);
        self.batch = kept;
    }
}
