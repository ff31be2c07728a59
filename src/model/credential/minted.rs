//! Keeps the tokens that were minted from a credential beside it, and says who mints the next one.
//!
//! INVARIANT: of all requests that wait for a token exactly one flight mints it, and a token that was refused is never used again.

mod slot;
mod token;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::model::secret::Secret;
use slot::Slot;

pub use token::MintedToken;

/// Why nothing was minted. The text is for the log and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MintFailure(Arc<str>);

/// How long a refusal by the upstream renews nothing, after a renewal that did not help.
const USELESS: Duration = Duration::from_secs(60);

/// Most slots of one credential; agents choose what a slot is named by.
const MAX_SLOTS: usize = 256;

/// How a flight has ended.
pub type MintResult = Result<Arc<MintedToken>, MintFailure>;

/// The right and the duty to mint one token. Dropping it lets the next request mint.
pub struct Flight {
    slot: Box<str>,
    finished: watch::Sender<Option<MintResult>>,
}

/// Waits for a flight of another request.
pub struct Waiting(watch::Receiver<Option<MintResult>>);

/// What a request that needs a token does.
#[derive(Debug)]
pub enum Taken {
    /// Uses this token as it is.
    Ready(Arc<MintedToken>),
    /// Uses this one, and sends off the flight that renews it.
    Due(Arc<MintedToken>, Flight),
    /// Sends the flight off, and waits for it.
    Missing(Flight, Waiting),
    /// Waits for the flight of another.
    Flying(Waiting),
    /// Is refused: it failed a moment ago.
    Failed(MintFailure),
}

/// The tokens of one credential. They are no part of what the credential is: a copy has none, and two credentials are equal
/// without them.
#[derive(Default)]
pub struct MintedTokens {
    slots: Mutex<BTreeMap<Box<str>, Slot>>,
    /// How often a token came.
    count: AtomicU64,
    /// Fields that a token endpoint has replaced, as they are sealed.
    rotated: Mutex<Option<BTreeMap<String, Secret>>>,
}

// === impl MintFailure ===

impl MintFailure {
    /// Makes a failure of a reason without a secret.
    #[must_use]
    pub fn new(reason: &str) -> Self {
        Self(reason.into())
    }
}

// === impl Flight ===

