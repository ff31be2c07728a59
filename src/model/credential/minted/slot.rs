//! Keeps the tokens that one name has: the one that is used, those that it replaced, and the flight that mints the next one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::flight::{Flight, MintFailure, MintResult, Waiting};
use super::token::MintedToken;

/// Pause after a failure; each further one doubles it, up to `LONGEST_PAUSE`.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Most replaced tokens of one slot that answers are still searched for.
const MAX_PAST: usize = 8;

#[derive(Default)]
pub(super) struct Slot {
    pub(super) current: Option<Arc<MintedToken>>,
    pub(super) past: VecDeque<Arc<MintedToken>>,
    pub(super) flight: Option<Flying>,
    pub(super) failure: Option<Failed>,
    pub(super) useless_until: Option<SystemTime>,
    /// Until when a refusal that no second attempt follows renews nothing.
    pub(super) blind_until: Option<SystemTime>,
}

/// A flight as those see it that wait.
pub(super) struct Flying {
    epoch: u64,
    finished: watch::Receiver<Option<MintResult>>,
}

pub(super) struct Failed {
    pub(super) failure: MintFailure,
    pub(super) pause: Duration,
    pub(super) until: SystemTime,
}

// === impl Slot ===

impl Slot {
    /// Returns the flight that is under way; one whose task is gone is none.
    pub(super) fn flying(&self) -> Option<Waiting> {
        let flight = self.flight.as_ref()?;
        flight.finished.has_changed().ok()?;
        Some(Waiting(flight.finished.clone()))
    }

    /// Returns the flight that is under way where it began before this replacement of the credential.
    pub(super) fn outdated(&self, epoch: u64) -> Option<Waiting> {
        self.flying().filter(|_| {
            self.flight
                .as_ref()
                .is_some_and(|flight| flight.epoch != epoch)
        })
    }

    pub(super) fn start(&mut self, name: &str, epoch: u64) -> (Flight, Waiting) {
        let (sender, finished) = watch::channel(None);
        self.flight = Some(Flying {
            epoch,
            finished: finished.clone(),
        });
        let flight = Flight {
            slot: name.into(),
            epoch,
            finished: sender,
        };
        (flight, Waiting(finished))
    }

    pub(super) fn pausing(&self, now: SystemTime) -> Option<MintFailure> {
        let failed = self.failure.as_ref()?;
        (now < failed.until).then(|| failed.failure.clone())
    }

    pub(super) fn note_failure(&mut self, failure: MintFailure, now: SystemTime) {
        let before = self.failure.as_ref().map(|failed| failed.pause);
        let pause = before.map_or(PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
        let until = now.checked_add(pause).unwrap_or(now);
        self.failure = Some(Failed {
            failure,
            pause,
            until,
        });
    }

    pub(super) fn retire(&mut self) {
        if let Some(token) = self.current.take() {
            self.remember(token);
        }
    }

    /// Keeps a token only to be searched for in answers.
    pub(super) fn remember(&mut self, token: Arc<MintedToken>) {
        self.past.push_back(token);
        while self.past.len() > MAX_PAST {
            self.past.pop_front();
        }
    }
}
