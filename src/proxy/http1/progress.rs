//! Notes what an exchange waits for and since when, in both directions, and says what a silence that is too long means.
//!
//! There is one timer a connection. It is set again when it has run out, or when something is due earlier, and not for every byte.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::proxy::Timeouts;
use crate::proxy::watch::Extent;

/// The agent has more of its request to send.
const OWES: u8 = 1;
/// A write to the upstream is not done.
const SENDING: u8 = 2;
/// A write to the agent is not done.
const WRITING: u8 = 4;
/// The last head of the answer is there.
const ANSWERING: u8 = 8;
/// The answer has no end of its own.
const STREAM: u8 = 16;
/// Bytes of the answer were written to the agent.
const TOLD: u8 = 32;

/// The request has not passed to its last byte.
const UNSENT: u8 = 64;
/// The next head has begun to come.
const HEADING: u8 = 128;

/// What a connection waits for.
#[derive(Debug)]
pub(super) struct Progress {
    begun: Instant,
    /// When a byte passed last, in microseconds from the beginning.
    last: AtomicU64,
    flags: AtomicU8,
    /// Bytes of the request's body that were passed on.
    sent: AtomicU64,
}

/// The side that an exchange has waited for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// The agent does not send the rest of its request.
    AgentSends,
    /// The agent does not read its answer.
    AgentReads,
    /// The upstream does not read the request.
    UpstreamReads,
    /// The upstream does not answer.
    UpstreamSends,
    /// The answer has begun, the request has not ended, and neither goes on.
    Both,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            last: AtomicU64::new(0),
            flags: AtomicU8::new(0),
            sent: AtomicU64::new(0),
        }
    }

    /// Notes that a byte has passed.
    pub(super) fn touch(&self) {
        let now = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Notes that a byte of the answer has passed. Before its last head, none puts off the time that it may take to begin.
    pub(super) fn touch_answer(&self) {
        if self.is(ANSWERING) {
            self.touch();
        }
    }

    /// Notes that a part of the next head is there; from its first byte on there is a time for all of it.
    pub(super) fn begin_head(&self) {
        if !self.is(HEADING) {
            self.flags.fetch_or(HEADING, Ordering::Relaxed);
            self.touch();
        }
    }

    /// Forgets the exchange before this one.
    pub(super) fn reset(&self) {
        self.flags.store(0, Ordering::Relaxed);
        self.touch();
    }

    /// Begins to send a request, once more where that has failed.
    pub(super) fn begin(&self, owes_body: bool, extent: Extent) {
        let stream = if extent == Extent::Stream { STREAM } else { 0 };
        let owes = if owes_body { OWES } else { 0 };
        self.flags.store(UNSENT | stream | owes, Ordering::Relaxed);
        self.touch();
    }

    /// Notes that the request has passed to its last byte.
    pub(super) fn end_request(&self) {
        self.flags.fetch_and(!(OWES | UNSENT), Ordering::Relaxed);
    }

    /// Returns whether the request has passed to its last byte.
    pub(super) fn is_sent(&self) -> bool {
        !self.is(UNSENT)
    }

    /// Returns whether the agent has more of its request to send.
    pub(super) fn owes_body(&self) -> bool {
        self.is(OWES)
    }

    /// Notes that the last head of the answer is there.
    pub(super) fn begin_answer(&self, extent: Extent) {
        self.flags.fetch_or(ANSWERING, Ordering::Relaxed);
        self.touch();
        match extent {
            Extent::Stream => self.flags.fetch_or(STREAM, Ordering::Relaxed),
            Extent::Bounded => self.flags.fetch_and(!STREAM, Ordering::Relaxed),
        };
    }

    /// Returns whether the exchange has an end of its own.
    pub(super) fn extent(&self) -> Extent {
        if self.is(STREAM) {
            Extent::Stream
        } else {
            Extent::Bounded
        }
    }

    /// Notes that the agent has been told the beginning of its answer.
    pub(super) fn start_response(&self) {
        self.flags.fetch_or(TOLD, Ordering::Relaxed);
    }

    /// Returns whether the agent has been told the beginning of its answer.
    pub(super) fn is_response_started(&self) -> bool {
        self.is(TOLD)
    }

    /// Notes bytes of the request's body that are passed on.
    pub(super) fn note_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns how many there were since the last time.
    pub(super) fn take_sent(&self) -> u64 {
        self.sent.swap(0, Ordering::Relaxed)
    }

    /// Does a write to the upstream.
    pub(super) async fn sending<T>(&self, write: impl Future<Output = T>) -> T {
        self.flags.fetch_or(SENDING, Ordering::Relaxed);
        let written = write.await;
        self.flags.fetch_and(!SENDING, Ordering::Relaxed);
        self.touch();
        written
    }

    /// Does a write to the agent.
    pub(super) async fn writing<T>(&self, write: impl Future<Output = T>) -> T {
        self.flags.fetch_or(WRITING, Ordering::Relaxed);
        let written = write.await;
        self.flags.fetch_and(!WRITING, Ordering::Relaxed);
        self.touch();
        written
    }

    /// Waits until an exchange was silent for too long.
    pub(super) async fn silence(
        &self,
        timer: &mut Pin<Box<Sleep>>,
        timeouts: &Timeouts,
    ) -> Silence {
        poll_fn(|cx| {
            let of = || self.limit(timeouts);
            self.poll(timer, cx, of)
        })
        .await
    }

    /// Waits until no head has come for too long, or not all of one.
    pub(super) async fn idle(&self, timer: &mut Pin<Box<Sleep>>, timeouts: &Timeouts) {
        let limit = || {
            let is_begun = self.is(HEADING);
            let limit = if is_begun {
                timeouts.request_head
            } else {
                timeouts.idle
            };
            (limit, ())
        };
        poll_fn(|cx| self.poll(timer, cx, limit)).await;
    }

    fn poll<T>(
        &self,
        timer: &mut Pin<Box<Sleep>>,
        cx: &mut Context<'_>,
        limit: impl Fn() -> (Duration, T),
    ) -> Poll<T> {
        loop {
            let (limit, meaning) = limit();
            let last = Duration::from_micros(self.last.load(Ordering::Relaxed));
            let due = self.begun + last + limit;
            if due < timer.deadline() {
                timer.as_mut().reset(due);
            }
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= due {
                return Poll::Ready(meaning);
            }
            timer.as_mut().reset(due);
        }
    }

    /// Returns how long nothing may pass now, and what it means.
    fn limit(&self, timeouts: &Timeouts) -> (Duration, Silence) {
        let Timeouts {
            request_head,
            first_byte,
            idle,
            ..
        } = *timeouts;
        if self.is(WRITING) {
            return (idle, Silence::AgentReads);
        }
        if self.is(SENDING) {
            return (idle, Silence::UpstreamReads);
        }
        match (self.is(ANSWERING), self.is(OWES)) {
            (false, true) => (request_head, Silence::AgentSends),
            (false, false) => (first_byte, Silence::UpstreamSends),
            (true, true) => (idle, Silence::Both),
            (true, false) => (idle, Silence::UpstreamSends),
        }
    }

    fn is(&self, flag: u8) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts {
        request_head: Duration::from_secs(1),
        connect: Duration::from_secs(2),
        first_byte: Duration::from_secs(4),
        idle: Duration::from_secs(3),
    };

    #[test]
    fn each_silence_has_its_own_patience() {
        let progress = Progress::new();
        let now = |progress: &Progress| {
            let (limit, silence) = progress.limit(&TIMEOUTS);
            (limit.as_secs(), silence)
        };
        progress.begin(true, Extent::Bounded);
        assert_eq!(now(&progress), (1, Silence::AgentSends));
        progress.begin_answer(Extent::Stream);
        assert_eq!(now(&progress), (3, Silence::Both));
        progress.end_request();
        assert_eq!(now(&progress), (3, Silence::UpstreamSends));
        progress.begin(false, Extent::Bounded);
        assert_eq!(now(&progress), (4, Silence::UpstreamSends));
    }

    #[tokio::test]
    async fn a_write_that_waits_is_response_started_apart() {
        let progress = Progress::new();
        progress.begin(false, Extent::Bounded);
        progress
            .sending(async {
                assert_eq!(
                    progress.limit(&TIMEOUTS).1,
                    Silence::UpstreamReads,
                    "sending"
                );
            })
            .await;
        progress
            .writing(async {
                assert_eq!(progress.limit(&TIMEOUTS).1, Silence::AgentReads);
            })
            .await;
        assert_eq!(progress.limit(&TIMEOUTS).1, Silence::UpstreamSends);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_before_the_last_head_do_not_put_off_its_end() {
        let progress = Progress::new();
        progress.begin(false, Extent::Bounded);
        let begun = progress.last.load(Ordering::Relaxed);
        tokio::time::advance(Duration::from_secs(1)).await;
        progress.touch_answer();
        assert_eq!(progress.last.load(Ordering::Relaxed), begun);
        progress.begin_answer(Extent::Bounded);
        assert!(progress.last.load(Ordering::Relaxed) > begun);
    }

    #[tokio::test]
    async fn a_timer_that_runs_out_early_is_set_again() {
        let progress = Progress::new();
        let mut timer = Box::pin(tokio::time::sleep(Duration::ZERO));
        timer.as_mut().await;
        {
            let waits = progress.idle(&mut timer, &TIMEOUTS);
            tokio::pin!(waits);
            tokio::select! {
                biased;
                () = waits => panic!("nothing was silent for so long"),
                () = std::future::ready(()) => {}
            }
        }
        assert!(timer.deadline() > Instant::now());
        // What is due earlier sets it as well.
        let none = Timeouts {
            idle: Duration::ZERO,
            ..TIMEOUTS
        };
        progress.idle(&mut timer, &none).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_time_from_its_first_byte_on() {
        let progress = Progress::new();
        let mut timer = Box::pin(tokio::time::sleep(Duration::ZERO));
        tokio::time::advance(Duration::from_millis(2_500)).await;
        progress.begin_head();
        tokio::time::advance(Duration::from_millis(700)).await;
        // More of it does not put that off.
        progress.begin_head();
        let begun = Instant::now();
        progress.idle(&mut timer, &TIMEOUTS).await;
        assert_eq!(begun.elapsed().as_millis(), 300);
    }
}
