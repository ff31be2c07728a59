//! The one writer: queued events in, multi-row inserts out, answers to who waits.
//!
//! INVARIANT: what nobody waits for is kept in memory until the store has taken it, and written in the order it came.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Entry, Gauges, Job, JournalError};
use crate::store::{EventLine, EventWriter, StoreError};

/// Rows of one insert: more gain nothing, and make the first of them wait.
const BATCH: usize = 128;

/// How long events that nobody waits for are kept back, to be written with those that come meanwhile: every insert writes
/// whole pages, so fewer ones are what makes the journal cheap.
const LINGER: Duration = Duration::from_millis(5);

/// Pause before the store is tried again after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Failed writes after which a closing journal gives up what is left.
const LAST_TRIES: u32 = 3;

/// Writes until the journal is closed.
pub(super) struct Writer {
    store: EventWriter,
    jobs: UnboundedReceiver<Job>,
    gauges: Arc<Gauges>,
    pending: VecDeque<Box<Entry>>,
    closing: bool,
    failures: u32,
}

impl Writer {
    pub(super) fn new(
        store: EventWriter,
        jobs: UnboundedReceiver<Job>,
        gauges: Arc<Gauges>,
    ) -> Self {
        Self {
            store,
            jobs,
            gauges,
            pending: VecDeque::new(),
            closing: false,
            failures: 0,
        }
    }

    pub(super) async fn run(mut self) {
        while self.fill().await {
            self.note_oldest(0);
            let outcome = self.write();
            match outcome {
                Ok(()) => self.succeed(),
                Err(error) => self.fail(&error),
            }
            if self.closing && self.failures >= LAST_TRIES && !self.pending.is_empty() {
                tracing::error!(
                    events = self.pending.len(),
                    "the journal was closed while it could not be written"
                );
                break;
            }
        }
    }

    /// Waits until there is something to do; `false` when there never will be again.
    async fn fill(&mut self) -> bool {
        if self.failures > 0 {
            // A new event is tried at once, so that whoever waits for it soon knows. What is left over can wait.
            if let Ok(job) = timeout(RETRY, self.jobs.recv()).await {
                let ended = job.is_none();
                self.take(job);
                if ended && !self.pending.is_empty() {
                    tokio::time::sleep(RETRY / 4).await;
                }
            }
        } else if self.pending.is_empty() {
            let job = self.jobs.recv().await;
            self.take(job);
        }
        if self.failures == 0 {
            self.linger().await;
        }
        while self.pending.len() < BATCH {
            match self.jobs.try_recv() {
                Ok(job) => self.take(Some(job)),
                Err(_) => break,
            }
        }
        !(self.closing && self.pending.is_empty())
    }

    /// Waits for more as long as nobody waits for what there is.
    async fn linger(&mut self) {
        let until = Instant::now() + LINGER;
        let mut awaited = self.pending.iter().any(|entry| entry.done.is_some());
        while !awaited && !self.closing && self.pending.len() < BATCH {
            let Ok(job) = timeout_at(until, self.jobs.recv()).await else {
                break;
            };
            awaited = matches!(&job, Some(Job::Write(entry)) if entry.done.is_some());
            self.take(job);
        }
    }

    fn take(&mut self, job: Option<Job>) {
        match job {
            Some(Job::Write(entry)) => self.pending.push_back(entry),
            // What was sent before the receiver closed is still received, what comes later is refused.
            Some(Job::Close) => self.jobs.close(),
            None => self.closing = true,
        }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            // Only after a failure, or with a job that was no event.
            return if self.failures > 0 {
                self.store.probe()
            } else {
                Ok(())
            };
        }
        let lines: Vec<&EventLine> = self
            .pending
            .iter()
            .take(BATCH)
            .map(|entry| &entry.line)
            .collect();
        self.store.write(&lines)
    }

    /// Answers whoever waits, once all gauges tell of it.
    fn succeed(&mut self) {
        let written = self.pending.len().min(BATCH);
        let count = u64::try_from(written).unwrap_or(u64::MAX);
        self.gauges.written.fetch_add(count, Ordering::Relaxed);
        self.gauges.waiting.fetch_sub(count, Ordering::Relaxed);
        if self.failures > 0 {
            self.gauges.failing.send_replace(false);
            tracing::info!(failures = self.failures, "the journal can be written again");
        }
        self.failures = 0;
        self.note_oldest(written);
        for entry in self.pending.drain(..written) {
            if let Some(done) = entry.done {
                // Whoever waited may have gone; the event is kept all the same.
                let _ = done.send(Ok(()));
            }
        }
    }

    /// Answers everybody who waits, once all gauges tell of it, also those still queued: a store that was locked for seconds may be so for each.
    fn fail(&mut self, error: &StoreError) {
        self.gauges.failing.send_replace(true);
        if self.failures == 0 {
            tracing::error!(error = %error, "the journal cannot be written");
        }
        self.failures = self.failures.saturating_add(1);
        while let Ok(job) = self.jobs.try_recv() {
            self.take(Some(job));
        }
        let text = error.to_string();
        let (refused, kept): (VecDeque<_>, VecDeque<_>) = self
            .pending
            .drain(..)
            .partition(|entry| entry.done.is_some());
        self.pending = kept;
        self.note_oldest(0);
        let count = u64::try_from(refused.len()).unwrap_or(u64::MAX);
        self.gauges.waiting.fetch_sub(count, Ordering::Relaxed);
        for done in refused.into_iter().filter_map(|entry| entry.done) {
            let _ = done.send(Err(JournalError::Unwritable(text.clone())));
        }
    }

    /// Notes since when the first event waits that is not among the first `written`.
    fn note_oldest(&self, written: usize) {
        *self.gauges.oldest.lock() = self.pending.get(written).map(|entry| entry.queued);
    }
}
