//! Bounds the time that a request head may take to arrive. Pingora bounds each read but not their sum, so a slow sender could
//! keep a connection for ever.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Whether a connection is between two requests.
#[derive(Debug)]
pub(super) struct HeaderDeadline {
    limit: Duration,
    /// Odd while a head is expected; 0 until the first, and for ever on HTTP/2, which bounds its heads itself.
    turn: AtomicU64,
}

/// The head that is arriving.
#[derive(Debug, Default)]
pub(super) struct Arriving {
    turn: u64,
    /// When it has to be there; `None` until its first byte.
    until: Option<Instant>,
    /// Made for those only that come in pieces.
    timer: Option<Pin<Box<Sleep>>>,
}

impl HeaderDeadline {
    /// Heads may take this long, from their first byte.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            turn: AtomicU64::new(0),
        }
    }

    /// Returns how long a head may take.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Expects the first head of an HTTP/1.1 connection.
    pub(super) fn begin(&self) {
        self.turn.store(1, Ordering::Release);
    }

    /// Returns whether what comes is a head.
    pub(super) fn is_expected(&self) -> bool {
        self.turn.load(Ordering::Acquire) % 2 == 1
    }

    /// Notes that a head has arrived; returns whether [`HeaderDeadline::resume`] must follow, which HTTP/2 does not need.
    pub(super) fn pause(&self) -> bool {
        if self.turn.load(Ordering::Acquire) == 0 {
            return false;
        }
        self.turn.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// Expects the next head.
    pub(super) fn resume(&self) {
        self.turn.fetch_add(1, Ordering::AcqRel);
    }
}

impl Arriving {
    /// Notes that bytes have come.
    ///
    /// # Errors
    /// When they came too late.
    pub(super) fn note(&mut self, header_deadline: &HeaderDeadline) -> io::Result<()> {
        if !self.is_expected(header_deadline) {
            return Ok(());
        }
        let now = Instant::now();
        let until = *self.until.get_or_insert(now + header_deadline.limit);
        if now > until { Err(late()) } else { Ok(()) }
    }

    /// Waits until the head that has begun is too late; for ever when none has begun.
    pub(super) fn poll_late(
        &mut self,
        header_deadline: &HeaderDeadline,
        cx: &mut Context<'_>,
    ) -> Poll<io::Error> {
        if !self.is_expected(header_deadline) {
            return Poll::Pending;
        }
        let Some(until) = self.until else {
            return Poll::Pending;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(late())
    }

    /// Forgets what came of an earlier head.
    fn is_expected(&mut self, header_deadline: &HeaderDeadline) -> bool {
        let turn = header_deadline.turn.load(Ordering::Acquire);
        if turn != self.turn {
            *self = Self {
                turn,
                ..Self::default()
            };
        }
        turn % 2 == 1
    }
}

/// What ends a connection whose head came too late.
pub(super) fn late() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        "the request head did not arrive in time",
    )
}
