//! Appends records on the request's own task while the disk is quick. One caller writes for all that wait, and blocks no other.

use std::cell::RefCell;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::batch::{Batch, Waiter};
use super::error::JournalError;
use super::queue::Queue;
use super::record::Record;
use super::write::Writer;
use super::{BODY, Durability, Journal, Shared, body};

/// How long a record that nobody waits for may stay in memory.
pub(super) const FLUSH: Duration = Duration::from_millis(5);

/// Bytes that are written although nobody waits for them.
const FLUSH_BYTES: usize = 64 << 10;

/// What became of a record when it was handed in.
enum Submitted<A> {
    Done(Result<(), JournalError>),
    /// The answer comes from the caller that writes.
    Waits(A),
    /// The caller writes it.
    Writes(Box<Writer>, Batch),
}

impl Journal {
    /// Appends a record and returns once it is as durable as configured. A record whose caller goes away is written all the same.
    ///
    /// # Errors
    /// When it was not kept. After `Stalled` it may be kept later.
    pub async fn append<R: Record>(&self, record: &R) -> Result<(), JournalError> {
        let shared = &self.shared;
        let waits = || {
            let (told, answer) = oneshot::channel();
            (Waiter::Task(told), answer)
        };
        match shared.submit(record, waits) {
            Submitted::Done(outcome) => outcome,
            Submitted::Writes(writer, batch) => {
                free_next_task();
                shared.write_out(writer, batch, true)
            }
            Submitted::Waits(answer) => {
                match tokio::time::timeout(shared.settings.stall_timeout, answer).await {
                    Ok(answer) => answer.unwrap_or(Err(JournalError::Closed)),
                    Err(_) => Err(JournalError::Stalled),
                }
            }
        }
    }

    /// The same for a thread that may block.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_blocking<R: Record>(&self, record: &R) -> Result<(), JournalError> {
        self.shared.append_blocking(record)
    }

    /// Appends a record and returns once a signature covers it.
    ///
    /// # Errors
    /// When it was not kept, or the journal ends before it is signed.
    pub async fn append_signed<R: Record + Send + 'static>(
        &self,
        record: R,
    ) -> Result<(), JournalError> {
        let shared = Arc::clone(&self.shared);
        let signed = tokio::task::spawn_blocking(move || shared.append_signed(&record)).await;
        signed.unwrap_or(Err(JournalError::Closed))
    }

    /// Queues a record that nobody waits for; used from `Drop`, so it neither blocks nor fails. It is written with the next record, at
    /// most 5 ms later, and kept while the disk fails.
    pub fn append_later<R: Record>(&self, record: &R) {
        self.shared.append_later(record);
    }
}

/// Lets other workers take the task that this one would run next, for as long as the write lasts. Tokio keeps the task that was woken
/// last where no other worker finds it; an empty task takes its place.
fn free_next_task() {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        drop(runtime.spawn(std::future::ready(())));
    }
}

impl Shared {
    pub(super) fn append_blocking<R: Record>(&self, record: &R) -> Result<(), JournalError> {
        let waits = || {
            let (told, answer) = mpsc::channel();
            (Waiter::Thread(told), answer)
        };
        match self.submit(record, waits) {
            Submitted::Done(outcome) => outcome,
            Submitted::Writes(writer, batch) => self.write_out(writer, batch, true),
            Submitted::Waits(answer) => answer.recv().unwrap_or(Err(JournalError::Closed)),
        }
    }

    /// Appends a record and returns once a checkpoint that covers it is written, too. What was explained before it was signed could
    /// not be told from a forgery.
    pub(super) fn append_signed<R: Record>(&self, record: &R) -> Result<(), JournalError> {
        let (told, written) = mpsc::channel();
        let (signs, signed) = mpsc::channel();
        self.serialised(record, |queue, body| {
            let now = Instant::now();
            if let Some(error) = queue.refusal(true, self.settings.stall_timeout, now) {
                return Err(error);
            }
            queue.push(body, Waiter::Thread(told), true);
            queue.signature_for.push(signs);
            self.work.notify_one();
            Ok(())
        })?;
        for answer in [written, signed] {
            answer.recv().unwrap_or(Err(JournalError::Closed))?;
        }
        Ok(())
    }

    /// Queues a record of the thread's own, in whatever state the journal is.
    pub(super) fn append_own<R: Record>(&self, record: &R, waiter: Waiter) {
        let queued = self.serialised(record, |queue, body| {
            queue.push(body, waiter, true);
            Ok(())
        });
        if let Err(error) = queued {
            tracing::error!(kind = R::KIND.as_str(), %error, "a record is lost");
        }
    }

    pub(super) fn append_later<R: Record>(&self, record: &R) {
        let queued = self.serialised(record, |queue, body| {
            if queue.is_closed {
                return Err(JournalError::Closed);
            }
            queue.push(body, Waiter::Nobody, record.is_essential());
            Ok(())
        });
        match queued {
            Ok(()) => {}
            Err(error) => tracing::error!(kind = R::KIND.as_str(), %error, "a record is lost"),
        }
    }

    fn submit<R: Record, A>(
        &self,
        record: &R,
        waits: impl FnOnce() -> (Waiter, A),
    ) -> Submitted<A> {
        let is_essential = record.is_essential();
        let submitted = self.serialised(record, |queue, body| {
            let now = Instant::now();
            if let Some(error) = queue.refusal(is_essential, self.settings.stall_timeout, now) {
                return Err(error);
            }
            if self.settings.durability == Durability::Batched {
                queue.push(body, Waiter::Nobody, is_essential);
                return Ok(Submitted::Done(Ok(())));
            }
            if queue.inline && queue.writer.is_some() {
                queue.push(body, Waiter::Writer, is_essential);
                if let Some((writer, batch)) = queue.take(Batch::default()) {
                    return Ok(Submitted::Writes(writer, batch));
                }
            }
            let (waiter, answer) = waits();
            queue.push(body, waiter, is_essential);
            if queue.writer.is_some() {
                self.work.notify_one();
            }
            Ok(Submitted::Waits(answer))
        });
        submitted.unwrap_or_else(|error| Submitted::Done(Err(error)))
    }

    /// Serialises a record outside the lock, and hands it on inside.
    fn serialised<R: Record, T>(
        &self,
        record: &R,
        queue: impl FnOnce(&mut Queue, &[u8]) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        // A thread that ends has none any more.
        let mut text = BODY.try_with(RefCell::take).unwrap_or_default();
        let outcome = body::write(record, self.clock.now(), &mut text)
            .map_err(|error| JournalError::Unwritable(error.to_string()))
            .and_then(|()| {
                let mut locked = self.queue.lock();
                let outcome = queue(&mut locked, &text)?;
                self.arm(&mut locked);
                Ok(outcome)
            });
        let _ = BODY.try_with(|reused| reused.replace(text));
        outcome
    }

    /// Sees to it that what nobody waits for is written in time.
    fn arm(&self, queue: &mut Queue) {
        if queue.batch.is_empty() || queue.batch.is_urgent() {
            return;
        }
        let is_full = queue.batch.bytes() >= FLUSH_BYTES && queue.failure.is_none();
        if queue.flush_at.is_none() {
            queue.flush_at = Some(Instant::now() + FLUSH);
            if !queue.is_watched {
                self.work.notify_one();
            }
        } else if is_full && queue.writer.is_some() {
            queue.flush_at = Some(Instant::now());
            self.work.notify_one();
        }
    }
}
