//! Keeps the tokens that were minted from a credential beside it, and says who mints the next one.
//!
//! INVARIANT: of all requests that wait for a token exactly one flight mints it, also while the credential is replaced, and a token
//! that was refused is never used again.

mod flight;
mod room;
mod slot;
mod token;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::model::secret::Secret;
use room::{MAX_SLOTS, make_room};
use slot::Slot;

pub use flight::{Flight, MintFailure, MintResult, Refused, ReplacedFields, Taken, Waiting};
pub use token::MintedToken;

/// How long a refusal by the upstream renews nothing, after a renewal that did not help or that nothing shows the help of.
const USELESS: Duration = Duration::from_secs(60);

/// The tokens of one credential. They are no part of what the credential is: a copy has none, and two credentials are equal
/// without them.
#[derive(Default)]
pub struct MintedTokens {
    shared: Arc<Shared>,
    /// Which replacement of the credential this handle belongs to.
    epoch: u64,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// How often a token came.
    count: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The newest replacement. Handles of earlier ones get nothing any more.
    epoch: u64,
    slots: BTreeMap<Box<str>, Slot>,
    /// Tokens of slots that made room.
    forgotten: VecDeque<Arc<MintedToken>>,
    /// `None` where the vault was not asked yet.
    replaced: Option<ReplacedFields>,
}

// === impl MintedTokens ===

impl MintedTokens {
    /// Returns the tokens for a credential that takes the place of this one: nothing that was minted is used any more, all of it
    /// is still searched for, and a flight that is under way ends before the next one begins.
    #[must_use]
    pub fn carried_over(&self) -> Self {
        let mut state = self.shared.state.lock();
        state.epoch += 1;
        for slot in state.slots.values_mut() {
            slot.retire();
            (slot.failure, slot.useless_until) = (None, None);
        }
        if let Some(before) = state.replaced.take() {
            state.keep_searched(before.fields);
        }
        let epoch = state.epoch;
        drop(state);
        self.shared.tell();
        let shared = Arc::clone(&self.shared);
        Self { shared, epoch }
    }

    /// Says what a request does that needs the token of a slot.
    #[must_use]
    pub fn take(&self, name: &str, now: SystemTime) -> Taken {
        let mut state = self.shared.state.lock();
        if state.epoch != self.epoch {
            return Taken::Failed(MintFailure::new("the credential was replaced meanwhile"));
        }
        let State {
            slots, forgotten, ..
        } = &mut *state;
        if !slots.contains_key(name) {
            make_room(slots, forgotten, now);
            if slots.len() >= MAX_SLOTS {
                return Taken::Failed(MintFailure::new("too many tokens are in use"));
            }
        }
        let slot = slots.entry(name.into()).or_default();
        if let Some(waiting) = slot.outdated(self.epoch) {
            return Taken::Outdated(waiting);
        }
        let usable = slot.current.clone().filter(|token| token.is_usable(now));
        let flying = slot.flying();
        match (usable, flying) {
            (Some(token), flying) if flying.is_some() || !token.is_due(now) => Taken::Ready(token),
            (Some(token), _) if slot.pausing(now).is_some() => Taken::Ready(token),
            (Some(token), _) => {
                let (flight, _) = slot.start(name, self.epoch);
                Taken::Due(token, flight)
            }
            (None, Some(waiting)) => Taken::Flying(waiting),
            (None, None) => match slot.pausing(now) {
                Some(failure) => Taken::Failed(failure),
                None => {
                    let (flight, waiting) = slot.start(name, self.epoch);
                    Taken::Missing(flight, waiting)
                }
            },
        }
    }

    /// Ends a flight, and wakes all that wait for it. A token of what the credential was before is only searched for.
    pub fn finish(
        &self,
        flight: Flight,
        minted: Result<MintedToken, MintFailure>,
        now: SystemTime,
    ) {
        let Flight {
            slot: name,
            epoch,
            finished,
        } = flight;
        let result = minted.map(Arc::new);
        {
            let mut state = self.shared.state.lock();
            let is_outdated = state.epoch != epoch;
            let slot = state.slots.entry(name).or_default();
            slot.flight = None;
            match &result {
                Ok(token) if is_outdated => slot.remember(Arc::clone(token)),
                Ok(token) => {
                    slot.retire();
                    slot.current = Some(Arc::clone(token));
                    slot.failure = None;
                }
                Err(_) if is_outdated => {}
                Err(failure) => slot.note_failure(failure.clone(), now),
            }
        }
        self.shared.tell();
        finished.send_replace(Some(result));
    }

    /// Takes back a token that the upstream refuses; returns whether another one may be minted in its place.
    ///
    /// Of requests that do not go again nothing shows whether a renewal helps, so they cause one a minute at most.
    pub fn refuse(
        &self,
        name: &str,
        (token, then): (&Arc<MintedToken>, Refused),
        now: SystemTime,
    ) -> bool {
        let mut state = self.shared.state.lock();
        if state.epoch != self.epoch {
            return false;
        }
        let Some(slot) = state.slots.get_mut(name) else {
            return false;
        };
        if slot.useless_until.is_some_and(|until| now < until) {
            return false;
        }
        let is_current = |current: &Arc<MintedToken>| Arc::ptr_eq(current, token);
        if !slot.current.as_ref().is_some_and(is_current) {
            return true;
        }
        if then == Refused::Passes {
            if slot.blind_until.is_some_and(|until| now < until) {
                return false;
            }
            slot.blind_until = now.checked_add(USELESS);
        }
        slot.retire();
        true
    }

