//! Writes for all that wait: one caller, or the journal's thread, gives batches to the disk and tells each the outcome.

use std::io;
use std::time::Instant;

use rustix::io::Errno;
use serde_json::{Map, Value as Json};

use super::append::FLUSH;
use super::batch::{Batch, Waiter};
use super::error::JournalError;
use super::queue::{MAX_BATCHES, Queue};
use super::record::Changed;
use super::write::Writer;
use super::{Durability, Shared, body};
use crate::model::clock;

impl Shared {
    /// Writes a batch, and what is queued meanwhile, for all that wait; returns what became of the first batch.
    pub(super) fn write_out(
        &self,
        mut writer: Box<Writer>,
        mut batch: Batch,
        is_inline: bool,
    ) -> Result<(), JournalError> {
        let mut first = None;
        for count in 1.. {
            let started = Instant::now();
            let (outcome, own) = self.attempt(&mut writer, &mut batch);
            let took = started.elapsed();
            if outcome.is_ok() && !batch.is_empty() {
                let place = (batch.len(), writer.head.seq);
                self.recent.push(&writer.lines, place);
            }
            let mut queue = self.queue.lock();
            let was_failing = queue.failure.clone();
            queue.note(&mut batch, (&outcome, took), &writer);
            if outcome.is_ok() && was_failing.is_some() {
                self.recover(&mut queue);
            }
            let ends = !queue.batch.is_urgent()
                || count >= MAX_BATCHES
                || outcome.is_err()
                || (is_inline && !queue.inline);
            if ends {
                queue.give_back(
                    writer,
                    !is_inline && self.settings.durability == Durability::Strict,
                );
                if !queue.batch.is_empty() {
                    queue.flush_at.get_or_insert_with(|| Instant::now() + FLUSH);
                }
                if is_inline && self.has_work(&queue) {
                    self.work.notify_one();
                }
                drop(queue);
                batch.settle(&outcome);
                return first.unwrap_or(own);
            }
            let next = queue.take_batch(Batch::default());
            drop(queue);
            batch.settle(&outcome);
            first.get_or_insert(own);
            batch = next;
        }
        Ok(())
    }

    /// Returns whether the thread has to look at what an inline write has left.
    fn has_work(&self, queue: &Queue) -> bool {
        (!queue.batch.is_empty() && !queue.is_watched)
            || queue.is_closed
            || queue.is_scarce
            || queue.failure.is_some()
            || !queue.signature_for.is_empty()
            || self.is_checkpoint_due(queue)
    }

    /// Writes a batch; where the disk is full, what the reserve is for is written into it. Returns what became of the batch, and of
    /// the record of the task that writes.
    fn attempt(
        &self,
        writer: &mut Writer,
        batch: &mut Batch,
    ) -> (Result<(), JournalError>, Result<(), JournalError>) {
        let now = self.clock.now();
        let sync = self.settings.durability == Durability::Fsync;
        let unwritable = |error: io::Error| JournalError::Unwritable(error.to_string());
        let written = if batch.is_empty() {
            writer.probe()
        } else {
            writer.write(batch, now, sync)
        };
        let is_full = written.as_ref().is_err_and(is_full) && !batch.is_empty();
        if !is_full || !writer.reserve.release() {
            let outcome = written.map_err(unwritable);
            return (outcome.clone(), outcome);
        }
        tracing::warn!(
            "the disk of the journal is full; the reserve is in use, and only what is allowed is recorded"
        );
        let essential = batch.part_essential();
        let mut others = std::mem::replace(batch, essential);
        self.queue.lock().run_short(&mut others);
        let is_own_refused = others.has_writer();
        others.settle(&Err(JournalError::Scarce));
        let outcome = writer.write(batch, now, sync).map_err(unwritable);
        let own = if is_own_refused {
            Err(JournalError::Scarce)
        } else {
            outcome.clone()
        };
        (outcome, own)
    }

    /// Records that the journal was unwritable for a while: a gap is never silent.
    fn recover(&self, queue: &mut Queue) {
        let Some(failure) = queue.failure.take() else {
            return;
        };
        let since = self.clock.now().checked_sub(failure.since.elapsed());
        let mut detail = Map::new();
        detail.insert("reason".into(), failure.error.to_string().into());
        detail.insert("refused".into(), failure.refused.into());
        let lost = std::mem::take(&mut queue.dropped);
        detail.insert("lost".into(), lost.into());
        let since = since.map(clock::micros).unwrap_or_default();
        detail.insert("since".into(), Json::from(since));
        let changed = Changed {
            what: "journal.recovered".into(),
            detail,
            ..Changed::default()
        };
        let mut text = Vec::new();
        if body::write(&changed, self.clock.now(), &mut text).is_ok() {
            queue.push(&text, Waiter::Nobody, true);
        }
        tracing::info!(
            refused = failure.refused,
            lost,
            "the journal can be written again"
        );
    }
}

/// Whether there is no room: on the disk, or of what this user may have of it.
fn is_full(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    let full = [Errno::NOSPC, Errno::DQUOT].map(|errno| Some(errno.raw_os_error()));
    full.contains(&code)
}