impl Flight {
    /// Returns the name of the slot that it mints for.
    #[must_use]
    pub fn slot(&self) -> &str {
        &self.slot
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").finish_non_exhaustive()
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

// === impl Waiting ===

impl Waiting {
    /// Waits until the flight has ended. Safe to drop: the flight goes on.
    ///
    /// # Errors
    /// Why nothing was minted.
    pub async fn finished(mut self) -> MintResult {
        let finished = self.0.wait_for(Option::is_some).await;
        let finished = finished.ok().and_then(|finished| finished.clone());
        finished.unwrap_or_else(|| Err(MintFailure::new("minting broke off")))
    }
}

// === impl MintedTokens ===

impl MintedTokens {
    /// Says what a request does that needs the token of a slot.
    #[must_use]
    pub fn take(&self, name: &str, now: SystemTime) -> Taken {
        let mut slots = self.slots.lock();
        if !slots.contains_key(name) {
            make_room(&mut slots, now);
            if slots.len() >= MAX_SLOTS {
                return Taken::Failed(MintFailure::new("too many tokens are in use"));
            }
        }
        let slot = slots.entry(name.into()).or_default();
        let usable = slot.current.clone().filter(|token| token.is_usable(now));
        let flying = slot.flying();
        match (usable, flying) {
            (Some(token), flying) if flying.is_some() || !token.is_due(now) => Taken::Ready(token),
            (Some(token), _) if slot.pausing(now).is_some() => Taken::Ready(token),
            (Some(token), _) => {
                let (flight, _) = slot.start(name);
                Taken::Due(token, flight)
            }
            (None, Some(waiting)) => Taken::Flying(waiting),
            (None, None) => match slot.pausing(now) {
                Some(failure) => Taken::Failed(failure),
                None => {
                    let (flight, waiting) = slot.start(name);
                    Taken::Missing(flight, waiting)
                }
            },
        }
    }

    /// Ends a flight, and wakes all that wait for it.
    pub fn finish(
        &self,
        flight: Flight,
        minted: Result<MintedToken, MintFailure>,
        now: SystemTime,
    ) {
        let Flight {
            slot: name,
            finished,
        } = flight;
        let result = minted.map(Arc::new);
        {
            let mut slots = self.slots.lock();
            let slot = slots.entry(name).or_default();
            slot.flight = None;
            match &result {
                Ok(token) => {
                    slot.retire();
                    slot.current = Some(Arc::clone(token));
                    slot.failure = None;
                }
                Err(failure) => slot.note_failure(failure.clone(), now),
            }
        }
        self.count.fetch_add(1, Ordering::AcqRel);
        finished.send_replace(Some(result));
    }

    /// Takes back a token that the upstream refuses; returns whether another one may be minted in its place.
    pub fn refuse(&self, name: &str, token: &Arc<MintedToken>, now: SystemTime) -> bool {
        let mut slots = self.slots.lock();
        let Some(slot) = slots.get_mut(name) else {
            return false;
        };
        if slot.useless_until.is_some_and(|until| now < until) {
            return false;
        }
        let is_current = |current: &Arc<MintedToken>| Arc::ptr_eq(current, token);
        if slot.current.as_ref().is_some_and(is_current) {
            slot.retire();
        }
        true
    }

    /// Notes that the upstream refuses a token that was renewed for it: renewing again would not help.
    pub fn note_useless(&self, name: &str, now: SystemTime) {
        if let Some(slot) = self.slots.lock().get_mut(name) {
            slot.useless_until = now.checked_add(USELESS);
        }
    }

    /// Returns a number that is another one after each flight.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Returns every token that may still work.
    #[must_use]
    pub fn tokens(&self) -> Vec<Arc<MintedToken>> {
        let slots = self.slots.lock();
        let tokens = slots
            .values()
            .flat_map(|slot| slot.current.iter().chain(&slot.past));
        tokens.cloned().collect()
    }

    /// Returns every secret that was minted and may still work.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        let tokens = self.tokens();
        let minted = tokens
            .iter()
            .flat_map(|token| token.fields().values().cloned());
        let mut secrets: Vec<Secret> = minted.collect();
        let rotated = self.rotated.lock();
        secrets.extend(rotated.iter().flat_map(|fields| fields.values().cloned()));
        secrets
    }

    /// Returns why the last flight failed, of any slot that has no token since.
    #[must_use]
    pub fn failure(&self) -> Option<MintFailure> {
        let slots = self.slots.lock();
        let mut failures = slots.values().filter_map(|slot| slot.failure.as_ref());
        failures.next().map(|failed| failed.failure.clone())
    }

    /// Returns the fields that a token endpoint has replaced; `None` where they were not read from the vault yet.
    #[must_use]
    pub fn rotated(&self) -> Option<BTreeMap<String, Secret>> {
        self.rotated.lock().clone()
    }

    /// Keeps the fields that a token endpoint has replaced.
    pub fn note_rotated(&self, fields: BTreeMap<String, Secret>) {
        *self.rotated.lock() = Some(fields);
        self.count.fetch_add(1, Ordering::AcqRel);
    }

    /// Forgets all tokens. A flight still ends, for those that wait.
    pub fn forget(&self) {
        for slot in self.slots.lock().values_mut() {
            slot.current = None;
            slot.past.clear();
        }
        *self.rotated.lock() = None;
        self.count.fetch_add(1, Ordering::AcqRel);
    }
}

/// Forgets slots that hold nothing, where there are many.
fn make_room(slots: &mut BTreeMap<Box<str>, Slot>, now: SystemTime) {
    if slots.len() < MAX_SLOTS {
        return;
    }
    slots.retain(|_, slot| {
        let usable = slot.current.as_ref();
        usable.is_some_and(|token| token.is_usable(now)) || slot.flying().is_some()
    });
}

impl Clone for MintedTokens {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for MintedTokens {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for MintedTokens {}

impl fmt::Debug for MintedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MintedTokens(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn token(lifetime: u64) -> MintedToken {
        let fields = BTreeMap::from([("t".to_owned(), Secret::from("minted-token".to_owned()))]);
        MintedToken::new(fields, START, Some(Duration::from_secs(lifetime)))
    }

    fn at(seconds: u64) -> SystemTime {
        START + Duration::from_secs(seconds)
    }

    fn fly(tokens: &MintedTokens, now: SystemTime) -> Flight {
        match tokens.take("", now) {
            Taken::Missing(flight, _) | Taken::Due(_, flight) => flight,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn one_flies_and_all_others_wait_for_it() {
        let tokens = MintedTokens::default();
        let Taken::Missing(flight, waiting) = tokens.take("", START) else {
            panic!("nothing was minted yet");
        };
        let Taken::Flying(other) = tokens.take("", START) else {
            panic!("one flies already");
        };
        tokens.finish(flight, Ok(token(100)), START);
        let (one, other) = (
            waiting.finished().await.unwrap(),
            other.finished().await.unwrap(),
        );
        assert!(Arc::ptr_eq(&one, &other));
        assert!(matches!(tokens.take("", at(1)), Taken::Ready(_)));
    }

    #[test]
    fn a_token_is_renewed_ahead_of_its_end_and_not_used_after_it() {
        let tokens = MintedTokens::default();
        tokens.finish(fly(&tokens, START), Ok(token(100)), START);
        assert!(matches!(tokens.take("", at(79)), Taken::Ready(_)));
        let Taken::Due(_, flight) = tokens.take("", at(80)) else {
            panic!("it is due");
        };
        assert!(matches!(tokens.take("", at(90)), Taken::Ready(_)));
        assert!(matches!(tokens.take("", at(95)), Taken::Flying(_)));
        tokens.finish(flight, Err(MintFailure::new("down")), at(95));
        assert!(matches!(tokens.take("", at(95)), Taken::Failed(_)));
        assert!(matches!(tokens.take("", at(96)), Taken::Missing(..)));
    }

    #[test]
    fn failures_are_told_for_longer_and_longer() {
        let tokens = MintedTokens::default();
        let mut now = START;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            let flight = fly(&tokens, now);
            tokens.finish(flight, Err(MintFailure::new("down")), now);
            let last = now + Duration::from_millis(pause * 1000 - 1);
            assert!(matches!(tokens.take("", last), Taken::Failed(_)), "{pause}");
            now += Duration::from_secs(pause);
        }
    }

    #[tokio::test]
    async fn a_flight_that_is_lost_is_flown_again() {
        let tokens = MintedTokens::default();
        let Taken::Missing(flight, waiting) = tokens.take("", START) else {
            panic!("nothing was minted yet");
        };
        drop(flight);
        assert!(waiting.finished().await.is_err());
        assert!(matches!(tokens.take("", START), Taken::Missing(..)));
    }

    #[test]
    fn a_refused_token_is_not_used_again_but_still_searched_for() {
        let tokens = MintedTokens::default();
        tokens.finish(fly(&tokens, START), Ok(token(100)), START);
        let Taken::Ready(old) = tokens.take("", START) else {
            panic!("it is there");
        };
        assert!(tokens.refuse("", &old, START));
        tokens.finish(fly(&tokens, START), Ok(token(100)), START);
        // Another request finds out only now.
        assert!(tokens.refuse("", &old, START));
        let Taken::Ready(new) = tokens.take("", START) else {
            panic!("it was renewed");
        };
        assert!(!Arc::ptr_eq(&old, &new));
        assert_eq!(tokens.secrets().len(), 2);
        tokens.note_useless("", START);
        assert!(!tokens.refuse("", &new, START));
        assert!(matches!(tokens.take("", START), Taken::Ready(_)));
    }

    #[test]
    fn what_agents_name_fills_a_bounded_number_of_slots() {
        let tokens = MintedTokens::default();
        let mut flights = Vec::new();
        for name in 0..MAX_SLOTS {
            match tokens.take(&name.to_string(), START) {
                Taken::Missing(flight, _) => flights.push(flight),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(tokens.take("more", START), Taken::Failed(_)));
        flights.clear();
        assert!(matches!(tokens.take("more", START), Taken::Missing(..)));
    }

    #[test]
    fn copies_and_debug_hold_nothing() {
        let tokens = MintedTokens::default();
        tokens.finish(fly(&tokens, START), Ok(token(100)), START);
        assert!(tokens.clone().secrets().is_empty());
        let taken = tokens.take("", START);
        assert!(!format!("{tokens:?} {taken:?}").contains("minted-token"));
    }
}
