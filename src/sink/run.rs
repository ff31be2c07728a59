//! Runs a sink: reads what is new, delivers it, keeps the place; tries again after a failure.

use std::io;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::deliver::Delivery;
use crate::journal::{Delivered, Follower, Journal, Line, Progress, Resumed, resume};
use std::sync::Arc;

/// How often a sink looks for new records.
const POLL: Duration = Duration::from_millis(200);

/// How long one delivery may take.
const DELIVERY: Duration = Duration::from_secs(30);

/// How long a sink waits after a failed delivery: twice as long each time, up to the second.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// A sink on its thread.
pub(super) struct Run {
    pub(super) journal: Journal,
    pub(super) progress: Arc<Progress>,
    pub(super) delivery: Delivery,
    pub(super) ends: watch::Receiver<Option<Instant>>,
}

impl Run {
    /// Delivers until it is told to end.
    pub(super) fn run(mut self, delivered: &Delivered) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(self.follow(*delivered)),
            Err(error) => {
                tracing::error!(sink = self.progress.name(), %error, "a sink does not run")
            }
        }
    }

    async fn follow(&mut self, mut delivered: Delivered) {
        let mut follower = None;
        let mut pause = RETRY.0;
        loop {
            let outcome = self.step(&mut follower, &mut delivered).await;
            let ends = *self.ends.borrow();
            match outcome {
                // The journal has ended, or nothing is new.
                Ok(0) if ends.is_some() => return,
                Ok(0) => self.sleep(POLL).await,
                Ok(_) if ends.is_some_and(|ends| Instant::now() >= ends) => return,
                Ok(_) => {
                    if pause > RETRY.0 {
                        tracing::info!(sink = self.progress.name(), "records are delivered again");
                    }
                    pause = RETRY.0;
                }
                Err(error) => {
                    if ends.is_some() {
                        return;
                    }
                    tracing::warn!(sink = self.progress.name(), %error, "records are not delivered; they are kept and sent again");
                    follower = None;
                    self.sleep(pause).await;
                    pause = pause.saturating_mul(2).min(RETRY.1);
                }
            }
        }
    }

    /// Delivers what is next, and returns how many records that was.
    async fn step(
        &mut self,
        follower: &mut Option<Follower>,
        delivered: &mut Delivered,
    ) -> io::Result<usize> {
        let directory = self.journal.directory();
        let reader = match follower {
            Some(reader) => reader,
            None => follower.insert(self.resume(delivered)?),
        };
        if reader.cursor().seq >= self.journal.head().seq {
            return Ok(0);
        }
        let lines = reader.next_lines()?;
        let Some(last) = lines.last() else {
            return Ok(0);
        };
        let place = Delivered {
            cursor: reader.cursor(),
            hash: last.hash(),
        };
        deliver(&mut self.delivery, &lines, &mut self.ends).await?;
        *delivered = place;
        self.progress.advance(place.cursor);
        if let Err(error) = place.keep(directory, self.progress.name()) {
            tracing::warn!(sink = self.progress.name(), %error, "the cursor of a sink is not kept; a restart delivers records again");
        }
        Ok(lines.len())
    }

    /// Goes on behind what was delivered.
    fn resume(&self, delivered: &Delivered) -> io::Result<Follower> {
        let (follower, resumed) = resume(self.journal.directory(), delivered)?;
        let seq = delivered.cursor.seq;
        let sink = self.progress.name();
        match resumed {
            Resumed::InPlace => {}
            Resumed::Moved => tracing::warn!(
                sink,
                seq,
                "the files of the journal do not have the record that was delivered last; the sink goes on above its number"
            ),
            Resumed::Forked => {
                self.progress.note_fork();
                tracing::error!(
                    sink,
                    seq,
                    "journal_fork: the record that was delivered last now has another hash; its segment is delivered again"
                );
            }
        }
        Ok(follower)
    }

    /// Sleeps, or until the sink is told to end.
    async fn sleep(&mut self, pause: Duration) {
        let told = async { drop(self.ends.wait_for(Option::is_some).await) };
        let _ = tokio::time::timeout(pause, told).await;
    }
}

/// Delivers lines in time, and in the grace after a stop.
async fn deliver(
    delivery: &mut Delivery,
    lines: &[Line],
    ends: &mut watch::Receiver<Option<Instant>>,
) -> io::Result<()> {
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    let cut = async {
        let until = ends.wait_for(Option::is_some).await.map(|ends| *ends);
        let until = until.ok().flatten().unwrap_or_else(Instant::now);
        tokio::time::sleep_until(until.into()).await;
    };
    tokio::select! {
        biased;
        outcome = tokio::time::timeout(DELIVERY, delivery.deliver(lines)) => {
            outcome.unwrap_or_else(|_| Err(late()))
        }
        () = cut => Err(late()),
    }
}
