//! The journal: events in, in order, one writer; durable before a request leaves.
//!
//! INVARIANT: an event whose `append` was answered with `Ok` is kept, or (`batched`) kept as soon as the store takes it.

mod canonical;
mod changed;
mod refusals;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::runtime::Builder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

pub use crate::model::durability::Durability;
use crate::model::event::Event;
use crate::store::{Commit, EventLine, Store};
use writer::Writer;

pub use canonical::{abridged, canonical};
pub use changed::Change;
pub use refusals::{RESERVE, RefusalLimit, Refusals, Summary};

/// Events that may wait at once with somebody waiting for them: 16 KiB each at most.
const QUEUE: usize = 4_096;

/// Why an event was not kept; the request it stands for does not leave.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// The store refused it.
    #[error("the journal cannot be written: {0}")]
    Unwritable(String),
    /// The writer has ended.
    #[error("the journal is closed")]
    Closed,
}

/// The way to the one writer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Journal {
    durability: Durability,
    jobs: mpsc::UnboundedSender<Job>,
    room: Arc<Semaphore>,
    gauges: Arc<Gauges>,
    ended: watch::Receiver<bool>,
}

/// What the writer tells about itself.
#[derive(Debug, Default)]
struct Gauges {
    /// Whether the last write failed.
    failing: watch::Sender<bool>,
    written: AtomicU64,
    waiting: AtomicU64,
    /// When the oldest event was queued that is not written yet.
    oldest: Mutex<Option<Instant>>,
}

/// What the writer is asked to do.
#[derive(Debug)]
enum Job {
    Write(Box<Entry>),
    Close,
}

/// One event on its way.
#[derive(Debug)]
struct Entry {
    line: EventLine,
    queued: Instant,
    /// Who waits for it. Without one, the event is retried until the store takes it.
    done: Option<oneshot::Sender<Result<(), JournalError>>>,
    /// Its place in the queue.
    _room: Option<OwnedSemaphorePermit>,
}

impl Journal {
    /// Starts the writer.
    #[must_use]
    pub fn start(store: Store, durability: Durability) -> Self {
        let commit = match durability {
            Durability::Strict | Durability::Batched => Commit::Handed,
            Durability::Fsync => Commit::Synced,
        };
        let (jobs, incoming) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(false);
        let gauges = Arc::new(Gauges::default());
        let writer = Writer::new(store.event_writer(commit), incoming, Arc::clone(&gauges));
        // A thread of its own: a write blocks, and whoever waits for it must not wait for other tasks first.
        let thread = std::thread::Builder::new().name("tollgate-journal".to_owned());
        let started = thread.spawn(move || {
            // For its timers only.
            let runtime = Builder::new_current_thread().enable_time().build()?;
            runtime.block_on(writer.run());
            // The store stays alive as long as its writer.
            drop(store);
            let _ = end.send(true);
            std::io::Result::Ok(())
        });
        if let Err(error) = started {
            // Every append fails then, so nothing leaves.
            tracing::error!(%error, "the journal does not start");
        }
        Self {
            durability,
            jobs,
            room: Arc::new(Semaphore::new(QUEUE)),
            gauges,
            ended,
        }
    }

    /// Writes an event and returns once it is as durable as configured. Waits while the queue is full. An event whose
    /// caller goes away is written all the same.
    ///
    /// # Errors
    /// When it could not be kept.
    pub async fn append(&self, event: Event) -> Result<(), JournalError> {
        match self.durability {
            Durability::Strict | Durability::Fsync => {
                let room = self.room().await?;
                let (done, answer) = oneshot::channel();
                self.queue(event, Some(done), Some(room))?;
                answer.await.unwrap_or(Err(JournalError::Closed))
            }
            Durability::Batched => {
                // What is queued here is retried, so while writing fails no room becomes free.
                let mut failing = self.gauges.failing.subscribe();
                let room = tokio::select! {
                    biased;
                    _ = failing.wait_for(|failing| *failing) => {
                        return Err(JournalError::Unwritable("the last write failed".to_owned()));
                    }
                    room = self.room() => room?,
                };
                self.queue(event, None, Some(room))
            }
        }
    }

    /// Queues an event that nothing waits for; used from `Drop`, so it neither blocks nor fails. Never dropped while the
    /// writer lives.
    pub fn append_later(&self, event: Event) {
        let id = event.id.clone();
        if self.queue(event, None, None).is_err() {
            tracing::error!(event.id = %id, "an event came after the journal was closed and is lost");
        }
    }

    /// Returns whether the last write succeeded. After a failed one the writer tries again every second by itself.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !*self.gauges.failing.borrow()
    }

    /// Returns for how many seconds the oldest event has been waiting that is not written yet; 0 when there is none.
    #[must_use]
    pub fn lag_seconds(&self) -> f64 {
        self.gauges
            .oldest
            .lock()
            .map_or(0.0, |queued| queued.elapsed().as_secs_f64())
    }

    /// Returns how many events this journal has written.
    #[must_use]
    pub fn events_total(&self) -> u64 {
        self.gauges.written.load(Ordering::Relaxed)
    }

    /// Returns how many events are queued and not written.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.gauges.waiting.load(Ordering::Relaxed)
    }

    /// Writes what is queued, then ends the writer.
    pub async fn close(&self) {
        // Fails when the writer has ended already, which is what is wanted.
        let _ = self.jobs.send(Job::Close);
        let mut ended = self.ended.clone();
        let _ = ended.wait_for(|ended| *ended).await;
        self.room.close();
    }

    async fn room(&self) -> Result<OwnedSemaphorePermit, JournalError> {
        Arc::clone(&self.room)
            .acquire_owned()
            .await
            .map_err(|_| JournalError::Closed)
    }

    fn queue(
        &self,
        event: Event,
        done: Option<oneshot::Sender<Result<(), JournalError>>>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<(), JournalError> {
        // Here and not in the writer, which is one while callers are many.
        let body = canonical::body_of(&event);
        let entry = Entry {
            line: EventLine::new(event, body),
            queued: Instant::now(),
            done,
            _room: room,
        };
        self.gauges.waiting.fetch_add(1, Ordering::Relaxed);
        self.jobs.send(Job::Write(Box::new(entry))).map_err(|_| {
            self.gauges.waiting.fetch_sub(1, Ordering::Relaxed);
            JournalError::Closed
        })
    }
}
