//! Properties over generated inputs: a failure prints the seed that repeats it, and a property that holds because it said
//! nothing fails.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};

use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// Whether a property asserts anything of an input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Made,
    /// The input is not one of those that the property is about.
    None,
}

/// How many inputs a property is given, and of how many of them it must make a claim.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cases {
    given: u32,
    claimed: u32,
}

impl Cases {
    pub(crate) fn given(given: u32) -> Self {
        Self { given, claimed: 1 }
    }

    pub(crate) fn claimed(self, claimed: u32) -> Self {
        Self { claimed, ..self }
    }
}

/// Asserts a property of generated inputs. A failure prints the smallest input that fails, and the seed.
pub(crate) fn holds<S: Strategy>(
    cases: Cases,
    inputs: &S,
    property: impl Fn(S::Value) -> Result<Claim, TestCaseError>,
) {
    let seed = seed();
    let claimed = Cell::new(0);
    let outcome = runner(seed, cases.given).run(inputs, |input| {
        if property(input)? == Claim::Made {
            claimed.set(claimed.get() + 1);
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}\nrepeat with PROPERTY_SEED={seed}");
    }
    assert!(
        claimed.get() >= cases.claimed,
        "of {} inputs, a claim was made of {}, not of {}: PROPERTY_SEED={seed}",
        cases.given,
        claimed.get(),
        cases.claimed
    );
}

/// Returns generated inputs, for tests that send them all to one gateway. Prints the seed, which the harness shows of a test that fails.
#[expect(
    clippy::print_stderr,
    reason = "the harness shows it where a test fails"
)]
pub(crate) fn samples<S: Strategy>(inputs: &S, count: usize) -> Vec<S::Value> {
    let seed = seed();
    eprintln!("repeat with PROPERTY_SEED={seed}");
    let mut runner = runner(seed, 0);
    (0..count)
        .map(|_| inputs.new_tree(&mut runner).unwrap().current())
        .collect()
}

/// Another number each time, but where `PROPERTY_SEED` says which.
#[expect(
    clippy::disallowed_methods,
    reason = "a test run by hand is told so what to try; nothing of the gateway reads it"
)]
fn seed() -> u64 {
    match std::env::var("PROPERTY_SEED") {
        Ok(seed) => seed.parse().expect("PROPERTY_SEED is a number"),
        Err(_) => RandomState::new().hash_one(()),
    }
}

fn runner(seed: u64, cases: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

#[test]
fn a_seed_repeats_what_is_generated() {
    let drawn = |seed| {
        let mut runner = runner(seed, 0);
        let one = |_| {
            proptest::num::u64::ANY
                .new_tree(&mut runner)
                .unwrap()
                .current()
        };
        (0..8).map(one).collect::<Vec<u64>>()
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
}

#[test]
#[should_panic(expected = "of 10 inputs, a claim was made of 0, not of 1")]
fn a_property_that_claims_nothing_fails() {
    let cases = Cases::given(10).claimed(1);
    holds(cases, &proptest::num::u64::ANY, |_| Ok(Claim::None));
}

#[test]
#[should_panic(expected = "minimal failing input: 10")]
fn a_property_that_fails_tells_the_smallest_input() {
    let cases = Cases::given(100).claimed(0);
    holds(cases, &(0..1_000_u64), |number| {
        proptest::prop_assert!(number < 10);
        Ok(Claim::Made)
    });
}
