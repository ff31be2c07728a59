//! Copies bytes from one side to the other, counts them, and notes when the last ones passed.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::pipeline::record::{OpenExchange, Outcome};
use crate::pipeline::refuse::RefusedExchange;

/// Bytes that are under way at once, each way.
const CHUNK: usize = 8 * 1024;

/// Bytes that have passed, and the time of the last ones.
#[derive(Debug)]
pub(super) struct Meter {
    started: Instant,
    /// Milliseconds after the start.
    last: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
}

/// The open record of a tunnel. It gets the byte counts however the tunnel ends, even if its task is dropped.
#[derive(Debug)]
pub(super) struct Tally {
    open_exchange: OpenExchange,
    pub(super) meter: Meter,
}

impl Meter {
    fn note(&self, counter: &AtomicU64, bytes: usize) {
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(now, Ordering::Relaxed);
    }

    /// Waits until nothing has passed in either direction for so long.
    pub(super) async fn silence(&self, limit: Duration) {
        loop {
            let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
            let left = (last + limit).saturating_sub(self.started.elapsed());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    /// Carries one direction until its source ends, and tells the other side of the end.
    ///
    /// # Errors
    /// When either side is gone.
    pub(super) async fn pump<F, T>(
        &self,
        counter: &AtomicU64,
        (mut from, mut to): (F, T),
    ) -> io::Result<()>
    where
        F: AsyncRead + Unpin,
        T: AsyncWrite + Unpin,
    {
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = from.read(&mut chunk).await?;
            let (bytes, _) = chunk.split_at(count);
            if bytes.is_empty() {
                return to.shutdown().await;
            }
            to.write_all(bytes).await?;
            // TLS around the agent's connection gathers.
            to.flush().await?;
            self.note(counter, count);
        }
    }
}

impl Tally {
    pub(super) fn new(open_exchange: OpenExchange) -> Self {
        Self {
            open_exchange,
            meter: Meter {
                started: Instant::now(),
                last: AtomicU64::new(0),
                sent: AtomicU64::new(0),
                received: AtomicU64::new(0),
            },
        }
    }

    /// Says that a permitted tunnel is refused after all.
    pub(super) fn note_refusal(&mut self, refusal: &RefusedExchange) {
        self.note_outcome(Outcome::Refused(refusal.code().as_str()));
    }

    /// Says how it ended; the last word counts.
    pub(super) fn note_outcome(&mut self, outcome: Outcome) {
        self.open_exchange.note_outcome(outcome);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let Meter { sent, received, .. } = &self.meter;
        self.open_exchange.note_sent(sent.load(Ordering::Relaxed));
        self.open_exchange
            .note_received(received.load(Ordering::Relaxed));
    }
}