    /// Notes that the upstream refuses a token that was renewed for it: renewing again would not help.
    pub fn note_useless(&self, name: &str, now: SystemTime) {
        if let Some(slot) = self.shared.state.lock().slots.get_mut(name) {
            slot.useless_until = now.checked_add(USELESS);
        }
    }

    /// Returns a number that is another one after each flight.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.shared.count.load(Ordering::Acquire)
    }

    /// Returns every token that may still work.
    #[must_use]
    pub fn tokens(&self) -> Vec<Arc<MintedToken>> {
        let state = self.shared.state.lock();
        let slots = state.slots.values();
        let tokens = slots.flat_map(|slot| slot.current.iter().chain(&slot.past));
        tokens.chain(&state.forgotten).cloned().collect()
    }

    /// Returns every secret that was minted and may still work.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        let tokens = self.tokens();
        let minted = tokens
            .iter()
            .flat_map(|token| token.fields().values().cloned());
        let mut secrets: Vec<Secret> = minted.collect();
        let state = self.shared.state.lock();
        let replaced = state.replaced.iter();
        secrets.extend(replaced.flat_map(|replaced| replaced.fields.values().cloned()));
        secrets
    }

    /// Returns the fields that a token endpoint has replaced; `None` where they were not read from the vault yet.
    #[must_use]
    pub fn replaced(&self) -> Option<ReplacedFields> {
        let state = self.shared.state.lock();
        let is_own = state.epoch == self.epoch;
        state.replaced.clone().filter(|_| is_own)
    }

    /// Keeps the fields that a token endpoint has replaced. Those of what the credential was before are only searched for.
    pub fn note_replaced(&self, replaced: ReplacedFields) {
        let mut state = self.shared.state.lock();
        if state.epoch == self.epoch {
            state.replaced = Some(replaced);
        } else {
            state.keep_searched(replaced.fields);
        }
        drop(state);
        self.shared.tell();
    }
}

impl Shared {
    fn tell(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
    }
}

impl State {
    /// Keeps secrets beside the tokens that are not used any more.
    fn keep_searched(&mut self, fields: BTreeMap<String, Secret>) {
        if !fields.is_empty() {
            let token = MintedToken::new(fields, SystemTime::UNIX_EPOCH, None);
            self.slots
                .entry("".into())
                .or_default()
                .remember(Arc::new(token));
        }
    }
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
        assert!(tokens.refuse("", (&old, Refused::Repeats), START));
        tokens.finish(fly(&tokens, START), Ok(token(100)), START);
        // Another request finds out only now.
        assert!(tokens.refuse("", (&old, Refused::Repeats), START));
        let Taken::Ready(new) = tokens.take("", START) else {
            panic!("it was renewed");
        };
        assert!(!Arc::ptr_eq(&old, &new));
        assert_eq!(tokens.secrets().len(), 2);
        tokens.note_useless("", START);
        assert!(!tokens.refuse("", (&new, Refused::Repeats), START));
        assert!(matches!(tokens.take("", START), Taken::Ready(_)));
    }

    #[tokio::test]
    async fn a_replaced_credential_waits_for_the_flight_of_the_one_before() {
        let before = MintedTokens::default();
        let flight = fly(&before, START);
        before.note_replaced(ReplacedFields {
            fields: BTreeMap::from([("r".to_owned(), Secret::from("refresh-token".to_owned()))]),
            is_sealed: true,
        });
        let after = before.carried_over();
        assert!(after.replaced().is_none(), "it is read again");
        assert!(matches!(before.take("", START), Taken::Failed(_)));
        let Taken::Outdated(waiting) = after.take("", START) else {
            panic!("the earlier flight may spend the refresh token");
        };
        before.finish(flight, Ok(token(100)), START);
        assert!(waiting.finished().await.is_ok());
        assert!(matches!(after.take("", START), Taken::Missing(..)));
        assert_eq!(after.secrets().len(), 2, "both are searched for");
        assert_eq!(before.count(), after.count());
    }

    #[test]
    fn refusals_of_what_cannot_go_again_renew_once_a_minute() {
        let tokens = MintedTokens::default();
        let mut renewed = 0;
        for second in 0..120 {
            let token = match tokens.take("", at(second)) {
                Taken::Ready(token) => token,
                Taken::Missing(flight, _) => {
                    renewed += 1;
                    tokens.finish(flight, Ok(token(3600)), at(second));
                    continue;
                }
                other => panic!("{other:?}"),
            };
            tokens.refuse("", (&token, Refused::Passes), at(second));
        }
        assert_eq!(renewed, 3, "the first, and one for each minute");
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
    fn slots_that_make_room_are_still_searched_for() {
        let tokens = MintedTokens::default();
        for name in 0..2 * MAX_SLOTS {
            let name = name.to_string();
            let Taken::Missing(flight, _) = tokens.take(&name, START) else {
                panic!("no room for {name}");
            };
            let fields = BTreeMap::from([("t".to_owned(), Secret::from(format!("token {name}")))]);
            let minted = MintedToken::new(fields, START, Some(Duration::from_secs(100)));
            tokens.finish(flight, Ok(minted), START);
            let Taken::Ready(token) = tokens.take(&name, START) else {
                panic!("{name} has none");
            };
            tokens.refuse(&name, (&token, Refused::Passes), START);
        }
        assert_eq!(tokens.secrets().len(), 2 * MAX_SLOTS);
        assert!(tokens.shared.state.lock().slots.len() <= MAX_SLOTS);
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
