//! Runs the journal's own thread: it writes what no caller waits for and what a slow disk holds up, tries again after failures,
//! and signs checkpoints.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;
use tokio::sync::watch;

use super::append::FLUSH;
use super::batch::{Batch, Waiter};
use super::error::JournalError;
use super::queue::Queue;
use super::record::Checkpoint;
use super::sign::Signer;
use super::write::Writer;
use super::{Shared, Signed};

/// How often a full disk is looked at for room.
const ROOM: Duration = Duration::from_secs(1);

/// Shortest time between two looks at what is due.
const PAUSE: Duration = Duration::from_millis(1);

/// What signs, and who is told.
pub(super) struct Checkpoints {
    pub(super) signer: Option<Signer>,
    pub(super) told: watch::Sender<Option<Signed>>,
}

/// What the thread does next.
enum Work {
    Write(Box<Writer>, Batch),
    Sign,
    MakeRoom,
    End(Box<Writer>),
}

impl Shared {
    pub(super) fn run(self: &Arc<Self>, checkpoints: &Checkpoints) {
        let mut sign_at = Instant::now() + self.settings.checkpoint.every;
        let mut room_at = Instant::now();
        loop {
            match self.next(sign_at, room_at) {
                Work::Write(writer, batch) => {
                    // Each caller that waits is told; a failure is logged once.
                    let was_healthy = self.queue.lock().failure.is_none();
                    if let Err(error) = self.write_out(writer, batch, false)
                        && was_healthy
                    {
                        tracing::error!(%error, "nothing is forwarded until it can be");
                    }
                }
                Work::Sign => {
                    self.sign(checkpoints);
                    sign_at = Instant::now() + self.settings.checkpoint.every;
                }
                Work::MakeRoom => {
                    room_at = Instant::now() + ROOM;
                    self.make_room();
                }
                Work::End(mut writer) => {
                    self.give_up();
                    if let Err(error) = writer.sync() {
                        tracing::error!(%error, "the end of the journal is not synced");
                    }
                    return;
                }
            }
        }
    }

    /// Begins the end: nothing new is taken.
    pub(super) fn close(&self) {
        self.queue.lock().is_closed = true;
        self.work.notify_one();
    }

    /// Tells callers that still wait that there is nothing to wait for.
    fn give_up(&self) {
        let mut queue = self.queue.lock();
        queue.signature_for.clear();
        let mut left = std::mem::take(&mut queue.batch);
        drop(queue);
        if !left.is_empty() {
            let left = left.len();
            tracing::error!(left, "records are lost: the journal cannot be written");
        }
        left.settle(&Err(JournalError::Closed));
    }

    pub(super) fn is_checkpoint_due(&self, queue: &Queue) -> bool {
        u64::try_from(queue.unsigned).unwrap_or(0) >= self.settings.checkpoint.records
    }

    /// Waits for something to do.
    fn next(&self, sign_at: Instant, room_at: Instant) -> Work {
        let mut queue = self.queue.lock();
        // Whatever was written last may have more behind it.
        let mut written = 0;
        loop {
            let now = Instant::now();
            if let Some(work) = self.due(&mut queue, now, (sign_at, room_at)) {
                return work;
            }
            // While records come, waking this thread for each costs more than looking every few milliseconds.
            let is_busy = !queue.batch.is_empty() || queue.written != written;
            written = queue.written;
            queue.is_watched = is_busy;
            self.wait(&mut queue, (sign_at, room_at));
            queue.is_watched = false;
        }
    }

    fn due(
        &self,
        queue: &mut Queue,
        now: Instant,
        (sign_at, room_at): (Instant, Instant),
    ) -> Option<Work> {
        queue.writer.as_ref()?;
        let may_try = queue
            .failure
            .as_ref()
            .is_none_or(|failure| now >= failure.retry_at);
        if queue.is_scarce && now >= room_at {
            return Some(Work::MakeRoom);
        }
        if queue.is_closed {
            // While the disk fails there is no end of trying: what is left is lost.
            let is_stuck = queue.failure.is_some() || queue.is_scarce;
            let is_empty = queue.batch.is_empty();
            let is_signed = queue.unsigned <= 0 && queue.signature_for.is_empty();
            if is_stuck || (is_empty && is_signed) {
                return queue.writer.take().map(Work::End);
            }
            if is_empty {
                return Some(Work::Sign);
            }
        }
        let has_failed = queue.failure.is_some();
        let is_due = queue.flush_at.is_some_and(|at| now >= at) || queue.is_closed;
        let is_written = !queue.is_scarce && !queue.batch.is_empty() && is_due;
        // After a failure an empty batch is a probe.
        if may_try && (queue.batch.is_urgent() || is_written || (has_failed && !queue.is_scarce)) {
            return queue
                .take(Batch::default())
                .map(|(writer, batch)| Work::Write(writer, batch));
        }
        let signs = now >= sign_at || self.is_checkpoint_due(queue);
        let is_wanted = !queue.signature_for.is_empty();
        (!has_failed && (is_wanted || (signs && !queue.is_scarce))).then_some(Work::Sign)
    }

    /// Sleeps until something can be due, or somebody says so.
    fn wait(&self, queue: &mut MutexGuard<'_, Queue>, (sign_at, room_at): (Instant, Instant)) {
        let retry_at = queue.failure.as_ref().map(|failure| failure.retry_at);
        let flush_at = queue
            .flush_at
            .filter(|_| !queue.is_scarce && retry_at.is_none());
        let room_at = queue.is_scarce.then_some(room_at);
        let sign_at = (retry_at.is_none() && !queue.is_scarce).then_some(sign_at);
        let now = Instant::now();
        let watch_at = queue.is_watched.then(|| now + FLUSH);
        let next = [retry_at, flush_at, room_at, sign_at, watch_at];
        let soonest = now + PAUSE;
        match next.into_iter().flatten().min() {
            // A moment that has passed is one that the present holder of the writer keeps us from.
            Some(at) => self.work.wait_until(queue, at.max(soonest)).timed_out(),
            None => {
                self.work.wait(queue);
                false
            }
        };
    }

    fn sign(&self, checkpoints: &Checkpoints) {
        let (head, waiters) = {
            let mut queue = self.queue.lock();
            // Those whose record is not written yet wait for the next one.
            let is_written = queue.writer.is_some() && !queue.batch.is_urgent();
            let waiters = if is_written {
                std::mem::take(&mut queue.signature_for)
            } else {
                Vec::new()
            };
            if queue.unsigned <= 0 && waiters.is_empty() {
                return;
            }
            // The checkpoint is a record too, and nothing new.
            queue.unsigned = -1;
            (queue.head, waiters)
        };
        let covers = head.covers();
        let signature = checkpoints
            .signer
            .as_ref()
            .map(|signer| signer.sign(&covers))
            .unwrap_or_default();
        let record = Checkpoint {
            covers,
            signature: signature.as_str().into(),
        };
        let waiter = if waiters.is_empty() {
            Waiter::Nobody
        } else {
            Waiter::Threads(waiters)
        };
        self.append_own(&record, waiter);
        checkpoints
            .told
            .send_replace(Some(Signed { head, signature }));
    }

    /// Sets the reserve aside again where there is room for it.
    fn make_room(&self) {
        let Some(mut writer) = self.queue.lock().writer.take() else {
            return;
        };
        let has_room = writer.reserve.restore();
        let mut queue = self.queue.lock();
        queue.writer = Some(writer);
        if has_room {
            queue.is_scarce = false;
            queue.flush_at = Some(Instant::now());
            tracing::info!("the disk of the journal has room again");
        }
    }
}
